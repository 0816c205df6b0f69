"""Taking rows out of a table: all of them, or those that meet a condition.

Only the table itself changes: materialized views below it keep what they have, as on Tinybird.
"""

from __future__ import annotations

from birdhouse.engine import Engine, quote_name, quote_text
from birdhouse.ingest.replacement import Hold

_SYNC: dict[str, int | float | str] = {
    "mutations_sync": 1,
    "lightweight_deletes_sync": 1,
    "max_execution_time": 0,
}


def truncate(engine: Engine, hold: Hold, database: str, table: str) -> None:
    """Remove every row."""
    with hold():
        engine.execute(f"TRUNCATE TABLE {quote_name(database, table)}")


def delete_rows(engine: Engine, database: str, table: str, condition: str) -> None:
    """Remove the rows that meet a checked condition by rewriting their parts, and wait for it."""
    name = quote_name(database, table)
    engine.execute(f"ALTER TABLE {name} DELETE WHERE ({condition}\n)", settings=_SYNC)


def lightweight_delete(
    engine: Engine, database: str, table: str, condition: str, partition: str, projections: str
) -> None:
    """Mark the rows that meet a checked condition as deleted, and wait for it.

    `partition` is the id of the only one to look at, or ''; `projections` says what becomes of
    the table's projections: throw, drop or rebuild.
    """
    name = quote_name(database, table)
    only = f" AND _partition_id = {quote_text(partition)}" if partition else ""
    settings = {**_SYNC, "lightweight_mutation_projection_mode": projections}
    engine.execute(f"DELETE FROM {name} WHERE ({condition}\n){only}", settings=settings)


def count_partitions(engine: Engine, database: str, table: str) -> int:
    """How many partitions hold rows."""
    result = engine.query(
        "SELECT uniqExact(partition_id) FROM system.parts WHERE active "
        f"AND database = {quote_text(database)} AND table = {quote_text(table)}",
        "TSV",
    )
    return int(result.text())
