"""Rows in: the one door to the tables of data sources."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from pathlib import Path

from birdhouse.engine import Engine
from birdhouse.errors import BadRequest, EngineError
from birdhouse.ingest.commit import Committer
from birdhouse.ingest.compression import decompress
from birdhouse.ingest.journal import Journal
from birdhouse.ingest.landing import Landing, Receipt
from birdhouse.ingest.queue import Queue
from birdhouse.ingest.request import Request
from birdhouse.ingest.rows import Format
from birdhouse.ingest.statements import SETTINGS

log = logging.getLogger("birdhouse.ingest")


class Ingestion:
    """Appends rows to data sources. Methods may be called from any thread.

    `folder` belongs to it alone. `current` gives the landing that took the place of another,
    asked after a `hold`; None means that none did.
    """

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        *,
        current: Callable[[Landing], Landing] | None = None,
        workers: int = 4,
        max_queued_bytes: int = 256 * 1024 * 1024,
        max_batch_bytes: int = 16 * 1024 * 1024,
        max_batch_requests: int = 10_000,
    ) -> None:
        self._engine = engine
        self._journal = Journal(folder)
        self._committer = Committer(engine, self._journal, self._landing_now)
        self._current = current
        self._queue = Queue(
            self._committer.commit, workers, max_queued_bytes, max_batch_bytes, max_batch_requests
        )

    def _landing_now(self, request: Request) -> Landing:
        if self._current is None or request.generation == self._queue.generation:
            return request.landing
        return self._current(request.landing)

    def replay(self) -> int:
        """Finish every batch that a crash left in flight; gives their number.

        Call it once, before anything is appended.
        """
        count = 0
        for batch in self._journal.batches():
            count += 1
            try:
                for insert in batch.inserts:
                    self._engine.execute(self._journal.statement(insert), settings=SETTINGS)
            except EngineError as error:
                path = self._journal.set_aside(batch)
                log.error("the batch %s cannot be finished and is set aside: %s", path, error)
            else:
                self._journal.remove(batch)
        self._journal.sweep()
        return count

    def append(self, landing: Landing, body: bytes, format: Format = "auto") -> Future[Receipt]:
        """Append the JSON rows of a body.

        The future is done when the rows are in the table, its views and its quarantine. It raises
        `Unavailable` (nothing was stored, try again), `PartlyIngested` (stored, but a view
        failed), or the `EngineError` of an insert that stored nothing. Cancelling it in time
        keeps the rows out.

        Takes time in proportion to the body, on the caller's thread. Raises `Unavailable` at
        once when too much waits already, and `BadRequest` when the schema has no JSONPaths.
        """
        size = len(body)
        self._queue.reserve(size)
        try:
            generation = self._queue.generation
            request = Request(landing, body, format)
            request.generation = generation
            request.future.add_done_callback(lambda _: self._queue.release(size))
        except BaseException:
            self._queue.release(size)
            raise
        self._queue.put(request)
        return request.future

    def append_file(
        self, landing: Landing, path: Path, format: str, encoding: str = ""
    ) -> Receipt:
        """Append the rows of a file, and wait for it. NDJSON only."""
        if format != "ndjson":
            raise BadRequest(f"Files in {format} cannot be imported yet: use ndjson")
        return self.append(landing, decompress(path.read_bytes(), encoding)).result()

    def hold(self) -> AbstractContextManager[None]:
        """Keep every insert waiting while the block runs, after those under way are committed."""
        return self._queue.hold()

    def close(self) -> None:
        """Refuse new rows and finish those that were taken."""
        self._queue.close()
