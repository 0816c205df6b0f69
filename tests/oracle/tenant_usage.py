"""What a tenant used, day by day."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.oracle import event_rows, session_rows
from tests.oracle.clock import Period, day, day_start
from tests.oracle.event_rows import Row, distinct
from tests.oracle.intervals import following


def tenant_usage(
    tenant: str, events: list[Row], steps: list[Row], period: Period, *, zone: str, as_of: int
) -> list[dict[str, Any]]:
    """All rows of the endpoint but for `cursor`, for rows that tell their tenant."""
    used: dict[date, list[Row]] = {}
    for at, rows in ((event_rows.at, events), (session_rows.at, steps)):
        for row in rows:
            if at(row) in period:
                used.setdefault(day(at(row), zone), []).append(row)
    found = []
    for when in sorted(used, reverse=True):
        rows = used[when]
        since, past = day_start(when, zone), day_start(following(when, "day"), zone)
        found.append(
            {
                "tenant_id": tenant,
                "day": str(when),
                "event_count": sum("timestamp" in row for row in rows),
                "session_row_count": sum("created_at" in row for row in rows),
                "session_count": distinct(rows, "session_id"),
                "unique_users": distinct(rows, "user_id"),
                "bytes": sum(map(_size, rows)),
                "is_partial": int(since < period.since or past - 1 > period.until or past > as_of),
                "uniques": "exact",
            }
        )
    return found


def _size(row: Row) -> int:
    """The bytes of all texts, and four for each time."""
    times = {"timestamp", "created_at", "updated_at"}
    return sum(4 if name in times else len(value.encode()) for name, value in row.items())
