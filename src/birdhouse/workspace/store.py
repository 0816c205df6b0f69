"""The SQLite file that remembers everything but rows: one row a thing, its body as JSON.

One process owns a data dir, so the objects in memory are the truth while it runs; the file is
written through on every change and read once, at start. `birdhouse env` reads it from outside.

Concurrency: one connection, guarded by a lock; `transaction` makes several changes one.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)

_SCHEMA_VERSION = 1
_SCHEMA = """
create table record (
    kind text not null,
    workspace text not null,
    id text not null,
    body blob not null,
    primary key (kind, workspace, id)
) without rowid;
"""


class Store:
    """Records of msgspec structs by (kind, workspace, id)."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        if read_only:
            self._connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        else:
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
            self._connection.execute("pragma journal_mode = wal")
            self._connection.execute("pragma synchronous = normal")
            self._migrate()
        self._lock = threading.RLock()

    def _migrate(self) -> None:
        (version,) = self._connection.execute("pragma user_version").fetchone()
        if version == 0:
            self._connection.executescript(
                f"begin; {_SCHEMA} pragma user_version = {_SCHEMA_VERSION}; commit;"
            )
        elif version > _SCHEMA_VERSION:
            raise SystemExit(
                "This data dir was written by a newer birdhouse: upgrade birdhouse, "
                "or start with another --data-dir."
            )

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All writes inside are kept together, or none when the block raises."""
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")

    def put(self, kind: str, workspace: str, id: str, body: msgspec.Struct) -> None:
        with self._lock:
            self._connection.execute(
                "insert or replace into record values (?, ?, ?, ?)",
                (kind, workspace, id, msgspec.json.encode(body)),
            )

    def delete(self, kind: str, workspace: str, id: str) -> None:
        with self._lock:
            self._connection.execute(
                "delete from record where kind = ? and workspace = ? and id = ?",
                (kind, workspace, id),
            )

    def delete_workspace(self, workspace: str) -> None:
        """Forget every record of a workspace."""
        with self._lock:
            self._connection.execute("delete from record where workspace = ?", (workspace,))

    def all(self, kind: str, type: type[T], workspace: str) -> list[T]:
        """Every record of that kind in a workspace, by id."""
        with self._lock:
            rows = self._connection.execute(
                "select body from record where kind = ? and workspace = ? order by id",
                (kind, workspace),
            ).fetchall()
        return [msgspec.json.decode(body, type=type) for (body,) in rows]

    def copy_to(self, path: Path) -> None:
        """Write what is remembered now to a new file."""
        with self._lock, closing(sqlite3.connect(path)) as copy:
            self._connection.backup(copy)

    def close(self) -> None:
        self._connection.close()
