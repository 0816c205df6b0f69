"""Files of rows, cut into blocks that fit in memory.

A block is what is checked, journalled and inserted at once. The same file gives the same blocks
every time, so that an import that a crash cut off can go on where it stopped.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, cast

import msgspec

from birdhouse.engine import Engine, quote_text
from birdhouse.errors import (
    NOT_ENOUGH_SPACE,
    BadRequest,
    EngineError,
    PayloadTooLarge,
    Unavailable,
)
from birdhouse.ingest.csvfile import Cells, Dialect, Record, cells_plan, records, text_of_file
from birdhouse.ingest.jsonpath import key_path, parse_jsonpath
from birdhouse.ingest.plan import Plan, plan_for
from birdhouse.ingest.rows import Source, json_source
from birdhouse.workspace.resources import Column

FileFormat = Literal["ndjson", "csv", "parquet"]

BLOCK_BYTES = 8 * 1024 * 1024
_LINE_LIMIT = 128 * 1024 * 1024
_UNPACKED_LIMIT = 10 * 1024 * 1024 * 1024

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"

_PARQUET_OUT: dict[str, int | float | str] = {
    "engine_file_truncate_on_insert": 1,
    "date_time_output_format": "iso",  # says that it is UTC, which the column may not be
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_decimals": 1,
    "output_format_json_quote_denormals": 1,
    "output_format_json_escape_forward_slashes": 0,
    "max_execution_time": 0,
}


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, decompressed when its first bytes say that it is gzip."""
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        if start == _ZSTD:
            raise BadRequest("Files compressed with zstd are not supported: use gzip")
        if not start.startswith(_GZIP):
            yield file
            return
        try:
            with gzip.open(file) as unpacked:
                yield cast(BinaryIO, unpacked)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise BadRequest(f"The compressed file cannot be read: {error}") from None


def read_blocks(
    engine: Engine,
    path: Path,
    format_: FileFormat,
    columns: tuple[Column, ...],
    dialect: Dialect,
    scratch: Path,
) -> Iterator[Source]:
    """The blocks of a file. `scratch` is a file that a Parquet file may be unpacked to.

    Raises `BadRequest` for a file that cannot be read at all.
    """
    match format_:
        case "ndjson":
            with opened(path) as file:
                yield from _ndjson_blocks(file, plan_for)
        case "csv":
            with opened(path) as file:
                yield from _csv_blocks(file, columns, dialect)
        case "parquet":
            try:
                unpack_parquet(engine, path, scratch)
                with scratch.open("rb") as file:
                    names = _keys(file.readline())
                    file.seek(0)
                    yield from _ndjson_blocks(file, lambda c: plan_for(_parquet_paths(c, names)))
            finally:
                scratch.unlink(missing_ok=True)


def _ndjson_blocks(file: BinaryIO, plan: Callable[[tuple[Column, ...]], Plan]) -> Iterator[Source]:
    for body in _whole_lines(file):
        yield json_source(body, "ndjson")._replace(plan=plan)


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """The content in pieces that end with a line."""
    parts: list[bytes] = []
    size = total = 0
    while chunk := file.read(BLOCK_BYTES):
        total += len(chunk)
        if total > _UNPACKED_LIMIT:
            raise PayloadTooLarge(f"The decompressed file is larger than {_UNPACKED_LIMIT} bytes")
        cut = chunk.rfind(b"\n") + 1
        if not cut:
            parts.append(chunk)
            size += len(chunk)
            if size > _LINE_LIMIT:
                raise BadRequest(f"A line of the file is larger than {_LINE_LIMIT} bytes")
            continue
        yield b"".join((*parts, chunk[:cut]))
        parts, size = [chunk[cut:]], len(chunk) - cut
    if rest := b"".join(parts):
        yield rest


def _csv_blocks(file: BinaryIO, columns: tuple[Column, ...], dialect: Dialect) -> Iterator[Source]:
    with text_of_file(file, dialect) as text:
        found = records(text, dialect)
        cells: Cells | None = None
        block: list[Record] = []
        size = 0
        for record, length in found:
            if cells is None and not isinstance(record, str):
                cells = Cells(columns, record)
                if cells.header:
                    continue
            block.append(record)
            size += length
            if size >= BLOCK_BYTES and cells is not None:
                yield _csv_block(cells, block, size)
                block, size = [], 0
        if block:
            yield _csv_block(cells or Cells(columns, [c.name for c in columns]), block, size)


def _csv_block(cells: Cells, block: list[Record], size: int) -> Source:
    return Source(size, cells_plan, lambda plan: cells.read(plan, block))


def _parquet_paths(columns: tuple[Column, ...], names: frozenset[str]) -> tuple[Column, ...]:
    """Columns with the path to the value of a Parquet file: by JSONPath, else by their own name.

    A file that names every column is one of this very table: then names come first.
    """
    own = names.issuperset(column.name for column in columns)

    def path(column: Column) -> str | None:
        if own:
            return key_path(column.name)
        steps = parse_jsonpath(column.jsonpath) if column.jsonpath else ()
        if column.jsonpath and (not steps or steps[0] in names):
            return column.jsonpath
        return key_path(column.name) if column.name in names else None

    return tuple(msgspec.structs.replace(column, jsonpath=path(column)) for column in columns)


def unpack_parquet(engine: Engine, path: Path, scratch: Path) -> None:
    """Write the rows of a Parquet file as NDJSON."""
    try:
        engine.execute(
            f"INSERT INTO FUNCTION file({quote_text(str(scratch))}, 'JSONEachRow') "
            f"SELECT * FROM file({quote_text(str(path))}, 'Parquet')",
            settings=_PARQUET_OUT,
        )
    except EngineError as error:
        if error.code == NOT_ENOUGH_SPACE:
            raise Unavailable("The disk is full: nothing was stored") from error
        raise BadRequest(f"The Parquet file cannot be read: {error}") from None


def _keys(line: bytes) -> frozenset[str]:
    """The names of the columns: every row has them all."""
    return (
        frozenset(msgspec.json.decode(line, type=dict[str, msgspec.Raw])) if line else frozenset()
    )
