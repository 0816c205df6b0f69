"""The sessions of a period, one by one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.oracle.clock import Period, written
from tests.oracle.session_rows import Row, page
from tests.oracle.sessions import Session, sessions


def session_list(
    rows: Iterable[Row],
    period: Period,
    *,
    order_by: str = "start",
    bounce: str = "engaged",
    filters: dict[str, str] | None = None,
) -> list[dict[str, Any]]:
    """All rows of the endpoint but for `tenant_id` and `cursor`, for rows of one tenant."""
    found = [each for each in sessions(rows, period) if matches(each, filters or {})]
    found.sort(key=lambda session: session.session_id.encode())
    found.sort(key=lambda session: _places(session)[order_by], reverse=True)
    return [
        {
            "session_id": session.session_id,
            "user_id": session.user_id,
            "session_start": written(session.start),
            "last_activity": written(session.end),
            "session_duration_seconds": session.duration,
            "event_count": len(session.rows),
            "page_view_count": session.page_views,
            "entry_page": page(session.entry),
            "exit_page": session.exit_page,
            "referrer": session.entry["referrer"],
            "device_type": session.entry["device_type"],
            "browser": session.entry["browser"],
            "is_bounce": int(session.bounced(bounce)),
            "bounce": bounce,
        }
        for session in found
    ]


def _places(session: Session) -> dict[str, int]:
    return {
        "start": session.start,
        "last_activity": session.end,
        "duration": session.duration,
        "events": len(session.rows),
    }


def matches(session: Session, filters: dict[str, str]) -> bool:
    """Whether a session has all that the filters ask for."""
    has = {
        "user_id": {row["user_id"] for row in session.rows},
        "page": {page(row) for row in session.rows},
        "device_type": {session.entry["device_type"]},
        "browser": {session.entry["browser"]},
    }
    return all(value in has[name] for name, value in filters.items())
