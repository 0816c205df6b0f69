"""How much is in the tables of a workspace."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from birdhouse.engine import Engine, quote_text


class TableSize(NamedTuple):
    rows: int
    bytes: int


NO_ROWS = TableSize(0, 0)


def table_sizes(engine: Engine, database: str) -> dict[str, TableSize]:
    """Rows and bytes on disk of every table of a database, by name."""
    result = engine.query(
        "SELECT name, ifNull(total_rows, 0), ifNull(total_bytes, 0) FROM system.tables "
        f"WHERE database = {quote_text(database)}",
        "JSONCompactEachRow",
    )
    rows = map(msgspec.json.decode, bytes(result.data).splitlines())
    return {name: TableSize(int(count), int(size)) for name, count, size in rows}
