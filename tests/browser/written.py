"""Numbers as the dashboard writes them in American English."""

from __future__ import annotations

from datetime import datetime
from math import floor

NOTHING = "\u2013"


def number(value: float) -> str:
    return f"{value:,.0f}"


def decimal(value: float | None) -> str:
    """At most one digit after the point."""
    return NOTHING if value is None else f"{value:,.1f}".removesuffix(".0")


def percent(value: float | None) -> str:
    return NOTHING if value is None else f"{decimal(100 * value)}%"


def duration(seconds: float) -> str:
    left = floor(seconds + 0.5)  # as JavaScript rounds
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        parts.append((left // size, unit))
        left %= size
    first = next((index for index, (count, _) in enumerate(parts) if count), None)
    if first is None:
        return "0s"
    return " ".join(f"{count}{unit}" for count, unit in parts[first : first + 2] if count)


def day(text: str) -> str:
    """Apr 28, 2025."""
    return f"{datetime.fromisoformat(text):%b} {int(text[8:10])}, {text[:4]}"
