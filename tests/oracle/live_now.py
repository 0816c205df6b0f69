"""Who is there now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.oracle.clock import written
from tests.oracle.session_rows import Row, at, page


def live_now(
    rows: Iterable[Row],
    as_of: int,
    *,
    active_within: int = 300,
    minutes: int = 30,
    limit: int = 10,
) -> dict[str, Any]:
    """The one row of the endpoint, for rows of one tenant."""
    past = [row for row in rows if row["session_id"] and at(row) <= as_of]
    live = [row for row in past if at(row) >= as_of - active_within]
    this_minute = as_of - as_of % 60
    pages = Counter(filter(None, _current_pages(live).values()))
    return {
        "as_of": written(as_of),
        "active_within": active_within,
        **_counts(live),
        "uniques": "exact",
        "minutes": [
            {
                "minute": written(minute),
                **_counts([row for row in past if at(row) // 60 * 60 == minute]),
                "is_partial": int(as_of < minute + 59),
            }
            for minute in range(this_minute - 60 * (minutes - 1), this_minute + 1, 60)
        ],
        "pages": [
            {"page": name, "session_count": count}
            for name, count in sorted(pages.items(), key=lambda item: (-item[1], item[0].encode()))
        ][:limit],
    }


def _counts(rows: list[Row]) -> dict[str, int]:
    return {
        "session_count": len({row["session_id"] for row in rows}),
        "unique_users": len({row["user_id"] for row in rows} - {""}),
        "event_count": len(rows),
    }


def _current_pages(rows: list[Row]) -> dict[str, str]:
    """The last page of each session."""
    in_order = sorted(rows, key=lambda row: (at(row), row["updated_at"], row["page_url"].encode()))
    current = {row["session_id"]: "" for row in rows}
    current.update({row["session_id"]: page(row) for row in in_order if page(row)})
    return current
