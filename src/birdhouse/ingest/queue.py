"""The queue in front of the tables: many small requests become few inserts.

Concurrency: `_lock` guards everything below it. Each table has a lane, a line of requests that at
most one worker empties at a time; a lane exists while it has requests or a worker. A worker takes
whatever waits in its lane, commits it as one batch outside the lock, and lines up again behind the
other lanes, so that no table starves another. A request that finds its lane idle is committed at
once, alone. Only when there are several clients, so that requests wait after a commit or several
were answered by it, they get a moment to send their next ones: otherwise they would fall into two
halves, each waiting for the commits of both.

`hold` lets the commits under way finish and starts no other until it is over.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from birdhouse.errors import Unavailable
from birdhouse.ingest.request import Request

Lane = tuple[str, str]
"""Database and table."""

GATHER_SECONDS = 0.002


class ShuttingDown(Unavailable):
    """Nothing new is taken in."""


class Queue:
    """Bounded by `max_bytes` of requests accepted and not answered yet."""

    def __init__(
        self,
        commit: Callable[[list[Request]], None],
        workers: int,
        max_bytes: int,
        batch_bytes: int,
        batch_requests: int,
    ) -> None:
        self._commit = commit
        self._max_bytes = max_bytes
        self._batch_bytes = batch_bytes
        self._batch_requests = batch_requests
        self._pool = ThreadPoolExecutor(workers, "ingest")
        self._lock = threading.Lock()
        self._idle = threading.Condition(self._lock)
        self._lanes: dict[Lane, deque[Request]] = {}
        self._waiting: list[Lane] = []
        self._bytes = 0
        self._committing = 0
        self._holds = 0
        self._closed = False

    @property
    def bytes(self) -> int:
        """What is reserved and not released yet."""
        return self._bytes

    def reserve(self, size: int, *, wait: bool = False) -> None:
        """Make room for a request of `size` bytes, or `wait` until there is some.

        Raises `Unavailable`. A request larger than the whole bound is let in when nothing else
        waits.
        """
        with self._lock:
            if wait:
                self._idle.wait_for(lambda: self._closed or self._has_room(size))
            if self._closed:
                raise ShuttingDown("The server is shutting down")
            if not self._has_room(size):
                raise Unavailable("Too much data waits to be written: try again in a moment")
            self._bytes += size

    def _has_room(self, size: int) -> bool:
        return not self._bytes or self._bytes + size <= self._max_bytes

    def release(self, size: int) -> None:
        with self._lock:
            self._bytes -= size
            self._idle.notify_all()

    def put(self, request: Request) -> None:
        """Line up a request whose room is reserved; its future tells the rest."""
        lane = (request.landing.database, request.landing.datasource.table)
        with self._lock:
            waiting = self._lanes.get(lane)
            if waiting is not None:
                waiting.append(request)
                return
            self._lanes[lane] = deque([request])
            self._start(lane)

    def _start(self, lane: Lane, pause: float = 0.0) -> None:
        """Give the lane to a worker, or let it wait for the end of a hold."""
        if self._holds:
            self._waiting.append(lane)
        else:
            self._committing += 1
            self._pool.submit(self._work, lane, pause)

    def _work(self, lane: Lane, pause: float) -> None:
        batch: list[Request] = []
        try:
            if pause:
                time.sleep(pause)
            with self._lock:
                batch = self._take(self._lanes[lane])
            if batch:
                self._commit(batch)
        except BaseException as error:
            for request in batch:
                if not request.future.done():
                    request.future.set_exception(error)
            raise
        finally:
            with self._lock:
                self._committing -= 1
                if self._lanes[lane] or len(batch) > 1:
                    self._start(lane, GATHER_SECONDS)
                else:
                    del self._lanes[lane]
                self._idle.notify_all()

    def _take(self, waiting: deque[Request]) -> list[Request]:
        """The next batch: at least one request, then as many as the bounds allow."""
        batch: list[Request] = []
        size = 0
        while waiting and len(batch) < self._batch_requests:
            following = waiting[0]
            if batch and not (
                following.fits(batch[0]) and size + following.size <= self._batch_bytes
            ):
                break
            request = waiting.popleft()
            # False when the client went away: nothing of its request has been written yet.
            if request.future.set_running_or_notify_cancel():
                batch.append(request)
                size += request.size
        return batch

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Keep every commit waiting while the block runs, after those under way are done."""
        with self._lock:
            self._holds += 1
            self._idle.wait_for(lambda: not self._committing)
        try:
            yield
        finally:
            with self._lock:
                self._holds -= 1
                if not self._holds:
                    lanes, self._waiting = self._waiting, []
                    for lane in lanes:
                        self._start(lane)

    def close(self) -> None:
        """Take nothing more and finish what was taken."""
        with self._lock:
            self._closed = True
            self._idle.wait_for(lambda: not self._lanes)
        self._pool.shutdown()
