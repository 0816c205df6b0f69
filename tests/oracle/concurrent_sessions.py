"""How many sessions are open at once."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tests.oracle.clock import BEGINNING, END, Period, shown, written
from tests.oracle.intervals import intervals
from tests.oracle.session_rows import Row, at
from tests.oracle.sessions import DAY, Session, sessions


def concurrent_sessions(
    rows: Iterable[Row],
    period: Period,
    *,
    zone: str,
    length: str,
    as_of: int,
    limit: int = 1000,
) -> list[dict[str, Any]]:
    """The rows of the endpoint, for rows of one tenant."""
    read = Period(period.since - DAY, period.until + DAY)
    found = [
        session
        for session in sessions(row for row in rows if at(row) in read)
        if session.start <= period.until and session.end >= period.since
    ]
    if not found and (period.since == BEGINNING or period.until == END):
        return []
    whole = Period(
        period.since if period.since != BEGINNING else min(session.start for session in found),
        period.until if period.until != END else max(session.end for session in found),
    )
    total, total_at = _peak(found, whole)
    lines = []
    for each in intervals(whole, length, zone):
        part = Period(max(each.since, whole.since), min(each.until, whole.until))
        peak, reached = _peak(found, part)
        lines.append(
            {
                "interval_start": written(each.since),
                "local_start": shown(each.since, zone),
                "peak_session_count": peak,
                "peak_at": written(reached),
                "session_count": sum(session.start in part for session in found),
                "total_peak_session_count": total,
                "total_peak_at": written(total_at),
                "is_partial": int(
                    each.since < period.since or each.until > period.until or as_of <= each.until
                ),
                "interval": length,
            }
        )
    return lines[-limit:]


def _peak(found: list[Session], part: Period) -> tuple[int, int]:
    """The most sessions that are open at once, and when that is so first."""
    moments = [part.since, *(session.start for session in found if session.start in part)]
    counts = [
        (sum(session.start <= moment <= session.end for session in found), -moment)
        for moment in moments
    ]
    count, moment = max(counts)
    return count, -moment
