"""Events by the values of a column, or of a key inside their properties."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

from tests.oracle.clock import Period
from tests.oracle.event_rows import Row, distinct, document, matching

TYPES = {str: "string", bool: "boolean", int: "number", float: "number", dict: "object"}


def event_breakdown(
    rows: list[Row],
    by: str,
    limit: int = 10,
    *,
    period: Period = Period(),  # noqa: B008
    filters: dict[str, str] | None = None,
) -> list[dict[str, Any]]:
    """The rows of the endpoint, for events of one tenant."""
    events = matching(rows, filters, period)
    key = by.removeprefix("properties.")
    grouped = defaultdict(list)
    for row in events:
        grouped[row[by] if key == by else as_json(document(row), key)].append(row)
    ranked = sorted(grouped.items(), key=lambda item: (-len(item[1]), item[0].encode()))
    lines = [
        _value(text) if key != by else {"value": text, "value_type": "string"} for text, _ in ranked
    ]
    folded = [found for _, found in ranked[:limit]]
    others = [row for _, found in ranked[limit:] for row in found]
    if others:
        folded.append(others)
        lines[limit:] = [{"value": "(other)", "value_type": "other"}]
    return [
        {
            "by": by,
            **line,
            "is_other": int(line["value_type"] == "other"),
            "event_count": len(found),
            "unique_users": distinct(found, "user_id"),
            "share": len(found) / len(events),
            "total_event_count": len(events),
            "total_unique_users": distinct(events, "user_id"),
            "uniques": "exact",
        }
        for line, found in zip(lines, folded, strict=True)
    ]


def as_json(document: dict[str, Any], key: str) -> str:
    """The value of a key as JSON, written the way that ClickHouse does; '' without the key."""
    if key not in document:
        return ""
    text = json.dumps(document[key], ensure_ascii=False, separators=(",", ":"))
    return text.replace("e+", "e")


def _value(text: str) -> dict[str, str | None]:
    if not text:
        return {"value": None, "value_type": "missing"}
    value = json.loads(text)
    return {
        "value": value if isinstance(value, str) else text,
        "value_type": type_of(value),
    }


def type_of(value: Any) -> str:
    """The name of a JSON type."""
    if value is None:
        return "null"
    return "array" if isinstance(value, list) else TYPES[type(value)]
