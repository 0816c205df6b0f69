"""Intervals of the local clock."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.oracle.clock import Period, day, day_start

SECONDS = {
    "minute": 60,
    "5_minutes": 300,
    "15_minutes": 900,
    "30_minutes": 1800,
    "hour": 3600,
}
INTERVALS = [*SECONDS, "day", "week", "month", "quarter", "year"]


def interval(instant: int, length: str, zone: str) -> Period:
    """The interval in which a moment lies."""
    if length in SECONDS:
        shown = datetime.fromtimestamp(instant, ZoneInfo(zone))
        offset = shown.utcoffset() or timedelta()
        start = instant - int(instant + offset.total_seconds()) % SECONDS[length]
        return Period(start, start + SECONDS[length] - 1)
    first = first_day(day(instant, zone), length)
    return Period(day_start(first, zone), day_start(following(first, length), zone) - 1)


def first_day(of: date, length: str) -> date:
    """The first day of the interval in which a day lies."""
    match length:
        case "day":
            return of
        case "week":
            return of - timedelta(days=of.weekday())
        case "month":
            return of.replace(day=1)
        case "quarter":
            return of.replace(month=(of.month - 1) // 3 * 3 + 1, day=1)
        case _:
            return of.replace(month=1, day=1)


def following(first: date, length: str) -> date:
    """The first day of the next interval."""
    days = {"day": 1, "week": 7, "month": 32, "quarter": 94, "year": 367}[length]
    return first_day(first + timedelta(days=days), length)


def intervals(period: Period, length: str, zone: str) -> list[Period]:
    """All intervals that have a part in a period, in the order of time."""
    step = min(SECONDS.get(length, 3600), 1800)
    moments = [*range(period.since, period.until + 1, step), period.until]
    found = {interval(moment, length, zone) for moment in moments if moment in period}
    return sorted(found)
