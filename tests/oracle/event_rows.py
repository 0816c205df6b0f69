"""Histories of `events`, and the filters that every endpoint about them has."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st
from tests.oracle.clock import Period, seconds, written
from tests.oracle.moments import near

Row = dict[str, str]

VALUES = [
    "text",
    "5",
    "größe 🐦",
    "",
    5,
    -7,
    2.5,
    1e300,
    True,
    False,
    None,
    [],
    [1, "a"],
    {},
    {"b": {"c": 1}},
    2**53 + 1,
]
"""Every type that a key of `properties` may have."""
_documents = st.dictionaries(
    st.sampled_from(["plan", "größe", "a.b", "a b"]),
    st.sampled_from(VALUES),
    max_size=3,
).map(lambda document: json.dumps(document, ensure_ascii=False, separators=(",", ":")))
PROPERTIES = st.one_of(_documents, st.sampled_from(["", "not json", "[]", '"text"', "7", "null"]))


def event_histories(at: int, *, days: int = 2, max_size: int = 25) -> st.SearchStrategy[list[Row]]:
    """Events of one tenant around a moment: users and sessions that interleave, and ties."""
    row = st.fixed_dictionaries(
        {
            "event_type": st.sampled_from(["view", "view", "click", "buy", "Ωmega", ""]),
            "user_id": st.sampled_from(["u1", "u1", "u2", "ü 3", ""]),
            "session_id": st.sampled_from(["s1", "s2", "s3", ""]),
            "timestamp": near(at, days=days).map(written),
            "platform": st.sampled_from(["web", "ios"]),
            "app_version": st.sampled_from(["1.0", "2.0"]),
            "device_type": st.just("mobile"),
            "os": st.sampled_from(["iOS", "Linux", ""]),
            "country": st.sampled_from(["FR", "ES"]),
            "properties": PROPERTIES,
        }
    )
    return st.lists(row, max_size=max_size).map(
        lambda rows: [row | {"event_id": f"e{n}"} for n, row in enumerate(rows)]
    )


FILTERS: st.SearchStrategy[dict[str, str]] = st.fixed_dictionaries(
    {},
    optional={
        "event_type": st.sampled_from(["view", ""]),
        "platform": st.sampled_from(["web", "ios"]),
        "os": st.sampled_from(["iOS", ""]),
    },
)


def at(row: Row) -> int:
    """When the event happened."""
    return seconds(row["timestamp"])


def matching(
    rows: list[Row],
    filters: dict[str, str] | None = None,
    period: Period = Period(),  # noqa: B008
) -> list[Row]:
    """The events of a period that match all filters."""
    return [
        row
        for row in rows
        if at(row) in period and all(row[name] == value for name, value in (filters or {}).items())
    ]


def distinct(rows: list[Row], column: str) -> int:
    """How many values a column has; an empty one counts for none."""
    return len({row[column] for row in rows} - {""})


def document(row: Row) -> dict[str, Any]:
    """The object in `properties`, an empty one when there is none."""
    try:
        found = json.loads(row["properties"])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
