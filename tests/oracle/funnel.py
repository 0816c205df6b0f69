"""Steps in their order, within a time from the first one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from statistics import fmean, median
from typing import Any

from tests.oracle.clock import Period
from tests.oracle.event_rows import Row, at, matching

Event = tuple[int, str]


def funnel(
    rows: list[Row],
    steps: list[str],
    *,
    window: int = 604_800,
    unit: str = "user",
    ties: str = "any",
    period: Period = Period(),  # noqa: B008
    filters: dict[str, str] | None = None,
) -> list[dict[str, Any]]:
    """The rows of the endpoint, for events of one tenant."""
    units = defaultdict(list)
    for row in matching(rows, filters, period):
        if row[f"{unit}_id"] and row["event_type"] in steps:
            units[row[f"{unit}_id"]].append((at(row), row["event_type"]))
    soonest: list[list[int]] = [[] for _ in steps]
    for events in units.values():
        events.sort(key=lambda event: (event[0], steps.index(event[1])))
        reached: dict[int, int] = {}
        for chain in _chains(events, steps, ties == "strict"):
            seconds = chain[-1] - chain[0]
            if seconds <= window:
                reached[len(chain)] = min(seconds, reached.get(len(chain), seconds))
        for length, seconds in reached.items():
            soonest[length - 1].append(seconds)
    counts = [len(found) for found in soonest]
    return [
        {
            "step": number + 1,
            "event_type": step,
            "unit_count": counts[number],
            "conversion_rate": counts[number] / counts[0] if counts[0] else None,
            "step_conversion_rate": (
                counts[number] / counts[number - 1] if number and counts[number - 1] else None
            ),
            "drop_off_count": counts[number - 1] - counts[number] if number else 0,
            "average_seconds": fmean(soonest[number]) if soonest[number] else None,
            "median_seconds": median(soonest[number]) if soonest[number] else None,
            "unit": unit,
            "window": window,
            "ties": ties,
            "uniques": "exact",
        }
        for number, step in enumerate(steps)
    ]


def _chains(events: list[Event], steps: list[str], strict: bool) -> Iterator[list[int]]:
    """The times of all chains of events that are the first steps in their order."""
    waiting = [(-1, list[int]())]
    while waiting:
        last, times = waiting.pop()
        if times:
            yield times
        for number in range(last + 1, len(events)):
            when, kind = events[number]
            tied = strict and times and when == times[-1]
            if len(times) < len(steps) and kind == steps[len(times)] and not tied:
                waiting.append((number, [*times, when]))
