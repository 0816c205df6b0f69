"""New, returning, resurrected and dormant users."""

from __future__ import annotations

from typing import Any

from tests.oracle.clock import BEGINNING, END, Period, shown, written
from tests.oracle.event_rows import Row, at, matching
from tests.oracle.intervals import interval, intervals


def lifecycle(
    rows: list[Row],
    period: Period,
    *,
    zone: str,
    length: str,
    as_of: int,
    limit: int = 30,
    filters: dict[str, str] | None = None,
) -> list[dict[str, Any]]:
    """The rows of the endpoint, for events of one tenant."""
    events = [row for row in matching(rows, filters, Period(until=period.until)) if row["user_id"]]
    if not events and (period.since == BEGINNING or period.until == END):
        return []
    first = period.since if period.since != BEGINNING else min(map(at, events))
    last = period.until if period.until != END else max(map(at, events))
    active: dict[Period, set[str]] = {}
    for row in events:
        active.setdefault(interval(at(row), length, zone), set()).add(row["user_id"])
    found = []
    for each in intervals(Period(first, last), length, zone):
        here = active.get(each, set())
        before = active.get(interval(each.since - 1, length, zone), set())
        earlier = {user for when, users in active.items() if when < each for user in users}
        found.append(
            {
                "interval_start": written(each.since),
                "local_start": shown(each.since, zone),
                "unique_users": len(here),
                "new_users": len(here - earlier),
                "returning_users": len(here & before),
                "resurrected_users": len(here & earlier - before),
                "dormant_users": len(before - here),
                "is_partial": int(each.until > period.until or as_of <= each.until),
                "interval": length,
                "uniques": "exact",
            }
        )
    return found[-limit:]
