"""Users of a day, of a week and of a month, day by day."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from tests.oracle.clock import BEGINNING, END, Period, day, shown, written
from tests.oracle.event_rows import Row, at, matching
from tests.oracle.intervals import intervals


def active_users(
    rows: list[Row],
    period: Period,
    *,
    zone: str,
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
    found = []
    for each in intervals(Period(first, last), "day", zone):
        today = day(each.since, zone)

        def users(days: int, today: Any = today) -> int:
            since = today - timedelta(days=days - 1)
            return len({row["user_id"] for row in events if since <= day(at(row), zone) <= today})

        daily, weekly, monthly = users(1), users(7), users(30)
        found.append(
            {
                "interval_start": written(each.since),
                "local_start": shown(each.since, zone),
                "daily_users": daily,
                "weekly_users": weekly,
                "monthly_users": monthly,
                "daily_per_weekly": daily / weekly if weekly else None,
                "stickiness": daily / monthly if monthly else None,
                "is_partial": int(each.until > period.until or as_of <= each.until),
                "uniques": "exact",
            }
        )
    return found[-limit:]
