"""The columns that SELECTs give, remembered by all that they depend on.

A project is checked as a whole with each build, and most of it is as it was, or is the same in
another workspace: then the engine does not have to look at it again. What a SELECT gives depends on
its text and on the definitions of the tables that it reads, whatever their names are.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from birdhouse.engine import Engine
from birdhouse.project.ddl import create_table
from birdhouse.workspace.resources import DataSource

Columns = list[tuple[str, str]]
"""Names and types."""

_REMEMBERED = 4096
_TABLE = re.compile(r"\b[a-z]+_[0-9a-f]{32}\w*")


class Descriptions:
    """Describes SELECTs. Safe to use from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: OrderedDict[bytes, Columns] = OrderedDict()
        self._lock = threading.Lock()

    def describe(self, select: str) -> Columns:
        """Ask the engine. Raises what it raises."""
        result = self._engine.query(f"DESCRIBE TABLE ({select})", "JSONCompactEachRow")
        rows = bytes(result.data).splitlines()
        return [(row[0], row[1]) for row in map(msgspec.json.decode, rows)]

    def recall(self, select: str, database: str, definitions: dict[str, str]) -> Columns:
        """As `describe`, from memory when it reads tables of these definitions only."""
        key = _key(select, database, definitions)
        with self._lock:
            known = self._known.get(key)
            if known is not None:
                self._known.move_to_end(key)
                return known
        columns = self.describe(select)
        if set(_TABLE.findall(select)) <= {*definitions, database}:
            with self._lock:
                self._known[key] = columns
                if len(self._known) > _REMEMBERED:
                    self._known.popitem(last=False)
        return columns


def definitions(datasources: Iterable[DataSource]) -> dict[str, str]:
    """What makes each table what it is, by the name of the table."""
    return {d.table: create_table("", msgspec.structs.replace(d, table="")) for d in datasources}


def _key(select: str, database: str, definitions: dict[str, str]) -> bytes:
    text = _TABLE.sub(lambda table: definitions.get(table[0], table[0]), select)
    return hashlib.sha256(text.replace(database, "").encode()).digest()
