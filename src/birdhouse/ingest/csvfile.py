"""CSV files: records out of text, cells into columns.

The first record is a header when at least half of its cells name columns of the data source; then
columns are found by name and cells without a column are left out. Otherwise cells are taken by
position. Every record must have as many cells as the first one.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from functools import lru_cache
from io import TextIOWrapper
from itertools import islice
from typing import BinaryIO, TextIO

import msgspec

from birdhouse.errors import BadRequest
from birdhouse.ingest.jsonpath import key_path
from birdhouse.ingest.landing import Rejection
from birdhouse.ingest.plan import DOCUMENT, Plan, Rejected, Target, plan_for
from birdhouse.ingest.rows import Rows
from birdhouse.ingest.values import MISMATCHES, NULL, encode
from birdhouse.workspace.resources import Column

_NULL_CELL = "\\N"
_DELIMITERS = ",;\t|"
_NEWLINES = ("\n", "\r\n", "\r")
_CACHED_LENGTH = 32
_CACHED_CELLS = 20_000

# The csv module has this for the whole process. A quote that is never closed swallows this much
# before its line is given up and the next one is read on its own.
csv.field_size_limit(4 * 1024 * 1024)

Record = list[str] | str
"""The cells of a record, or the text of a line that is none."""


class Dialect(msgspec.Struct, frozen=True):
    """How a CSV file is written; what is empty is found out."""

    delimiter: str = ""
    escape: str = ""
    newline: str = ""

    def __post_init__(self) -> None:
        if len(self.delimiter) > 1 or self.delimiter in ('"', *_NEWLINES[::2]):
            raise BadRequest(f"Invalid dialect_delimiter {self.delimiter!r}: use one character")
        if len(self.escape) > 1 or self.escape in ('"', *_NEWLINES[::2]):
            raise BadRequest(f"Invalid dialect_escapechar {self.escape!r}: use one character")
        if self.newline not in ("", *_NEWLINES):
            raise BadRequest(f"Invalid dialect_new_line {self.newline!r}")


class _Lines:
    """Lines of a text that can be given back."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._returned: deque[str] = deque()
        self.taken: list[str] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else next(self._text)
        self.taken.append(line)
        return line

    def give_back(self, lines: Sequence[str]) -> None:
        self._returned.extendleft(reversed(lines))


def records(text: TextIO, dialect: Dialect) -> Iterator[tuple[Record, int]]:
    """The records and the number of characters each was made of; blank lines are left out."""
    lines = _Lines(text)
    delimiter = dialect.delimiter or _first_delimiter(lines)

    def new_reader() -> Iterator[list[str]]:
        return csv.reader(
            lines, delimiter=delimiter, escapechar=dialect.escape or None, strict=True
        )

    reader = new_reader()
    while True:
        lines.taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            # A stray quote: only its own line is lost, not all that it would swallow.
            first, *rest = lines.taken
            lines.give_back(rest)
            reader = new_reader()
            yield first.rstrip("\r\n"), len(first)
        else:
            if cells:
                yield cells, sum(map(len, lines.taken))


def _first_delimiter(lines: _Lines) -> str:
    first = list(islice(lines, 1))
    lines.give_back(first)
    return guess_delimiter(first[0] if first else "")


def guess_delimiter(line: str) -> str:
    """The most frequent of the usual delimiters, outside of quotes."""
    return max(_DELIMITERS, key=re.sub(r'"[^"]*"', "", line).count)


@lru_cache(maxsize=1024)
def cells_plan(columns: tuple[Column, ...]) -> Plan:
    """The plan that fills every column from a value of its own name."""
    return plan_for(tuple(msgspec.structs.replace(c, jsonpath=key_path(c.name)) for c in columns))


class Cells:
    """Which cell goes to which column."""

    def __init__(self, columns: tuple[Column, ...], first: Sequence[str]) -> None:
        names = [column.name for column in columns]
        found = [_column(cell, names) for cell in first]
        self.header = sum(name is not None for name in found) * 2 >= len(first)
        self.width = len(first)
        if not self.header:
            if len(first) > len(names):
                raise BadRequest(
                    f"The CSV file has {len(first)} columns and no header, the Data Source has "
                    f"{len(names)} columns"
                )
            found = [*names[: len(first)]]
        self._places = {name: place for place, name in enumerate(found) if name is not None}

    def read(self, plan: Plan, block: Sequence[Record]) -> Rows:
        """Sort the records of a block."""
        good: list[bytes] = []
        rejected: list[Rejected] = []
        # Most columns of most files repeat a few values.
        caches: list[dict[str, bytes | None]] = [{} for _ in plan.targets]
        places = [self._places.get(target.name) for target in plan.targets]
        columns = list(zip(plan.targets, places, caches, strict=True))
        for record in block:
            if isinstance(record, str) or len(record) != self.width:
                rejected.append(self._reject_record(plan, record))
                continue
            values, errors = [], []
            for target, place, cache in columns:
                cell = None if place is None else record[place]
                try:
                    values.append(_take(target, cell, cache))
                except MISMATCHES:
                    errors.append(target.reject(None if cell is None else encode(_clean(cell))))
            if errors:
                rejected.append(Rejected(self._texts(plan, record), tuple(errors)))
            else:
                good.append(plan.objects.write(values))
        return Rows((b"\n".join(good),), len(good), tuple(rejected), True)

    def _texts(self, plan: Plan, record: Sequence[str]) -> dict[str, str | None]:
        places = {target.name: self._places.get(target.name) for target in plan.targets}
        return {
            name: _clean(record[place]) if place is not None and place < len(record) else None
            for name, place in places.items()
        }

    def _reject_record(self, plan: Plan, record: Record) -> Rejected:
        if isinstance(record, str):
            text, reason, values = record, "a quote is out of place", {}
        else:
            text = ",".join(record)
            reason = f"it has {len(record)} values instead of {self.width}"
            values = self._texts(plan, record)
        message = f"value '{_clean(text)}' on column '{DOCUMENT}' is not a CSV row: {reason}"
        return Rejected(values, (Rejection(DOCUMENT, message),))


def _column(cell: str, names: Sequence[str]) -> str | None:
    """The column that a cell of a header names: to the letter, else in the spelling of columns."""
    cell = cell.strip()
    if cell in names:
        return cell
    spelled = re.sub(r"\W+", "_", cell).strip("_").lower()
    return next((name for name in names if name.lower() == spelled), None)


def _take(target: Target, cell: str | None, cache: dict[str, bytes | None]) -> bytes | None:
    if cell is None:
        return target.take(None)
    if cell in cache:
        return cache[cell]
    if cell == _NULL_CELL:
        taken = target.take(NULL)
    elif not cell and (target.may_lack or target.kind != "String"):
        taken = target.take(None)
    else:
        taken = target.take(encode(cell))
    if len(cell) <= _CACHED_LENGTH and len(cache) < _CACHED_CELLS:
        cache[cell] = taken
    return taken


def _clean(cell: str) -> str:
    """The cell with bytes that are not UTF-8 written as \\xNN."""
    return cell.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def text_of_file(file: BinaryIO, dialect: Dialect) -> TextIO:
    """The text of a CSV file; bytes that are not UTF-8 come through as surrogates."""
    return TextIOWrapper(
        file, encoding="utf-8-sig", errors="surrogateescape", newline=dialect.newline
    )
