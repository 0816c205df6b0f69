"""A typed decoder of whole bodies: the fast check.

Bodies that it takes go to the engine as they are, so it must take no value that the engine reads
as another one; what it refuses is looked at value by value. So it knows the plain spellings only:
an integer as a JSON integer, a time as an ISO text or a count of seconds.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import msgspec

from birdhouse.ingest.datatype import DataType
from birdhouse.ingest.values import integer_bounds

_FLOAT32 = Annotated[float, msgspec.Meta(ge=-3.4e38, le=3.4e38)]
_IPV4 = Annotated[str, msgspec.Meta(pattern=r"^(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:\.(?!$)|$)){4}$")]
_IPV6 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-fA-F:.]{2,45}$")]
_INT64 = 1 << 63
_SECONDS = Annotated[int, msgspec.Meta(ge=1_000_000_000, le=(1 << 32) - 1)]
"""Ten digits: the engine reads shorter numbers as parts of a date."""
_COUNTS = {
    scale: Annotated[int, msgspec.Meta(ge=10 ** (9 + scale), le=10 ** (10 + scale) - 1)]
    for scale in (3, 6)
}
"""Milli- and microseconds, with as many digits as they have nowadays: the engine takes any number
for that."""
_ESCAPED_KEY = re.compile(rb'\\[u/][^"\\]*"\s*:')
"""In a tuple, the engine does not read the escapes of a key. No key of ours needs another one."""
_DOCUMENT = dict[str, Any] | list[Any]
"""Which a String column keeps as the text that was sent."""

REFUSALS = (msgspec.MsgspecError, ValueError, ArithmeticError, RecursionError)
"""What decoding of arbitrary bytes may raise. ArithmeticError: a Decimal NaN has no order."""


class Key(NamedTuple):
    """The path of keys down to a value: what type it fills, and whether an object may lack it."""

    path: tuple[str, ...]
    type: DataType
    optional: bool


class Shape(NamedTuple):
    """How one type is checked: by msgspec alone, or by the range of an attribute as well."""

    annotation: Any
    attribute: str = ""
    low: int = 0
    high: int = 0


def shape(type_: DataType) -> Shape | None:
    """The check of a type, None when only a look at each value can tell."""
    inner, nullable = type_.unwrap()
    found = _shape(inner)
    if found is None or not nullable:
        return found
    return found._replace(annotation=found.annotation | None)


def _shape(inner: DataType) -> Shape | None:
    bounds = integer_bounds(inner.family)
    if bounds is not None:
        return _integer(*bounds)
    match inner.family:
        case "String":
            return Shape(str)
        case "FixedString":
            return Shape(Annotated[str, msgspec.Meta(max_length=inner.integer(0))])
        case "Float32":
            return Shape(_FLOAT32)
        case "Float64":
            return Shape(float)
        case "Bool":
            return Shape(bool)
        case "Decimal":
            limit = 10 ** (inner.integer(0, 10) - inner.integer(1)) - 1
            return Shape(Decimal, "real", -limit, limit)
        # A year less at each end, so that no zone moves a time out of the type's range.
        case "Date":
            return Shape(date, "year", 1970, 2148)
        case "Date32":
            return Shape(date, "year", 1900, 2299)
        case "DateTime":
            return Shape(datetime | _SECONDS, "year", 1971, 2105)
        case "DateTime64":
            scale = inner.integer(0, 3)
            counts = datetime | _COUNTS[scale] if scale in _COUNTS else datetime
            return Shape(counts, "year", 1901, 2260 if scale > 8 else 2298)
        case "UUID":
            return Shape(UUID)
        case "IPv4":
            return Shape(_IPV4)
        case "IPv6":
            return Shape(_IPV6)
        case "Enum8" | "Enum16" | "Enum":
            return Shape(Literal[tuple(inner.names())])
        case "JSON":
            return Shape(dict[str, Any])
        case "Array" | "Map" | "Tuple":
            return _container(inner)
        case _:
            return None


def _integer(low: int, high: int) -> Shape:
    if low >= -_INT64 and high < _INT64:
        return Shape(Annotated[int, msgspec.Meta(ge=low, le=high)])
    # msgspec takes no bounds beyond 64 bits.
    return Shape(int, "real", low, high)


def _container(inner: DataType) -> Shape | None:
    elements = [kind for _, kind in inner.elements()]
    shapes = [shape(kind) for kind in elements]
    annotations = [found.annotation for found in shapes if found and not found.attribute]
    if len(annotations) < len(shapes):
        return None
    names = [name for name, _ in inner.elements()]
    match inner.family:
        case "Array":
            return Shape(list[annotations[0]])  # type: ignore[valid-type]
        case "Map" if elements[0].family in ("String", "LowCardinality"):
            return Shape(dict[str, annotations[1]])  # type: ignore[valid-type]
        case "Tuple" if all(names):
            fields = [
                (f"f{number}", annotation, msgspec.field(name=name))
                for number, (name, annotation) in enumerate(zip(names, annotations, strict=True))
            ]
            return Shape(msgspec.defstruct("Tuple", fields, gc=False))
        case "Tuple" if not any(names):
            return Shape(tuple[tuple(annotations)])  # type: ignore[misc]
        case _:
            return None


def _struct(
    keys: Sequence[tuple[tuple[str, ...], Key, Shape]],
    prefix: str,
    ranges: list[tuple[str, Shape, bool]],
) -> tuple[type[msgspec.Struct], bool]:
    """The struct of what stands below one key, and whether it may be missing as a whole.

    Adds to `ranges` the attributes to look at, with the names that lead to each.
    """
    below: dict[str, list[tuple[tuple[str, ...], Key, Shape]]] = {}
    for path, key, found in keys:
        below.setdefault(path[0], []).append((path[1:], key, found))
    fields: list[Any] = []
    may_lack = True
    for number, (name, inner) in enumerate(below.items()):
        attribute = f"f{number}"
        rest, key, found = inner[0]
        if rest:
            struct, optional = _struct(inner, f"{prefix}{attribute}.", ranges)
            default: Any = {"default_factory": struct} if optional else {}
            annotation: Any = struct
        else:
            optional = key.optional
            default = {"default": None} if optional else {}
            annotation = found.annotation | None if optional else found.annotation
            if found.attribute:
                ranges.append((f"{prefix}{attribute}", found, optional or key.type.unwrap()[1]))
        fields.append((attribute, annotation, msgspec.field(name=name, **default)))
        may_lack = may_lack and optional
    # Rows only hold what JSON holds, so no cycles: they need no garbage collection.
    return msgspec.defstruct("Row", fields, kw_only=True, gc=False), may_lack


class TypedRows:
    """Decodes NDJSON whose objects have these keys. None of its methods changes it."""

    def __init__(self, shapes: Sequence[tuple[Key, Shape]]) -> None:
        ranges: list[tuple[str, Shape, bool]] = []
        row, _ = _struct([(key.path, key, found) for key, found in shapes], "", ranges)
        self._decoder = msgspec.json.Decoder(row)
        self._nested = any(len(key.path) > 1 for key, _ in shapes)
        self._ranges = [
            (attrgetter(name), attrgetter(f"{name}.{check.attribute}"), check, optional)
            for name, check, optional in ranges
        ]

    def count(self, body: bytes | memoryview) -> int | None:
        """The number of rows in the body, None when one of them needs a closer look."""
        if self._nested and _ESCAPED_KEY.search(body):
            return None
        try:
            rows = self._decoder.decode_lines(body)
            return len(rows) if self._in_range(rows) else None
        except REFUSALS:
            return None

    def accepts(self, document: bytes | memoryview | msgspec.Raw) -> bool:
        """Whether the one document is a row as it stands."""
        if self._nested and _ESCAPED_KEY.search(document):
            return False
        try:
            return self._in_range((self._decoder.decode(document),))
        except REFUSALS:
            return False

    def _in_range(self, rows: Sequence[Any]) -> bool:
        for value, measure, check, optional in self._ranges:
            some = [row for row in rows if value(row) is not None] if optional else rows
            try:
                measured = list(map(measure, some))
            except AttributeError:
                # Among times are counts of seconds: the decoder has checked their range.
                found = (getattr(value(row), check.attribute, None) for row in some)
                measured = [number for number in found if number is not None]
            if measured and not (check.low <= min(measured) and max(measured) <= check.high):
                return False
        return True


def _shape_of_key(type_: DataType) -> Shape | None:
    found = shape(type_)
    if found is None or type_.unwrap()[0].family != "String":
        return found
    return found._replace(annotation=found.annotation | _DOCUMENT)


def typed_rows(keys: Sequence[Key]) -> TypedRows | None:
    """The decoder of objects with these keys, None when one of the types has no fast check."""
    shapes = [(key, _shape_of_key(key.type)) for key in keys]
    known = [(key, found) for key, found in shapes if found is not None]
    return TypedRows(known) if len(known) == len(shapes) else None
