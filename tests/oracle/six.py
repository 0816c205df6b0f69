"""What the six endpoints answer, written as plainly as possible over lists of rows.

`sessions` are rows of `user_sessions` and `events` rows of `events`, as they were sent, in any
order and with whatever was sent again. Times are texts, which sort as times do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

Row = dict[str, Any]


def distinct_steps(sessions: Iterable[Row]) -> list[Row]:
    """Each row once: rows without an event id are all distinct, true twins included."""
    found: dict[object, Row] = {}
    for number, row in enumerate(sessions):
        same = (
            row["tenant_id"],
            row["session_id"],
            row["created_at"],
            row["event_type"],
            row["user_id"],
            row.get("event_id") or number,
        )
        if same not in found or row["updated_at"] > found[same]["updated_at"]:
            found[same] = row
    return list(found.values())


def distinct_events(events: Iterable[Row]) -> list[Row]:
    """Each event once."""
    named = ("event_id", "timestamp", "event_type", "user_id", "session_id", "platform")
    same = {(*(row[name] for name in named), row.get("tenant_id", "")): row for row in events}
    return list(same.values())


def _keep(rows: Iterable[Row], time: str, params: Row, *equal: str) -> list[Row]:
    since = params.get("from_date", params.get("start_date", ""))
    until = params.get("to_date", params.get("end_date", "9999"))
    return [
        row
        for row in rows
        if since <= row[time] <= until
        and all(row.get(name, "") == params[name] for name in equal if name in params)
    ]


def _seconds(first: str, last: str) -> int:
    spent = datetime.fromisoformat(last) - datetime.fromisoformat(first)
    return int(spent.total_seconds())


def get_active_sessions(sessions: Iterable[Row], params: Row, now: str) -> list[Row]:
    grouped = defaultdict(list)
    for row in _keep(distinct_steps(sessions), "created_at", params, "tenant_id"):
        grouped[row["session_id"], row["tenant_id"]].append(row)
    answer = []
    for (session, tenant), steps in grouped.items():
        steps.sort(key=lambda row: (row["created_at"], row["updated_at"], row["event_type"]))
        named = [
            (row["created_at"], row["updated_at"], row["user_id"])
            for row in steps
            if row["user_id"]
        ]
        first, last = steps[0]["created_at"], steps[-1]["created_at"]
        if "user_id" in params and params["user_id"] not in [row["user_id"] for row in steps]:
            continue
        if "active_within" in params and _seconds(last, now) > int(params["active_within"]):
            continue
        answer.append(
            {
                "session_id": session,
                "user_id": max(named)[2] if named else "",
                "tenant_id": tenant,
                "session_start": first,
                "last_activity": last,
                "session_duration_seconds": _seconds(first, last),
                "event_count": len(steps),
                "events": [row["event_type"] for row in steps],
            }
        )
    answer.sort(key=lambda row: (row["session_id"].encode(), row["tenant_id"].encode()))
    answer.sort(key=lambda row: row["last_activity"], reverse=True)
    return answer[: int(params.get("limit", 100))]


def tenant_activity_summary(sessions: Iterable[Row], params: Row) -> list[Row]:
    grouped = defaultdict(list)
    for row in _keep(distinct_steps(sessions), "created_at", params, "tenant_id"):
        grouped[row["tenant_id"]].append(row)
    answer = [
        {
            "tenant_id": tenant,
            "total_sessions": len({row["session_id"] for row in rows}),
            "total_users": len({row["user_id"] for row in rows} - {""}),
            "first_activity": min(row["created_at"] for row in rows),
            "last_activity": max(row["created_at"] for row in rows),
            "total_events": len(rows),
        }
        for tenant, rows in grouped.items()
    ]
    answer.sort(key=lambda row: (-row["total_events"], row["tenant_id"].encode()))
    return answer[: int(params.get("limit", 50))]


DETAILS = [
    "session_id",
    "user_id",
    "tenant_id",
    "event_type",
    "event_data",
    "page_url",
    "referrer",
    "device_type",
    "browser",
    "ip_address",
    "created_at",
    "updated_at",
]
_ORDER = [
    "created_at",
    "updated_at",
    "tenant_id",
    "user_id",
    "event_type",
    "page_url",
    "referrer",
    "event_data",
    "device_type",
    "browser",
    "ip_address",
]


def get_session_details(sessions: Iterable[Row], params: Row) -> list[Row]:
    rows = _keep(distinct_steps(sessions), "created_at", {}, *())
    rows = [
        {name: row[name] for name in DETAILS}
        for row in rows
        if row["session_id"] == params["session_id"]
        and row["tenant_id"] == params.get("tenant_id", row["tenant_id"])
    ]
    return sorted(rows, key=lambda row: [row[name].encode() for name in _ORDER])


EVENT = [
    "event_id",
    "event_type",
    "user_id",
    "session_id",
    "timestamp",
    "platform",
    "app_version",
    "device_type",
    "os",
    "country",
    "properties",
]


def _newest_first(events: list[Row]) -> list[Row]:
    ties = ("event_id", "tenant_id", "event_type", "user_id", "session_id", "platform")

    def place(row: Row) -> list[bytes]:
        return [row["timestamp"].encode(), *(row.get(name, "").encode() for name in ties)]

    return sorted(events, key=place, reverse=True)


def get_events(events: Iterable[Row], params: Row) -> list[Row]:
    equal = ("tenant_id", "event_type", "user_id", "platform")
    found = _newest_first(_keep(distinct_events(events), "timestamp", params, *equal))
    return [{name: row[name] for name in EVENT} for row in found[: int(params.get("limit", 100))]]


def user_activity(events: Iterable[Row], params: Row) -> list[Row]:
    found = _newest_first(
        _keep(distinct_events(events), "timestamp", params, "tenant_id", "user_id")
    )
    if not found:
        return []
    return [
        {
            "user_id": params["user_id"],
            "session_count": len({row["session_id"] for row in found} - {""}),
            "event_count": len(found),
            "first_seen": found[-1]["timestamp"],
            "last_seen": found[0]["timestamp"],
            "recent_events": [row["event_type"] for row in found[:10]],
            "platforms_used": sorted({row["platform"] for row in found} - {""}, key=str.encode),
        }
    ]


def event_stats(events: Iterable[Row], params: Row) -> list[Row]:
    grouped = defaultdict(list)
    for row in _keep(distinct_events(events), "timestamp", params, "tenant_id", "platform"):
        grouped[row["event_type"]].append(row)
    answer = [
        {
            "event_type": kind,
            "event_count": len(rows),
            "unique_users": len({row["user_id"] for row in rows} - {""}),
            "first_seen": min(row["timestamp"] for row in rows),
            "last_seen": max(row["timestamp"] for row in rows),
            "session_count": len({row["session_id"] for row in rows} - {""}),
        }
        for kind, rows in grouped.items()
    ]
    return sorted(answer, key=lambda row: (-row["event_count"], row["event_type"].encode()))
