"""Backups: everything in a data dir as it was at one moment, in one tar archive.

While the server runs, its moment is one at which no deployment is under way, nobody rewrites rows
and ingestion is held, for some milliseconds: a batch is in it whole, with its views, or not at all.
Then the archive is made from hard links at leisure. Whoever has it has every token of the data dir.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import time
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import msgspec

from birdhouse import __version__
from birdhouse.datadir import DataDir
from birdhouse.engine import Engine, snapshot
from birdhouse.engine import forget_snapshots as forget_engine_snapshots
from birdhouse.ingest import Ingestion
from birdhouse.restore import FORMAT, LABEL, Label
from birdhouse.tarball import Tarball, gathered
from birdhouse.workspace.resources import utc_now
from birdhouse.workspace.store import Store
from birdhouse.workspace.workspaces import Workspaces

log = logging.getLogger("birdhouse")


class Backups:
    """Makes archives of a data dir that is in use."""

    def __init__(
        self,
        place: DataDir,
        store: Store,
        engine: Engine,
        workspaces: Workspaces,
        ingestion: Ingestion,
    ) -> None:
        self._place = place
        self._store = store
        self._engine = engine
        self._workspaces = workspaces
        self._ingestion = ingestion

    def archive(self) -> Generator[bytes]:
        """The archive, a piece at a time. Waits for deployments that are under way."""
        created_at = utc_now()
        folder = self._place.snapshots / uuid.uuid4().hex
        folder.mkdir(parents=True)
        try:
            self._copy_to(folder)
            yield from gathered(_pack(folder, created_at))
        finally:
            shutil.rmtree(folder)

    def _copy_to(self, folder: Path) -> None:
        with self._quiet():
            started = time.perf_counter()
            # First what names tables: one that a new workspace gets meanwhile is better not named.
            self._store.copy_to(folder / self._place.store.name)
            snapshot(self._engine, folder / self._place.clickhouse.name)
            self._ingestion.link_to(folder / self._place.ingest.name)
            held = (time.perf_counter() - started) * 1000
        log.info("A backup begins: ingestion was held for %.0f ms", held)

    @contextlib.contextmanager
    def _quiet(self) -> Iterator[None]:
        """Nobody changes schema or rows while the block runs."""
        with contextlib.ExitStack() as stack:
            workspaces = sorted(self._workspaces, key=lambda workspace: workspace.id)
            for workspace in workspaces:
                stack.enter_context(workspace.deploying)
            for workspace in workspaces:
                stack.enter_context(workspace.rows.alone())
            stack.enter_context(self._ingestion.hold())
            yield


def forget_snapshots(place: DataDir) -> None:
    """Remove what a process left that died during a backup."""
    shutil.rmtree(place.snapshots, ignore_errors=True)
    forget_engine_snapshots(place.clickhouse)


def _pack(folder: Path, created_at: str) -> Iterator[bytes]:
    tar = Tarball()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        yield from tar.folder(name) if path.is_dir() else tar.file(name, path)
    label = Label(FORMAT, __version__, created_at, tar.files, tar.bytes)
    yield from tar.text(LABEL, msgspec.json.encode(label))
    yield from tar.end()
