"""A schema guessed from a sample of rows: of a CSV, NDJSON or Parquet file without a data source.

Guessed are names, types, paths and what may be null; the result is a proposal for a person to read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from birdhouse.engine import Engine
from birdhouse.errors import BadRequest
from birdhouse.ingest.csvfile import Dialect, guess_delimiter, records, text_of_file
from birdhouse.ingest.files import FileFormat, opened, unpack_parquet
from birdhouse.ingest.jsonpath import key_path
from birdhouse.workspace.resources import Column

_SAMPLE = 4 * 1024 * 1024
_PREVIEW = 10
_PARQUET = b"PAR1"
_BARE_KEY = re.compile(r"""[^.\["'`,\\\s]+""")
_UNWRITABLE_KEY = re.compile(r"""["'`,\\\s]""")
"""Keys whose path cannot stand in a datafile: they get no column."""
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}"
_ZONE = r"(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_TIMES = {
    "Date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "DateTime": re.compile(_TIME + _ZONE),
    "DateTime64(3)": re.compile(rf"{_TIME}\.[0-9]{{1,9}}{_ZONE}"),
}
_INTEGERS = {"Int16": 15, "Int32": 31, "Int64": 63}
_OBJECT = "an object, an array or null"

Row = dict[str, Any]


class AnalysedColumn(NamedTuple):
    """A column of the proposal; `present` is the share of the rows with a value, 1 for all."""

    column: Column
    present: float


class Analysis(NamedTuple):
    """What was found in a file."""

    format: FileFormat
    columns: tuple[AnalysedColumn, ...]
    preview: tuple[Row, ...]
    dialect: Row
    """How a CSV file is written; {} for other formats."""

    @property
    def schema(self) -> str:
        """The columns on one line, as a datafile's SCHEMA has them."""
        return ", ".join(
            f"{c.name} {c.type}" + (f" `json:{c.jsonpath}`" if c.jsonpath else "")
            for c, _ in self.columns
        )


def analyse(engine: Engine, path: Path, scratch: Path) -> Analysis:
    """Guess the schema of a file. `scratch` is a file that a Parquet file may be unpacked to.

    Raises `BadRequest` for a file without rows.
    """
    sample = _sample(path)
    if sample.startswith(_PARQUET):
        try:
            unpack_parquet(engine, path, scratch)
            return _of_json("parquet", _sample(scratch))
        finally:
            scratch.unlink(missing_ok=True)
    if sample.lstrip().startswith((b"{", b"[")):
        return _of_json("ndjson", sample)
    return _of_csv(sample)


def _sample(path: Path) -> bytes:
    with opened(path) as file:
        return file.read(_SAMPLE)


def _of_json(format_: FileFormat, sample: bytes) -> Analysis:
    guesses: dict[str, _Guess] = {}
    preview: list[Row] = []
    rows = 0
    for row in _json_rows(sample):
        rows += 1
        found = list(_leaves(row, "$", ""))
        for jsonpath, name, value in found:
            guesses.setdefault(jsonpath, _Guess(name)).add(value)
        if rows <= _PREVIEW:
            preview.append({name: value for _, name, value in found})
    if not guesses:
        raise BadRequest("There is no row to analyse in the file")
    columns = tuple(guess.column(rows, jsonpath) for jsonpath, guess in guesses.items())
    return Analysis(format_, columns, tuple(preview), {})


def _json_rows(sample: bytes) -> Iterator[Row]:
    """The objects of a sample; a line that is none, as the last of a cut file, is left out."""
    lines = sample.splitlines() if sample.lstrip().startswith(b"{") else [sample]
    for line in lines:
        try:
            found = msgspec.json.decode(line)
        except msgspec.DecodeError:
            continue
        rows = found if isinstance(found, list) else [found]
        yield from (row for row in rows if isinstance(row, dict))


def _leaves(row: Row, path: str, prefix: str) -> Iterator[tuple[str, str, Any]]:
    """JSONPath, column name and value of everything in an object that is no object itself."""
    for key, value in row.items():
        if _UNWRITABLE_KEY.search(key) or not key:
            continue
        step = f"{path}.{key}" if _BARE_KEY.fullmatch(key) else path + key_path(key)[1:]
        name = prefix + _column_name(key)
        if isinstance(value, dict) and value:
            yield from _leaves(value, step, f"{name}_")
        else:
            yield step, name, value


