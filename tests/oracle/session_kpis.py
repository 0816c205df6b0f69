"""The key figures of the sessions of a period, and of an earlier one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from tests.oracle.clock import Period, period, written
from tests.oracle.session_rows import Row
from tests.oracle.sessions import Session, sessions

Figures = dict[str, float | None]


def session_kpis(
    rows: Iterable[Row],
    start: str,
    end: str,
    *,
    zone: str = "UTC",
    bounce: str = "engaged",
    compare: str = "none",
) -> list[dict[str, Any]]:
    """The rows of the endpoint, for rows of one tenant; `start` and `end` are local times."""
    rows = list(rows)
    now = period(start, end, zone)
    definitions = {"bounce": bounce, "uniques": "exact"}
    if compare == "none":
        figures = _figures(sessions(rows, now), bounce)
        return [{"period": "current", **_ends(now), **figures, **definitions}]
    before = period(*_earlier(start, end, compare), zone)
    current = _figures(sessions(rows, now, before), bounce)
    previous = _figures(sessions(rows, before, now), bounce)
    change = {name: _change(current[name], previous[name]) for name in current}
    return [
        {"period": "current", **_ends(now), **current, **definitions},
        {"period": "previous", **_ends(before), **previous, **definitions},
        {"period": "change", **_ends(None), **change, **definitions},
    ]


def _ends(of: Period | None) -> dict[str, str | None]:
    since, until = (written(of.since), written(of.until)) if of else (None, None)
    return {"period_start": since, "period_end": until}


def _earlier(start: str, end: str, compare: str) -> tuple[str, str]:
    first, last = datetime.fromisoformat(start), datetime.fromisoformat(end)
    match compare:
        case "previous":
            length = last - first + timedelta(seconds=1)
            return str(first - length), str(last - length)
        case "week":
            return str(first - timedelta(days=7)), str(last - timedelta(days=7))
        case _:
            return str(first.replace(year=first.year - 1)), str(last.replace(year=last.year - 1))


def _figures(found: list[Session], bounce: str) -> Figures:
    durations = sorted(session.duration for session in found)
    events = sum(len(session.rows) for session in found)
    page_views = sum(session.page_views for session in found)
    bounces = sum(session.bounced(bounce) for session in found)
    return {
        "session_count": len(found),
        "unique_users": len({session.user_id for session in found} - {""}),
        "event_count": events,
        "page_view_count": page_views,
        "bounce_rate": ratio(bounces, len(found)),
        "average_duration_seconds": ratio(sum(durations), len(found)),
        "median_duration_seconds": quantile(durations, 0.5),
        "p95_duration_seconds": quantile(durations, 0.95),
        "events_per_session": ratio(events, len(found)),
        "page_views_per_session": ratio(page_views, len(found)),
    }


def ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _change(now: float | None, before: float | None) -> float | None:
    return None if now is None or not before else (now - before) / before


def quantile(values: list[int], level: float) -> float | None:
    """Of sorted values, interpolated between the two nearest."""
    if not values:
        return None
    place = level * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    return values[below] + (values[above] - values[below]) * (place - below)
