"""The keys inside the properties of events."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from tests.oracle.clock import Period
from tests.oracle.event_breakdown import as_json, type_of
from tests.oracle.event_rows import Row, at, document, matching


def event_properties(
    rows: list[Row],
    *,
    limit: int = 100,
    period: Period = Period(),  # noqa: B008
    filters: dict[str, str] | None = None,
) -> list[dict[str, Any]]:
    """The rows of the endpoint, for events of one tenant."""
    events = matching(rows, filters, period)
    keys: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in events:
        for key, value in document(row).items():
            keys[key][type_of(value)].append(row)
    counts = {key: sum(map(len, types.values())) for key, types in keys.items()}
    ranked = sorted(keys, key=lambda key: (-counts[key], key.encode()))
    return [
        {
            "key": key,
            "event_count": counts[key],
            "share": counts[key] / len(events),
            "types": [
                {
                    "value_type": kind,
                    "event_count": len(found),
                    "examples": _examples(found, key),
                }
                for kind, found in sorted(
                    keys[key].items(), key=lambda item: (-len(item[1]), item[0])
                )
            ],
            "total_key_count": len(keys),
            "total_event_count": len(events),
        }
        for key in ranked[:limit]
    ]


def _examples(found: list[Row], key: str) -> list[str]:
    """The values of the latest event and of the earliest, if they differ."""
    placed = sorted(found, key=lambda row: (at(row), as_json(document(row), key).encode()))
    values = {as_json(document(row), key): document(row)[key] for row in (placed[-1], placed[0])}
    return [(value if isinstance(value, str) else text)[:100] for text, value in values.items()]
