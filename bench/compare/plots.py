"""Bars as SVG."""

from __future__ import annotations

import math
from html import escape

COLOURS = ("#1b9e77", "#a6d8c7", "#7570b3", "#d95f02", "#999999")
WIDTH = 820
LEFT = 150
RIGHT = 90
BAR = 13
GAP = 12
TOP = 62

Groups = dict[str, dict[str, float]]
"""Group, then series, then value; all groups have the series of the first, or fewer."""


def bars(title: str, groups: Groups) -> str:
    """Groups of horizontal bars, on a scale where every step is ten times the one before."""
    series = list(dict.fromkeys(name for group in groups.values() for name in group))
    values = [value for group in groups.values() for value in group.values() if value > 0]
    low = math.floor(math.log10(min(values)))
    high = math.log10(max(values))
    scale = (WIDTH - LEFT - RIGHT) / max(high - low, 1)
    parts, y = [], TOP
    for name, group in groups.items():
        middle = y + len(group) * BAR / 2 + 4
        parts.append(_text(LEFT - 8, middle, name, anchor="end"))
        for label, value in group.items():
            width = max(1.0, (math.log10(value) - low) * scale) if value > 0 else 1.0
            colour = COLOURS[series.index(label) % len(COLOURS)]
            parts.append(
                f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 2}" fill="{colour}"/>'
            )
            parts.append(_text(LEFT + width + 5, y + BAR - 3, number(value), size=10))
            y += BAR
        y += GAP
    lines = [
        f'<line x1="{LEFT + (tick - low) * scale:.1f}" x2="{LEFT + (tick - low) * scale:.1f}" '
        f'y1="{TOP - 6}" y2="{y - GAP}" stroke="#ddd"/>'
        for tick in range(low, math.floor(high) + 1)
    ]
    head = [_text(12, 20, f"{title} (logarithmic)", size=14, weight="bold")]
    x = 12.0
    for place, label in enumerate(series):
        colour = COLOURS[place % len(COLOURS)]
        head.append(f'<rect x="{x:.0f}" y="32" width="11" height="11" fill="{colour}"/>')
        head.append(_text(x + 16, 42, label, size=11))
        x += 34 + 6.2 * len(label)
    opening = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" '
        f'viewBox="0 0 {WIDTH} {y}" font-family="sans-serif">'
    )
    ground = '<rect width="100%" height="100%" fill="white"/>'
    return "\n".join([opening, ground, *head, *lines, *parts, "</svg>\n"])


def number(value: float) -> str:
    """Three digits that count, at most two after the point."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _text(
    x: float, y: float, text: str, size: int = 12, weight: str = "normal", anchor: str = "start"
) -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(text)}</text>'
    )
