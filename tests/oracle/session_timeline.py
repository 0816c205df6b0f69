"""What happened in a session."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

from tests.oracle.session_rows import Row, at, page

SHOWN = (
    "user_id",
    "event_type",
    "page_url",
    "referrer",
    "event_data",
    "device_type",
    "browser",
)


def session_timeline(rows: Iterable[Row], session_id: str) -> list[dict[str, Any]]:
    """The rows of the endpoint for one tenant, without those that only page through them.

    Nothing is said of the order of rows of the same second.
    """
    steps = sorted((row for row in rows if row["session_id"] == session_id), key=at)
    since_previous = [None, *(at(row) - at(before) for before, row in pairwise(steps))]
    return [
        {
            "created_at": row["created_at"],
            "seconds_since_start": at(row) - at(steps[0]),
            "seconds_since_previous": seconds,
            "page": page(row),
            **{name: row[name] for name in SHOWN},
        }
        for row, seconds in zip(steps, since_previous, strict=False)
    ]
