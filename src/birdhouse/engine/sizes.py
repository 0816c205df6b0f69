"""Which tables have many rows, as of some seconds ago.

Concurrency: one thread looks, the others go on with what was seen before.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection

import msgspec

Table = tuple[str, str]
"""Database and name."""

LARGE = 1_000_000
"""Rows from which a table is large."""
_LASTS = 10.0
_LOOK = (
    "SELECT database, table FROM system.parts WHERE active "
    f"GROUP BY database, table HAVING sum(rows) >= {LARGE}"
)


class Sizes:
    """`ask` runs a statement and gives its answer as JSONCompactEachRow."""

    def __init__(self, ask: Callable[[str], bytes]) -> None:
        self._ask = ask
        self._large: frozenset[Table] = frozenset()
        self._looked = -_LASTS
        self._looking = threading.Lock()

    def any_large(self, tables: Collection[Table]) -> bool:
        if time.monotonic() - self._looked >= _LASTS and self._looking.acquire(blocking=False):
            try:
                lines = self._ask(_LOOK).splitlines()
                self._large = frozenset(msgspec.json.decode(line, type=Table) for line in lines)
                self._looked = time.monotonic()
            finally:
                self._looking.release()
        return not self._large.isdisjoint(tables)
