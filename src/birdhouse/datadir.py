"""A data dir: where everything in it is, and who uses it.

One process owns a data dir, by a lock on its file `lock` that ends with the process. A server also
writes down where it listens, in `server.json`: that counts only as long as somebody holds the lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class StartError(Exception):
    """The server cannot start; the message says why and what to do."""


class Listening(NamedTuple):
    """Where the server that owns a data dir answers."""

    pid: int
    host: str
    """An address of this machine."""
    port: int

    @property
    def url(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Addresses that stand for all of a machine, and one that does."""


class DataDir:
    """The places in a data dir."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = path / "birdhouse.sqlite"
        self.clickhouse = path / "clickhouse"
        self.ingest = path / "ingest"
        self.snapshots = path / "snapshots"
        """Copies that backups are being made from; none of them outlives its process."""
        self.restoring = path / "restoring"
        """What a restore has unpacked; it is there until all of it is in its place."""
        self._lock = path / "lock"
        self._server = path / "server.json"

    @contextlib.contextmanager
    def owned(self) -> Iterator[None]:
        """Be the one process that uses it. Raises `StartError` when another does."""
        # Everyone's tokens are in it.
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._lock.open("a") as file:
            if not _lock(file.fileno()):
                raise StartError(
                    f"Another birdhouse uses the data dir {self.path}: stop it, "
                    "or choose another one with --data-dir"
                )
            self._server.unlink(missing_ok=True)
            yield

    @property
    def in_use(self) -> bool:
        """Whether a process owns it now."""
        try:
            with self._lock.open("rb") as file:
                return not _lock(file.fileno())
        except FileNotFoundError:
            return False

    def announce(self, host: str, port: int) -> None:
        """Write down where its owner, this process, answers."""
        found = Listening(os.getpid(), _ANY.get(host, host), port)
        self._server.write_text(json.dumps(found._asdict()))

    @property
    def server(self) -> Listening | None:
        """Where its owner answers; None when it does not answer yet, or nobody owns it."""
        if not self.in_use:
            return None
        try:
            return Listening(**json.loads(self._server.read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None


def _lock(descriptor: int) -> bool:
    """Lock an open file for as long as it is open; False when another process has."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
