"""Who comes back, by when they began."""

from __future__ import annotations

from datetime import date
from typing import Any

from tests.oracle.clock import Period, day, day_start, written
from tests.oracle.event_rows import Row, at, matching
from tests.oracle.intervals import first_day, following


def retention(
    rows: list[Row],
    period: Period,
    *,
    zone: str,
    length: str,
    as_of: int,
    cohorts: str = "first_ever",
    mode: str = "on",
    cohort_event: str | None = None,
    return_event: str | None = None,
    intervals: int = 12,
    limit: int = 30,
    filters: dict[str, str] | None = None,
) -> list[dict[str, Any]]:
    """The rows of the endpoint, for events of one tenant."""
    events = matching(rows, filters, Period(until=period.until))
    members: dict[date, set[str]] = {}
    returned: set[tuple[date, str]] = set()
    for user in {row["user_id"] for row in events} - {""}:
        own = [row for row in events if row["user_id"] == user]
        joins = [row for row in own if cohort_event in (None, row["event_type"])]
        if cohorts == "first_ever":
            joins = sorted(joins, key=at)[:1]
        for row in joins:
            if at(row) in period:
                members.setdefault(first_day(day(at(row), zone), length), set()).add(user)
        returned |= {
            (first_day(day(at(row), zone), length), user)
            for row in own
            if return_event in (None, row["event_type"])
        }
    found = []
    for cohort in sorted(members)[-limit:]:
        cell = cohort
        for number in range(intervals + 1):
            since, past = day_start(cell, zone), day_start(following(cell, length), zone)
            back = {
                user
                for when, user in returned
                if user in members[cohort] and (when == cell or (mode != "on" and when > cell))
            }
            if since <= min(period.until, as_of):
                begins = day_start(cohort, zone)
                found.append(
                    {
                        "cohort": str(cohort),
                        "interval_number": number,
                        "interval_start": written(since),
                        "cohort_size": len(members[cohort]),
                        "unique_users": len(back),
                        "retention_rate": len(back) / len(members[cohort]),
                        "is_partial": int(
                            begins < period.since or past - 1 > period.until or past > as_of
                        ),
                        "interval": length,
                        "cohorts": cohorts,
                        "retention": mode,
                        "uniques": "exact",
                    }
                )
            cell = following(cell, length)
    return found
