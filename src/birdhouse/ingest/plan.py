"""How the JSON documents of one data source become rows of its table.

Compiled once per schema and then only read, from any thread.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

import msgspec

from birdhouse.errors import BadRequest
from birdhouse.ingest.datatype import DataType, parse_type
from birdhouse.ingest.jsonpath import Step, parse_jsonpath
from birdhouse.ingest.landing import Rejection
from birdhouse.ingest.objects import Objects, Path, direct_paths
from birdhouse.ingest.typed import Key, TypedRows, typed_rows
from birdhouse.ingest.values import MISMATCHES, NULL, Reader, reader, text_of
from birdhouse.workspace.resources import Column

DOCUMENT = "$"
"""The column of a rejection that concerns the row as a whole."""

_EMPTY = frozenset({"Array", "Map", "Nested", "JSON"})
"""Types whose value is empty when there is none."""
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_SHOWN = 200
"""Characters of a value that a message shows."""

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Target(NamedTuple):
    """A column that values go to."""

    name: str
    type: DataType
    read: Reader
    nullable: bool
    may_lack: bool
    """Whether a row may come without it: NULL, its DEFAULT or an empty array takes the place."""

    def take(self, value: bytes | None) -> bytes | None:
        """The value as the engine shall read it, None to leave it out. Raises `Mismatch` etc."""
        if value is None or value == NULL:
            if value is not None and self.nullable:
                return NULL
            if self.may_lack:
                return None
            raise ValueError
        return self.read(value)

    def reject(self, value: bytes | None) -> Rejection:
        shown = "" if value is None else text_of(value)
        message = f"value '{_shorten(shown)}' on column '{self.name}' is not {self.kind}"
        return Rejection(self.name, message)

    @property
    def kind(self) -> str:
        return self.type.unwrap()[0].text


class Rejected(NamedTuple):
    """A row that cannot be stored: the text of its columns, None for those it lacks."""

    values: dict[str, str | None]
    errors: tuple[Rejection, ...]


class _Branch:
    """A place in the document: the columns filled from it, and the places below."""

    def __init__(self) -> None:
        self.targets: list[int] = []
        self.keys: dict[str, _Branch] = {}
        self.each: _Branch | None = None
        self.leaf: int | None = None
        """The only target, when there is one and nothing below."""

    def grow(self, steps: tuple[Step, ...], target: int) -> None:
        self.leaf = target if not (steps or self.targets or self.keys or self.each) else None
        if not steps:
            self.targets.append(target)
            return
        first, rest = steps[0], steps[1:]
        if first is None:
            self.each = self.each or _Branch()
            self.each.grow(rest, target)
        else:
            self.keys.setdefault(first, _Branch()).grow(rest, target)

    def below(self) -> list[int]:
        """All targets from here down."""
        found = list(self.targets)
        for branch in [*self.keys.values(), *([self.each] if self.each else [])]:
            found += branch.below()
        return found

    def pick(self, value: bytes | None, found: list[bytes | None]) -> None:
        """Put the text of each target's value into `found`."""
        for target in self.targets:
            found[target] = value
        if self.keys and value is not None and value[:1] == b"{":
            self.pick_keys(_decode_object(value), found)
        if self.each is not None and value is not None and value != NULL:
            self._pick_each(self.each, value, found)

    def pick_keys(self, items: dict[str, msgspec.Raw], found: list[bytes | None]) -> None:
        for key, branch in self.keys.items():
            item = items.get(key)
            if item is None:
                continue
            if branch.leaf is None:
                branch.pick(bytes(item), found)
            else:
                found[branch.leaf] = bytes(item)

    @staticmethod
    def _pick_each(each: _Branch, value: bytes, found: list[bytes | None]) -> None:
        below = each.below()
        if value[:1] != b"[":
            # No array: shown as it is to the reader, which rejects it.
            for target in below:
                found[target] = value
            return
        columns: list[list[bytes]] = [[] for _ in below]
        for item in _decode_array(value):
            inner: list[bytes | None] = [None] * len(found)
            each.pick(bytes(item), inner)
            for column, target in zip(columns, below, strict=True):
                column.append(inner[target] or NULL)
        for column, target in zip(columns, below, strict=True):
            found[target] = b"[%s]" % b",".join(column)


class Plan:
    """The way from JSON documents to rows of one schema.

    `objects` are what `read` gives and what the engine reads.
    """

    def __init__(self, columns: tuple[Column, ...]) -> None:
        paths = {c.name: parse_jsonpath(c.jsonpath) for c in columns if c.jsonpath}
        self.targets = tuple(_target(c) for c in columns if c.name in paths)
        if not self.targets:
            raise BadRequest("The Data Source has no JSONPaths: JSON rows cannot be appended to it")
        self._root = _Branch()
        for number, target in enumerate(self.targets):
            self._root.grow(paths[target.name], number)
        direct = direct_paths(columns, paths)
        self.typed = self._typed(direct) if direct else None
        if direct is None or self.typed is None:
            direct = {column.name: (column.name,) for column in columns}
        self.objects = Objects(columns, direct, [target.name for target in self.targets])

    def _typed(self, paths: dict[str, Path]) -> TypedRows | None:
        return typed_rows([Key(paths[t.name], t.type, t.may_lack) for t in self.targets])

    def read(self, document: bytes) -> bytes | Rejected:
        """The document as one row for the engine, or why it is none."""
        values: list[bytes | None] = [None] * len(self.targets)
        try:
            items = _decode_object(document)
            if self._root.targets or self._root.each is not None:
                self._root.pick(document, values)
            else:
                self._root.pick_keys(items, values)
        except MISMATCHES as error:
            return self.reject_document(document, str(error))
        taken, errors = [], []
        for target, value in zip(self.targets, values, strict=True):
            try:
                taken.append(target.take(value))
            except MISMATCHES:
                errors.append(target.reject(value))
        if errors:
            return Rejected(self._texts(values), tuple(errors))
        return self.objects.write(taken)

    def refuse(self, row: bytes, reason: str, column: str) -> Rejected:
        """A row that `read` gave and that the engine refused for `reason`."""
        values = self.objects.pick(row)
        texts = self._texts([values.get(number) for number in range(len(self.targets))])
        shown = texts.get(column)
        if shown is not None:
            reason = f"value '{_shorten(shown)}' on column '{column}' is refused: {reason}"
        return Rejected(texts, (Rejection(column, reason),))

    def reject_document(self, document: bytes, reason: str) -> Rejected:
        """A line that is no JSON object: the message keeps all of its text."""
        text = document.decode("utf-8", "backslashreplace")
        if "recursion" in reason:
            reason = "it is nested too deep"
        elif _SURROGATE.search(document):
            reason = "an escape is half of a surrogate pair"
        message = f"value '{text}' on column '{DOCUMENT}' is not a JSON object: {reason}"
        return Rejected({}, (Rejection(DOCUMENT, message),))

    def _texts(self, values: list[bytes | None]) -> dict[str, str | None]:
        return {
            target.name: None if value is None or value == NULL else text_of(value)
            for target, value in zip(self.targets, values, strict=True)
        }


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."


def _target(column: Column) -> Target:
    type_ = parse_type(column.type)
    inner, nullable = type_.unwrap()
    may_lack = nullable or column.default is not None or inner.family in _EMPTY
    return Target(column.name, type_, reader(type_), nullable, may_lack)


@lru_cache(maxsize=1024)
def plan_for(columns: tuple[Column, ...]) -> Plan:
    """The plan of a schema. Raises `BadRequest` for a type or a JSONPath that cannot be read."""
    return Plan(columns)
