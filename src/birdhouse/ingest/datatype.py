"""ClickHouse types, read from their text."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from birdhouse.errors import BadRequest

_FAMILY = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*")
_ELEMENT = re.compile(r"\s*(?:`((?:[^`\\]|\\.)+)`|([A-Za-z_][A-Za-z0-9_]*))\s+(?=[A-Za-z])")
_ENUM = re.compile(r"\s*'((?:[^'\\]|\\.|'')*)'\s*(?:=\s*(-?\d+)\s*)?")
_WRAPPERS = {"Nullable": 0, "LowCardinality": 0, "SimpleAggregateFunction": 1}


class DataType(NamedTuple):
    """`family(arguments)`; arguments are text, `nested` reads those that are types."""

    text: str
    family: str
    arguments: tuple[str, ...]

    def nested(self, index: int) -> DataType:
        return parse_type(self.arguments[index])

    def integer(self, index: int, default: int = 0) -> int:
        return int(self.arguments[index]) if index < len(self.arguments) else default

    def elements(self) -> tuple[tuple[str, DataType], ...]:
        """The elements of a Tuple: name ('' when it has none) and type."""
        found = []
        for argument in self.arguments:
            match = _ELEMENT.match(argument)
            name = (match[1] or match[2]) if match else ""
            found.append((name, parse_type(argument[match.end() if match else 0 :])))
        return tuple(found)

    def names(self) -> dict[str, int]:
        """The names of an Enum and their numbers."""
        found: dict[str, int] = {}
        for argument in self.arguments:
            match = _ENUM.fullmatch(argument)
            if match is None:
                raise BadRequest(f"Invalid type '{self.text}'")
            name = re.sub(r"\\(.)|''", lambda m: m[1] or "'", match[1])
            found[name] = int(match[2]) if match[2] else len(found) + 1
        return found

    def unwrap(self) -> tuple[DataType, bool]:
        """The type of the values inside LowCardinality and the like, and whether NULL is one."""
        inner, nullable = self, False
        while inner.family in _WRAPPERS:
            nullable = nullable or inner.family == "Nullable"
            inner = inner.nested(_WRAPPERS[inner.family])
        return inner, nullable or inner.family in ("Dynamic", "Variant")


@lru_cache(maxsize=4096)
def parse_type(text: str) -> DataType:
    """Read a type. Raises `BadRequest` for what is none."""
    match = _FAMILY.match(text)
    if match is None:
        raise BadRequest(f"Invalid type '{text}'")
    rest = text[match.end() :].strip()
    if not rest:
        return DataType(text.strip(), match[1], ())
    if not (rest.startswith("(") and rest.endswith(")")):
        raise BadRequest(f"Invalid type '{text}'")
    return DataType(text.strip(), match[1], tuple(_split(rest[1:-1])))


def _split(text: str) -> list[str]:
    """Cut at the commas outside parentheses and quotes."""
    parts, depth, quote, start, at = [], 0, "", 0, 0
    while at < len(text):
        char = text[at]
        if quote:
            if char == "\\":
                at += 1
            elif char == quote:
                quote = ""
        elif char in "'`\"":
            quote = char
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "," and not depth:
            parts.append(text[start:at].strip())
            start = at + 1
        at += 1
    parts.append(text[start:].strip())
    return [part for part in parts if part]
