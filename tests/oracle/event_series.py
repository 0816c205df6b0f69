"""Events over time."""

from __future__ import annotations

from typing import Any

from tests.oracle.clock import BEGINNING, END, Period, shown, written
from tests.oracle.event_rows import Row, at, distinct, matching
from tests.oracle.intervals import interval, intervals


def event_series(
    rows: list[Row],
    period: Period,
    *,
    zone: str,
    length: str,
    as_of: int,
    limit: int = 1000,
    filters: dict[str, str] | None = None,
) -> list[dict[str, Any]]:
    """The rows of the endpoint, for events of one tenant."""
    events = matching(rows, filters, period)
    first, last = period
    if first == BEGINNING or last == END:
        if not events:
            return []
        first = first if first != BEGINNING else min(map(at, events))
        last = last if last != END else max(map(at, events))
    return [
        {
            "interval_start": written(each.since),
            "local_start": shown(each.since, zone),
            **_counts([row for row in events if interval(at(row), length, zone) == each]),
            "is_partial": int(
                each.since < period.since or each.until > period.until or as_of <= each.until
            ),
            "interval": length,
            "uniques": "exact",
        }
        for each in intervals(Period(first, last), length, zone)
    ][-limit:]


def _counts(events: list[Row]) -> dict[str, int]:
    return {
        "event_count": len(events),
        "unique_users": distinct(events, "user_id"),
        "session_count": distinct(events, "session_id"),
    }
