"""Rows in: the one door to the tables of data sources."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path

from birdhouse.engine import Engine
from birdhouse.errors import BirdhouseError
from birdhouse.ingest.commit import Committer
from birdhouse.ingest.csvfile import Dialect
from birdhouse.ingest.files import FileFormat
from birdhouse.ingest.imports import FileImport, Imports, Progress
from birdhouse.ingest.journal import Journal
from birdhouse.ingest.landing import Landing, Receipt, Totals
from birdhouse.ingest.queue import Queue, ShuttingDown
from birdhouse.ingest.repair import Repair, Repaired, repair_rows
from birdhouse.ingest.request import Request
from birdhouse.ingest.rows import Format, Source, json_source
from birdhouse.ingest.ulid import new_ulid
from birdhouse.workspace.positions import Position

log = logging.getLogger("birdhouse.ingest")

Resumed = Callable[[str, Receipt | BirdhouseError], None]
"""Told of an import that a crash cut off: its id, and how it ended."""


class Ingestion:
    """Appends rows to data sources. Methods may be called from any thread.

    `folder` belongs to it alone. `current` gives the landing that took the place of another, and
    is asked for each batch: whoever moves a data source to another table does so in a `hold`.
    `moved` is told where a stream goes on, whenever rows of it are stored.
    """

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        *,
        current: Callable[[Landing], Landing] = lambda landing: landing,
        resumed: Resumed = lambda id, result: None,
        moved: Callable[[Position], None] = lambda position: None,
        workers: int = 4,
        max_queued_bytes: int = 256 * 1024 * 1024,
        max_batch_bytes: int = 16 * 1024 * 1024,
        max_batch_requests: int = 10_000,
        min_free_bytes: int = 256 * 1024 * 1024,
    ) -> None:
        self.totals = Totals()
        self._engine = engine
        # Two at once would both take the rows that neither has taken out yet.
        self._repairing = threading.Lock()
        self._journal = Journal(folder, min_free_bytes)
        self._resumed = resumed
        self._committer = Committer(engine, self._journal, current, moved)
        self._queue = Queue(
            self._committer.commit,
            workers,
            max_queued_bytes,
            max_batch_bytes,
            max_batch_requests,
        )
        self._imports = Imports(engine, folder, lambda request: self._put(request, wait=True))
        self._resuming: threading.Thread | None = None
        self.resumed_ids: frozenset[str] = frozenset()
        """The imports that `replay` found cut off, which go on."""
        self.spool = folder.absolute() / "spool"
        """Where to put a file for `append_file`: only one in here is resumed after a crash."""
        self.spool.mkdir(exist_ok=True)

    def replay(self) -> int:
        """Finish every batch that a crash left in flight; gives their number.

        Call it once, before anything is appended. Imports that were cut off go on in the
        background.
        """
        count = 0
        for batch in self._journal.batches():
            count += 1
            self._committer.replay(batch)
        self._journal.sweep()
        interrupted = self._imports.interrupted()
        spooled = {Path(task.path) for task in interrupted}
        for path in self.spool.iterdir():
            if path not in spooled:
                path.unlink(missing_ok=True)
        self.resumed_ids = frozenset(task.id for task in interrupted)
        if interrupted:
            self._resuming = threading.Thread(target=self._resume, args=(interrupted,))
            self._resuming.start()
        return count

    def join_resumed(self) -> None:
        """Wait for the imports that go on in the background."""
        if self._resuming is not None:
            self._resuming.join()

    def _resume(self, interrupted: list[FileImport]) -> None:
        for task in interrupted:
            log.info("import %s goes on after %d blocks", task.id, task.blocks)
            told = partial(self._resumed, task.id)
            try:
                self._imports.run(task, resumable=True, ended=told)
            except ShuttingDown:
                return
            except BirdhouseError as error:
                log.error("import %s: %s", task.id, error)
                told(error)
            Path(task.path).unlink(missing_ok=True)

    @contextmanager
    def expecting(self, size: int) -> Iterator[None]:
        """Keep room for a body while it is read, so that bodies on their way count as well.

        Raises `Unavailable` when too much waits already: nothing has been read then.
        """
        self._queue.reserve(size)
        try:
            yield
        finally:
            self._queue.release(size)

    def append(self, landing: Landing, body: bytes, format: Format = "auto") -> Future[Receipt]:
        """Append the JSON rows of a body.

        The future is done when the rows are in the table, its views and its quarantine. It raises
        `Unavailable` (nothing was stored, try again), `PartlyIngested` (stored, but a view
        failed), or the `EngineError` of an insert that stored nothing. Cancelling it in time
        keeps the rows out.

        Takes time in proportion to the body, on the caller's thread. Raises `Unavailable` at
        once when too much waits already, and `BadRequest` when the schema has no JSONPaths.
        """
        self._queue.reserve(len(body))
        try:
            request = Request(landing, json_source(body, format))
        except BaseException:
            self._queue.release(len(body))
            raise
        return self._put_reserved(request)

    def append_file(
        self,
        landing: Landing,
        path: Path,
        format: FileFormat,
        dialect: Dialect | None = None,
        *,
        import_id: str = "",
        progress: Progress | None = None,
        ended: Progress | None = None,
    ) -> Receipt:
        """Append the rows of a file, in blocks of some MB; blocks until they are stored.

        Each block is atomic, the file is not: after an error the blocks before it are stored. The
        file may be compressed with gzip: its first bytes say so. `progress` is told the receipt so
        far after each block, and `ended` the whole one. A file in `spool` is imported to its end
        even if the process dies, and then removed.

        Raises `BadRequest` for a file that cannot be read, and whatever `append` raises.
        """
        id = import_id or new_ulid()
        task = FileImport(id, landing, str(path.absolute()), format, dialect or Dialect())
        resumable = path.absolute().parent == self.spool
        return self._imports.run(task, progress, resumable=resumable, ended=ended)

    def append_stream(
        self, landing: Landing, source: Source, position: Position
    ) -> Future[Receipt]:
        """Append rows of a stream that goes on at `position`, as one batch.

        The position is remembered if and only if the rows are stored, through crashes too. Waits
        while too much else waits; otherwise as `append`.
        """
        request = Request(landing, source, token=new_ulid(), position=position)
        return self._put(request, wait=True)

    def repair(self, landing: Landing, repair: Repair) -> Repaired:
        """Append the rejected rows of a data source anew; blocks until they are stored."""

        def append(request: Request) -> Receipt:
            return self._put(request, wait=True).result()

        with self._repairing:
            return repair_rows(self._engine, append, landing, repair)

    def upload(self) -> AbstractContextManager[Path]:
        """Where to put a file that comes in: on the disk of the data dir, for as long as the block
        runs."""
        return self._journal.upload(new_ulid())

    @contextmanager
    def spooled(self, name: str) -> Iterator[Path]:
        """As `upload`, for a file whose import goes on after a crash."""
        path = self.spool / name
        try:
            yield path
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _put(self, request: Request, *, wait: bool) -> Future[Receipt]:
        self._queue.reserve(request.size, wait=wait)
        return self._put_reserved(request)

    def _put_reserved(self, request: Request) -> Future[Receipt]:
        def settle(future: Future[Receipt]) -> None:
            self._queue.release(request.size)
            if not future.cancelled() and future.exception() is None:
                self.totals.add(future.result())

        request.future.add_done_callback(settle)
        self._queue.put(request)
        return request.future

    def hold(self) -> AbstractContextManager[None]:
        """Keep every insert waiting while the block runs, after those under way are committed."""
        return self._queue.hold()

    @property
    def queued_bytes(self) -> int:
        """Bytes of requests that wait or are being committed."""
        return self._queue.bytes

    def link_to(self, target: Path) -> None:
        """Give a new folder what this one remembers. Meant for a time of `hold`."""
        self._journal.link_to(target)

    def close(self) -> None:
        """Refuse new rows and finish those that were taken."""
        self._queue.close()
        self.join_resumed()
