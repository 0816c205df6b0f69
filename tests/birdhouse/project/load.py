"""Constant writing and reading, with a count of what was promised."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
from tests.server import Workspace

WRITERS = 3
BATCH = 20


class Load:
    """Writers that append rows with ids of their own, and readers; no request may fail."""

    def __init__(self, workspace: Workspace, reads: list[tuple[str, dict[str, str]]]) -> None:
        self._workspace = workspace
        self._reads = reads
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._next_id = 0
        self.batches: list[int] = []
        """The first ids of the batches that were acknowledged."""
        self.answered = 0
        self.failures: list[str] = []

    @property
    def acknowledged(self) -> int:
        """Rows."""
        return BATCH * len(self.batches)

    def _ids(self) -> range:
        with self._lock:
            first, self._next_id = self._next_id, self._next_id + BATCH
        return range(first, first + BATCH)

    def _write(self, http: httpx.Client) -> None:
        ids = self._ids()
        rows = [
            {"id": id, "kind": f"kind {id % 3}", "amount": id % 7, "time": "2025-03-04 05:06:07"}
            for id in ids
        ]
        body = "\n".join(map(json.dumps, rows))
        answer = http.post("/v0/events", params={"name": "events"}, content=body)
        with self._lock:
            if answer.is_success and answer.json()["quarantined_rows"] == 0:
                self.batches.append(ids.start)
            else:
                self.failures.append(f"write: {answer.status_code} {answer.text}")

    def _read(self, http: httpx.Client) -> None:
        for path, params in self._reads:
            answer = http.get(path, params=params)
            with self._lock:
                self.answered += 1
                if answer.status_code != 200:
                    self.failures.append(f"{path}: {answer.status_code} {answer.text}")

    def _until_stopped(self, act: Callable[[httpx.Client], None]) -> None:
        with self._workspace.server.client(self._workspace.token) as http:
            while not self._stop.is_set():
                try:
                    act(http)
                except httpx.TransportError as error:
                    self.failures.append(f"no answer: {error}")
                    return

    def use(self, workspace: Workspace) -> None:
        """Go on with the same workspace of a server that was started again."""
        self._workspace = workspace
        self.failures = []

    @contextmanager
    def running(self) -> Iterator[None]:
        """Write and read while the block runs. At its end nothing is under way."""
        self._stop.clear()
        threads = [
            threading.Thread(target=self._until_stopped, args=[act])
            for act in (*[self._write] * WRITERS, self._read)
        ]
        wanted = self.acknowledged + 10 * BATCH
        for thread in threads:
            thread.start()
        try:
            self._progress(wanted)
            yield
            self._progress(self.acknowledged + 10 * BATCH)
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _progress(self, wanted: int) -> None:
        """Wait until that many rows are acknowledged, or a request has failed."""
        while self.acknowledged < wanted and not self.failures:
            self._stop.wait(0.01)
