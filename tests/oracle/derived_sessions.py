"""Sessions by inactivity alone."""

from __future__ import annotations

from typing import Any

from tests.oracle.clock import Period, written
from tests.oracle.event_rows import Row, at, matching

DAY = 86_400


def derived_sessions(
    rows: list[Row],
    period: Period,
    *,
    timeout: int = 1800,
    filters: dict[str, str] | None = None,
) -> list[dict[str, Any]]:
    """All rows of the endpoint but for `tenant_id` and `cursor`, for events of one tenant."""
    read = Period(period.since - DAY, period.until + DAY)
    sessions: list[list[Row]] = []
    latest: dict[str, list[Row]] = {}
    events = matching(rows, filters, read)
    for row in sorted(events, key=lambda row: (at(row), row["event_id"].encode())):
        if not (user := row["user_id"]):
            continue
        if user not in latest or at(row) - at(latest[user][-1]) > timeout:
            sessions.append([])
            latest[user] = sessions[-1]
        latest[user].append(row)
    began = [session for session in sessions if at(session[0]) in period]
    began.sort(key=lambda session: (-at(session[0]), session[0]["user_id"].encode()))
    return [
        {
            "user_id": session[0]["user_id"],
            "session_start": written(at(session[0])),
            "last_activity": written(at(session[-1])),
            "session_duration_seconds": at(session[-1]) - at(session[0]),
            "event_count": len(session),
            "first_event_type": session[0]["event_type"],
            "last_event_type": session[-1]["event_type"],
            "timeout": timeout,
        }
        for session in began
    ]
