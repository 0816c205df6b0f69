"""Replacing the rows of a table, all of them or those that meet a condition.

The new rows are imported into a table of their own, beside the real one and unseen. When all of
them are there, whole partitions change places while inserts are held: readers find the old or the
new rows of a partition, never neither. Materialized views keep what they have, as on Tinybird.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import msgspec

from birdhouse.engine import Engine, quote_name, quote_text
from birdhouse.ingest.landing import Landing, Receipt

Hold = Callable[[], AbstractContextManager[None]]

_SETTINGS = {"insert_deduplicate": 0, "max_execution_time": 0, "max_partitions_per_insert_block": 0}


@contextmanager
def stage(engine: Engine, landing: Landing) -> Iterator[Landing]:
    """An empty twin of a landing, which no view reads; it is dropped at the end."""
    source = landing.datasource
    name = f"stage_{uuid.uuid4().hex}"
    twin = msgspec.structs.replace(source, id=name, table=name)
    pairs = [(source.table, twin.table), (source.quarantine, twin.quarantine)]
    try:
        for table, copy in pairs:
            engine.execute(
                f"CREATE TABLE {quote_name(landing.database, copy)} "
                f"AS {quote_name(landing.database, table)}"
            )
        yield Landing(landing.database, twin)
    finally:
        for _, copy in pairs:
            engine.execute(f"DROP TABLE IF EXISTS {quote_name(landing.database, copy)} SYNC")


def replace_rows(
    engine: Engine,
    hold: Hold,
    landing: Landing,
    load: Callable[[Landing], Receipt],
    condition: str = "",
) -> Receipt:
    """Put the rows that `load` imports in the place of those in the table.

    With `condition`, a checked SQL expression over the columns, only rows that meet it go, and
    only rows that meet it come.
    """
    with stage(engine, landing) as twin:
        receipt = load(twin)
        table = quote_name(landing.database, landing.datasource.table)
        new = quote_name(twin.database, twin.datasource.table)
        with hold():
            if not landing.datasource.engine["type"].endswith("MergeTree"):
                engine.execute(f"TRUNCATE TABLE {table}")
                engine.execute(f"INSERT INTO {table} SELECT * FROM {new}", settings=_SETTINGS)
            elif condition:
                _replace_matching(engine, landing, twin, condition)
            else:
                _replace_partitions(engine, landing, twin, _partitions(engine, landing))
            _keep_rejected(engine, landing, twin)
    return receipt


def _partitions(engine: Engine, landing: Landing, condition: str = "") -> set[str]:
    """The ids of the partitions that have rows, or rows that meet a condition."""
    table = quote_name(landing.database, landing.datasource.table)
    where = f" WHERE ({condition}\n)" if condition else ""
    result = engine.query(f"SELECT DISTINCT _partition_id FROM {table}{where}", "TSV")
    return set(result.text().split())


def _replace_partitions(
    engine: Engine, landing: Landing, twin: Landing, affected: set[str]
) -> None:
    table = quote_name(landing.database, landing.datasource.table)
    new = quote_name(twin.database, twin.datasource.table)
    filled = _partitions(engine, twin)
    for partition in sorted(affected | filled):
        id = quote_text(partition)
        if partition in filled:
            engine.execute(f"ALTER TABLE {table} REPLACE PARTITION ID {id} FROM {new}")
        else:
            engine.execute(f"ALTER TABLE {table} DROP PARTITION ID {id}")


def _replace_matching(engine: Engine, landing: Landing, twin: Landing, condition: str) -> None:
    table = quote_name(landing.database, landing.datasource.table)
    new = quote_name(twin.database, twin.datasource.table)
    engine.execute(
        f"ALTER TABLE {new} DELETE WHERE NOT ifNull(({condition}\n), 0)",
        settings={"mutations_sync": 1},
    )
    affected = _partitions(engine, landing, condition) | _partitions(engine, twin)
    if not affected:
        return
    ids = ", ".join(map(quote_text, sorted(affected)))
    engine.execute(
        f"INSERT INTO {new} SELECT * FROM {table} "
        f"WHERE _partition_id IN ({ids}) AND NOT ifNull(({condition}\n), 0)",
        settings=_SETTINGS,
    )
    _replace_partitions(engine, landing, twin, affected)


def _keep_rejected(engine: Engine, landing: Landing, twin: Landing) -> None:
    quarantine = quote_name(landing.database, landing.datasource.quarantine)
    rejected = quote_name(twin.database, twin.datasource.quarantine)
    engine.execute(f"INSERT INTO {quarantine} SELECT * FROM {rejected}", settings=_SETTINGS)
