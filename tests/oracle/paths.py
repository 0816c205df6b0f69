"""What happens after an event, or before one."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import groupby
from typing import Any

from tests.oracle.clock import Period
from tests.oracle.event_rows import Row, at, matching


def paths(
    rows: list[Row],
    *,
    from_event: str | None = None,
    to_event: str | None = None,
    depth: int = 3,
    unit: str = "session",
    repeats: str = "collapse",
    limit: int = 10,
    period: Period = Period(),  # noqa: B008
    filters: dict[str, str] | None = None,
) -> list[dict[str, Any]]:
    """The rows of the endpoint, for events of one tenant."""
    units = defaultdict(list)
    events = matching(rows, filters, period)
    for row in sorted(events, key=lambda row: (at(row), row["event_id"].encode())):
        if row[f"{unit}_id"]:
            units[row[f"{unit}_id"]].append(row["event_type"])
    found: Counter[tuple[str, ...]] = Counter()
    for types in units.values():
        kept = types if repeats == "keep" else [kind for kind, _ in groupby(types)]
        if to_event is not None and to_event in kept:
            end = len(kept) - kept[::-1].index(to_event)
            found[tuple(kept[max(0, end - depth - 1) : end])] += 1
        elif to_event is None and (from_event is None or from_event in kept):
            start = 0 if from_event is None else kept.index(from_event)
            found[tuple(kept[start : start + depth + 1])] += 1
    ranked = sorted(found, key=lambda path: (-found[path], [kind.encode() for kind in path]))
    lines = [(list(path), 0, found[path]) for path in ranked[:limit]]
    if ranked[limit:]:
        lines.append((["(other)"], 1, sum(found[path] for path in ranked[limit:])))
    return [
        {
            "path": path,
            "is_other": is_other,
            "unit_count": count,
            "share": count / found.total(),
            "total_unit_count": found.total(),
            "unit": unit,
            "repeats": repeats,
            "uniques": "exact",
        }
        for path, is_other, count in lines
    ]
