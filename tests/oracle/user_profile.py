"""One user at a glance."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.oracle.clock import Period, day
from tests.oracle.event_list import event_list
from tests.oracle.event_rows import Row, at, distinct

FREQUENT = {
    "event_types": "event_type",
    "platforms": "platform",
    "app_versions": "app_version",
    "device_types": "device_type",
    "operating_systems": "os",
    "countries": "country",
}


def user_profile(
    rows: list[Row],
    user_id: str,
    *,
    zone: str,
    limit: int = 10,
    period: Period = Period(),  # noqa: B008
    filters: dict[str, str] | None = None,
) -> list[dict[str, Any]]:
    """The row of the endpoint, or none, for events of one tenant."""
    events = event_list(rows, period=period, filters={**(filters or {}), "user_id": user_id})
    if not events:
        return []
    shown = ("timestamp", "event_id", "event_type", "session_id")
    return [
        {
            "user_id": user_id,
            "first_seen": events[-1]["timestamp"],
            "last_seen": events[0]["timestamp"],
            "event_count": len(events),
            "session_count": distinct(events, "session_id"),
            "active_day_count": len({day(at(row), zone) for row in events}),
            **{name: _frequent(events, column, limit) for name, column in FREQUENT.items()},
            "recent_events": [{name: row[name] for name in shown} for row in events[:limit]],
            "uniques": "exact",
        }
    ]


def _frequent(events: list[Row], column: str, limit: int) -> list[dict[str, Any]]:
    counts = Counter(row[column] for row in events if row[column])
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0].encode()))
    return [{"value": value, "event_count": count} for value, count in ranked[:limit]]
