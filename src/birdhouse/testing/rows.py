"""Rows of an answer, and in what they differ from the rows that a test expects."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from difflib import SequenceMatcher
from typing import Any

Row = dict[str, Any]

_SHOWN = 10
"""Differing rows in a report that is not asked to be long."""
_WIDTH = 160
"""Characters of a value, likewise."""


class Rows(list[Row]):
    """A list of rows like any other, but a failed `==` says which rows and columns differ.

    `source` is what they are the answer of, such as "endpoint get_events".
    """

    def __init__(self, rows: Iterable[Row], source: str = "rows") -> None:
        super().__init__(rows)
        self.source = source


def differences(found: Sequence[Row], expected: Sequence[Row], *, whole: bool = False) -> list[str]:
    """The difference, a line each; rows are counted from 0. `whole` leaves nothing out."""
    keys, expected_keys = list(map(_key, found)), list(map(_key, expected))
    order = _order(keys, expected_keys)
    if order is not None:
        return [f"the same {len(found)} rows in another order: {order}"]
    report = _Report(whole)
    same = 0
    matcher = SequenceMatcher(None, keys, expected_keys, autojunk=False)
    for tag, start, end, expected_start, expected_end in matcher.get_opcodes():
        if tag == "equal":
            same += end - start
            continue
        pairs = min(end - start, expected_end - expected_start)
        for offset in range(pairs):
            here, there = start + offset, expected_start + offset
            where = f"row {here}" if here == there else f"row {here} (expected as row {there})"
            report.pair(where, found[here], expected[there])
        for index in range(start + pairs, end):
            report.single(f"row {index} was not expected", found[index])
        for index in range(expected_start + pairs, expected_end):
            report.single(f"row {index} is missing", expected[index])
    return [f"{same} of {len(expected)} expected rows are there", *report.lines()]


class _Report:
    def __init__(self, whole: bool) -> None:
        self._whole = whole
        self._entries: list[list[str]] = []

    def pair(self, where: str, found: Row, expected: Row) -> None:
        lines = [f"{where}:"]
        for column in {**expected, **found}:
            if column not in found:
                lines.append(f"    {column} is missing: {self._show(expected[column])}")
            elif column not in expected:
                lines.append(f"    {column} was not expected: {self._show(found[column])}")
            elif found[column] != expected[column]:
                lines += self._values(column, found[column], expected[column])
        if len(lines) == 1:
            lines.append("    has its columns in another order")
        self._entries.append(lines)

    def _values(self, column: str, found: Any, expected: Any) -> list[str]:
        if isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
            pairs = zip(found, expected, strict=True)
            index = next(i for i, (one, other) in enumerate(pairs) if one != other)
            column, found, expected = f"{column}[{index}]", found[index], expected[index]
        shown = self._show(found), self._show(expected)
        hint = ""
        if str(found) == str(expected):
            hint = f"   ({type(found).__name__}, expected {type(expected).__name__})"
        return [
            f"    {column}",
            f"        found     {shown[0]}",
            f"        expected  {shown[1]}{hint}",
        ]

    def single(self, title: str, row: Row) -> None:
        self._entries.append([f"{title}: {self._show(row)}"])

    def _show(self, value: Any) -> str:
        text = repr(value)
        if self._whole or len(text) <= _WIDTH:
            return text
        return f"{text[:_WIDTH]}… ({len(text)} characters)"

    def lines(self) -> list[str]:
        shown = self._entries if self._whole else self._entries[:_SHOWN]
        lines = [line for entry in shown for line in entry]
        if len(shown) < len(self._entries):
            lines.append(f"… and {len(self._entries) - len(shown)} more (pytest -vv shows all)")
        return lines


def _order(found: list[Hashable], expected: list[Hashable]) -> str | None:
    """Where the expected rows stand, when they are the found ones in another order."""
    if len(found) != len(expected) or found == expected:
        return None
    places: dict[Hashable, list[int]] = {}
    for index, key in enumerate(found):
        places.setdefault(key, []).append(index)
    order = []
    for key in expected:
        if not places.get(key):
            return None
        order.append(places[key].pop(0))
    return f"the expected ones are, in turn, rows {', '.join(map(str, order))}"


def _key(value: Any) -> Hashable:
    """Something to hash a row by, equal where the rows are."""
    if isinstance(value, dict):
        return frozenset((name, _key(held)) for name, held in value.items())
    if isinstance(value, list):
        return tuple(map(_key, value))
    return value if isinstance(value, Hashable) else repr(value)
