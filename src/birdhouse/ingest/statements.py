"""The INSERTs of a batch.

Each becomes one block of the engine, so that it is stored whole or not at all, and each carries
a deduplication token: without one the engine would drop a batch that equals an earlier one.
"""

from __future__ import annotations

from collections.abc import Sequence

from birdhouse.engine import Engine, quote_name, quote_text
from birdhouse.ingest.journal import Insert, Journal
from birdhouse.ingest.landing import Landing
from birdhouse.ingest.plan import Plan

_ANY_SIZE = 1 << 40

SETTINGS: dict[str, int | float | str] = {
    "async_insert": 0,
    "date_time_input_format": "best_effort",
    "deduplicate_blocks_in_dependent_materialized_views": 1,
    "deduplicate_insert": "enable",
    "input_format_defaults_for_omitted_fields": 1,
    # Left on, a key that comes twice counts with its first value and unnoticed.
    "input_format_json_ignore_unnecessary_fields": 0,
    "input_format_null_as_default": 1,
    "input_format_read_datetime_number_as_raw_value": 1,
    "input_format_skip_unknown_fields": 1,
    "max_execution_time": 0,
    "max_insert_block_size": _ANY_SIZE,
    "max_insert_threads": 1,
    "max_partitions_per_insert_block": 0,
    "min_insert_block_size_bytes": _ANY_SIZE,
    "min_insert_block_size_rows": _ANY_SIZE,
    "parallel_view_processing": 0,
    "precise_float_parsing": 1,
}
"""Settings of every INSERT."""

INLINE_LIMIT = 64 * 1024
"""Bytes up to which rows stand in the statement: the engine then starts faster than on a file."""


def insert_rows(
    journal: Journal,
    token: str,
    landing: Landing,
    plan: Plan,
    chunks: Sequence[bytes | memoryview],
    file: str = "",
) -> Insert:
    """The INSERT of good rows into the table. Raises `Unavailable`.

    `file` is the name, without an ending, of the file that the rows are written to if they are
    many.
    """
    objects = plan.objects
    into = _into(landing.database, landing.datasource.table, objects.columns, token)
    select = "" if objects.are_rows else f"SELECT {', '.join(objects.expressions)} FROM "
    return _insert(journal, into, select, objects.structure, chunks, file or token)


def insert_rejected(
    journal: Journal, token: str, landing: Landing, chunks: Sequence[bytes | memoryview]
) -> Insert:
    """The INSERT of rejected rows into the quarantine. Raises `Unavailable`."""
    columns = landing.datasource.quarantine_columns
    names = tuple(column.name for column in columns)
    structure = ", ".join(f"{quote_name(column.name)} {column.type}" for column in columns)
    into = _into(landing.database, landing.datasource.quarantine, names, token)
    file = f"{token}-rejected"
    return _insert(journal, into, "", structure, chunks, file)


def run_insert(
    engine: Engine, journal: Journal, insert: Insert, *, ignore_views: bool = False
) -> None:
    """Do an INSERT. With `ignore_views`, views that throw are left without the rows."""
    settings = {**SETTINGS, "materialized_views_ignore_errors": 1} if ignore_views else SETTINGS
    engine.execute(journal.statement(insert), settings=settings)


def take_rows(engine: Engine, statement: str) -> None:
    """Do the statement that takes rows away from where they were, and wait for it."""
    engine.execute(statement, settings={"mutations_sync": 1, "max_execution_time": 0})


def _into(database: str, table: str, columns: Sequence[str], token: str) -> str:
    return (
        f"INSERT INTO {quote_name(database, table)} ({', '.join(map(quote_name, columns))}) "
        f"SETTINGS insert_deduplication_token = {quote_text(token)} "
    )


def _insert(
    journal: Journal,
    into: str,
    select: str,
    structure: str,
    chunks: Sequence[bytes | memoryview],
    file: str,
) -> Insert:
    """`select` says what to take of the objects, "" when they are rows as they stand."""
    if sum(map(len, chunks)) <= INLINE_LIMIT:
        try:
            text = b"".join(chunks).decode()
        except UnicodeDecodeError:
            # A key that no column wants may hold any bytes; a statement may not.
            pass
        else:
            if not select:
                return Insert(f"{into}FORMAT JSONEachRow\n{text}")
            source = f"format(JSONEachRow, {quote_text(structure)}, {quote_text(text)})"
            return Insert(into + select + source)
    file += ".rows"
    journal.write_rows(file, chunks)
    head = f"{into}{select or 'SELECT * FROM '}file("
    return Insert(head, file, f", 'JSONEachRow', {quote_text(structure)})")