def _column_name(text: str) -> str:
    """The text as the name of a column."""
    name = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "column"
    return f"_{name}" if name[0].isdigit() else name


def _of_csv(sample: bytes) -> Analysis:
    with text_of_file(BytesIO(sample), Dialect()) as text:
        rows = [cells for cells, _ in records(text, Dialect()) if isinstance(cells, list)]
    if len(sample) == _SAMPLE:
        del rows[-1:]  # it may have been cut
    if not rows:
        raise BadRequest("There is no row to analyse in the file")
    header = _is_header(rows[0])
    names = rows[0] if header else [f"column_{place}" for place in range(len(rows[0]))]
    guesses = [_Guess(_column_name(name).lower()) for name in names]
    body = [row for row in rows[1 if header else 0 :] if len(row) == len(names)]
    for row in body:
        for guess, cell in zip(guesses, row, strict=True):
            guess.add(_cell_value(cell))
    columns = tuple(guess.column(len(body)) for guess in guesses)
    named = [guess.name for guess in guesses]
    preview = tuple(dict(zip(named, row, strict=True)) for row in islice(body, _PREVIEW))
    first, *_ = sample.decode(errors="replace").splitlines()
    dialect = {
        "delimiter": guess_delimiter(first),
        "new_line": "\r\n" if b"\r\n" in sample else "\n",
        "has_header": header,
    }
    return Analysis("csv", columns, preview, dialect)


def _is_header(cells: list[str]) -> bool:
    """Whether the first record names the columns: texts that differ, none of them a value."""
    return len({*cells}) == len(cells) and all(
        cell and isinstance(_cell_value(cell), str) and not _time_type(cell) for cell in cells
    )


def _cell_value(cell: str) -> Any:
    """The value that a cell of a CSV file stands for; None for an empty one."""
    if cell in ("", "\\N"):
        return None
    if _INTEGER.fullmatch(cell):
        return int(cell)
    return float(cell) if _FLOAT.fullmatch(cell) else cell


def _time_type(text: str) -> str:
    return next((type_ for type_, form in _TIMES.items() if form.fullmatch(text)), "")


class _Guess:
    """What the values of one column have in common."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._present = 0
        self._scalars: set[str] = set()
        self._elements: set[str] = set()
        self._arrays = 0

    def add(self, value: Any) -> None:
        if value is None:
            return
        self._present += 1
        if isinstance(value, list):
            self._arrays += 1
            self._elements.update(_type(element) for element in value)
        else:
            self._scalars.add(_type(value))

    def column(self, rows: int, jsonpath: str | None = None) -> AnalysedColumn:
        present = round(self._present / rows, 4) if rows else 0.0
        if self._arrays and not self._scalars and _OBJECT not in self._elements:
            type_, path = f"Array({_common(self._elements)})", f"{jsonpath}[:]"
            return AnalysedColumn(Column(self.name, type_, path), present)
        type_ = "String" if self._arrays else _common(self._scalars)
        if present < 1:
            type_ = f"Nullable({type_})"
        return AnalysedColumn(Column(self.name, type_, jsonpath), present)


def _type(value: Any) -> str:
    match value:
        case bool():
            return "Bool"
        case int():
            fits = (t for t, bits in _INTEGERS.items() if -(1 << bits) <= value < 1 << bits)
            return next(fits, "String")
        case float():
            return "Float64"
        case str():
            return _time_type(value) or "String"
    return _OBJECT


def _common(types: set[str]) -> str:
    """The narrowest type that holds values of all of these."""
    for ladder in (
        ("Int16", "Int32", "Int64", "Float64"),
        ("Date",),
        ("DateTime", "DateTime64(3)"),
    ):
        if types and types <= {*ladder}:
            return max(types, key=ladder.index)
    return "Bool" if types == {"Bool"} else "String"


__all__ = ["AnalysedColumn", "Analysis", "analyse"]
