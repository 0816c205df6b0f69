"""Tables as Parquet files that can be imported again.

A table is copied in an instant (its parts are linked, not read), so that all files of an export
show the same moment, and then written range by range. What Parquet has no type for is written as
text, which an import reads back.
"""

from __future__ import annotations

import re
import tempfile
import time
import uuid
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from birdhouse.engine import Engine, quote_name, quote_text
from birdhouse.errors import BadRequest, Unavailable
from birdhouse.tarball import Tarball, gathered
from birdhouse.workspace.resources import Column, DataSource

DATABASE = "export"
"""Holds the copies of tables that are being exported; nobody's SQL reaches it."""

_FILE_BYTES = 256 * 1024 * 1024
"""What a file holds at most before it is compressed: an import takes a file as a whole."""
_PATIENCE = 60
"""Seconds that an export waits for rows that are being rewritten."""
_SETTINGS: dict[str, int | float | str] = {
    "max_execution_time": 0,
    "output_format_parquet_compression_method": "zstd",
    "output_format_parquet_string_as_string": 1,
}
_NOT_IN_PARQUET = re.compile(
    r"\bU?Int(?:128|256)\b|\bIPv[46]\b|\bEnum(?:8|16)?\((?:'(?:[^'\\]|\\.)*'|[^'()])*\)"
)


Table = tuple[str, str]
"""Database and name."""


def forget_exports(engine: Engine) -> None:
    """Remove what a process left that died during an export."""
    engine.execute(f"DROP DATABASE IF EXISTS {DATABASE} SYNC")


def export(engine: Engine, database: str, datasource: DataSource) -> Generator[bytes]:
    """A tar archive of Parquet files: `NAME.000.parquet`, `NAME.001.parquet`, ...; none without
    rows.

    Raises `BadRequest` for a data source with columns that no file can hold, `Unavailable` when
    its rows are being rewritten for too long.
    """
    columns = ", ".join(map(_selected, datasource.columns))
    return gathered(_pack(engine, database, datasource, columns))


def _selected(column: Column) -> str:
    name = quote_name(column.name)
    if re.search(r"\bAggregateFunction\(", column.type):
        raise BadRequest(
            f"The column {column.name} has states of an aggregate function, which no Parquet file "
            "can hold. Export what its materialized view reads: an import fills both"
        )
    type_ = _NOT_IN_PARQUET.sub("String", column.type)
    return name if type_ == column.type else f"CAST({name}, {quote_text(type_)}) AS {name}"


def _pack(engine: Engine, database: str, datasource: DataSource, columns: str) -> Iterator[bytes]:
    tar = Tarball()
    table = (database, datasource.table)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="birdhouse-")))
        conditions = iter(("1",))
        if datasource.engine["type"].endswith("MergeTree"):
            table = stack.enter_context(_copied(engine, table))
            conditions = _files(engine, table)
        for number, condition in enumerate(conditions):
            name = f"{datasource.name}.{number:03d}.parquet"
            engine.execute(
                f"INSERT INTO FUNCTION file({quote_text(str(folder / name))}, 'Parquet') "
                f"SELECT {columns} FROM {quote_name(*table)} WHERE {condition}",
                settings=_SETTINGS,
            )
            yield from tar.file(name, folder / name)
            (folder / name).unlink()
    yield from tar.end()


@contextmanager
def _copied(engine: Engine, table: Table) -> Iterator[Table]:
    """The table as it is now, under another name."""
    engine.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic")
    _wait_for_mutations(engine, table)
    copy = (DATABASE, uuid.uuid4().hex)
    try:
        engine.execute(f"CREATE TABLE {quote_name(*copy)} CLONE AS {quote_name(*table)}")
        engine.execute(f"SYSTEM STOP MERGES {quote_name(*copy)}")
        yield copy
    finally:
        engine.execute(f"DROP TABLE IF EXISTS {quote_name(*copy)} SYNC")


def _wait_for_mutations(engine: Engine, table: Table) -> None:
    """Let rows be rewritten that are to be: a copy has the parts, and not what is planned."""
    deadline = time.monotonic() + _PATIENCE
    while _system(engine, "mutations", "mutation_id", table, "NOT is_done"):
        if time.monotonic() > deadline:
            raise Unavailable("The rows are being rewritten: try again later", _PATIENCE)
        time.sleep(0.1)


def _files(engine: Engine, table: Table) -> Iterator[str]:
    """The rows of each file, as a condition on the table."""
    ranges: list[str] = []
    size = 0
    columns = "name, rows, data_uncompressed_bytes"
    for name, *counts in _system(
        engine, "parts", columns, table, "active ORDER BY partition, name"
    ):
        rows, bytes_ = map(int, counts)
        step = max(1, rows * _FILE_BYTES // max(bytes_, _FILE_BYTES))
        for start in range(0, rows, step):
            part = f"_part = {quote_text(name)}"
            ranges.append(f"({part} AND _part_offset BETWEEN {start} AND {start + step - 1})")
            size += min(bytes_, _FILE_BYTES)
            if size >= _FILE_BYTES:
                yield " OR ".join(ranges)
                ranges, size = [], 0
    if ranges:
        yield " OR ".join(ranges)


def _system(
    engine: Engine, name: str, columns: str, table: Table, condition: str
) -> list[list[str]]:
    """Rows of a system table about one table."""
    result = engine.execute(
        f"SELECT {columns} FROM system.{name} WHERE database = {quote_text(table[0])} "
        f"AND table = {quote_text(table[1])} AND {condition}",
        fmt="TSV",
    )
    return [line.split("\t") for line in result.text().splitlines()]
