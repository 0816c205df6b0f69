"""One batch of requests into one table, its views and its quarantine.

The order is what makes the promises hold: journal, table with its views, quarantine, end of the
journal, answers. A request's rows are stored whole or, when it is answered with an error, not at
all; the one exception says so itself (`PartlyIngested`).
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence

from birdhouse.engine import Engine
from birdhouse.errors import (
    MEMORY_LIMIT_EXCEEDED,
    NOT_ENOUGH_SPACE,
    BirdhouseError,
    EngineError,
    PartlyIngested,
    Unavailable,
)
from birdhouse.ingest.journal import Batch, Insert, Journal
from birdhouse.ingest.landing import Landing
from birdhouse.ingest.refusal import find_refused
from birdhouse.ingest.request import Request
from birdhouse.ingest.statements import SETTINGS, insert_rejected, insert_rows
from birdhouse.ingest.ulid import new_ulid

log = logging.getLogger("birdhouse.ingest")

UNKNOWN_TABLE = 60
UNKNOWN_DATABASE = 81
TOO_MANY_PARTS = 252

_GONE = frozenset({UNKNOWN_TABLE, UNKNOWN_DATABASE})
_BUSY = {
    MEMORY_LIMIT_EXCEEDED: "The engine is out of memory",
    NOT_ENOUGH_SPACE: "The disk is full",
    TOO_MANY_PARTS: "The table has too many parts: merges are behind",
}
_BUSY_RETRY = 5
_VIEW = re.compile(r"while pushing to view (\S+?)(?: \([0-9a-f-]{36}\))?\.?(?: \(|$)")
_PAUSES = (0.05, 0.2, 1.0)
"""Seconds between the tries to complete the views of rows that are in the table already."""


class Committer:
    """Commits batches; any thread may, several at a time for different tables."""

    def __init__(
        self, engine: Engine, journal: Journal, current: Callable[[Request], Landing]
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._current = current

    def commit(self, requests: list[Request]) -> None:
        """Store the rows of the requests, all for one table, and answer each of them."""
        moved = []
        for request in requests:
            try:
                landing = self._current(request)
                if landing != request.landing:
                    request.move(landing)
                    moved.append(request)
            except Exception as error:
                request.future.set_exception(error)
        moved_ids = set(map(id, moved))
        alike = [r for r in requests if id(r) not in moved_ids and not r.future.done()]
        for group in (alike, *([request] for request in moved)):
            if group:
                self._commit(group)

    def _commit(self, requests: list[Request]) -> None:
        try:
            lost = self._store(requests)
        except _Unexplained as failure:
            if len(requests) > 1:
                # One of them is the cause: alone, it spoils nobody else's.
                for request in requests:
                    self._commit([request])
                return
            requests[0].future.set_exception(failure.error)
        except Exception as error:
            for request in requests:
                request.future.set_exception(error)
        else:
            for request in requests:
                if request in lost:
                    request.future.set_exception(lost[request])
                else:
                    request.future.set_result(request.receipt())

    def _store(self, requests: Sequence[Request]) -> dict[Request, PartlyIngested]:
        """Store a batch; the requests whose rows a view misses come back with their error."""
        batch = self._write(requests)
        for attempt, repair in enumerate((self._recheck, self._reject_refused, None), 1):
            rows = _main(batch)
            if rows is None:
                break
            try:
                self._insert(rows)
                break
            except EngineError as error:
                view = _VIEW.search(str(error))
                if view is not None:
                    lost = self._complete_views(rows, view[1], requests)
                    self._finish(batch)
                    return lost
                self._journal.remove(batch)
                if error.code in _GONE:
                    raise Unavailable("The Data Source is being replaced: try again") from error
                if error.code in _BUSY:
                    raise Unavailable(
                        f"{_BUSY[error.code]}: nothing of the request was stored", _BUSY_RETRY
                    ) from error
                if repair is None or not repair(requests):
                    raise _Unexplained(error) from error
                batch = self._write(requests, attempt)
        self._finish(batch)
        return {}

    def _write(self, requests: Sequence[Request], attempt: int = 0) -> Batch:
        """The batch of what the requests now hold, in the journal."""
        token = requests[0].token or new_ulid()
        if attempt and requests[0].token:
            token = f"{token}-{attempt}"
        landing, plan = requests[0].landing, requests[0].plan
        rows = [chunk for r in requests if r.rows.good for chunk in (r.rows.data, b"\n")]
        rejected = [line for r in requests for line in r.quarantined()]
        inserts: list[Insert] = []
        try:
            if rows:
                inserts.append(insert_rows(self._journal, token, landing, plan, rows))
            if rejected:
                inserts.append(insert_rejected(self._journal, token, landing, rejected))
        except BirdhouseError:
            self._journal.remove(Batch(token, tuple(inserts)))
            raise
        batch = Batch(token, tuple(inserts))
        if inserts:
            self._journal.write(batch)
        return batch

    def _insert(self, insert: Insert, *, ignore_views: bool = False) -> None:
        settings = SETTINGS | {"materialized_views_ignore_errors": 1} if ignore_views else SETTINGS
        self._engine.execute(self._journal.statement(insert), settings=settings)

    def _recheck(self, requests: Sequence[Request]) -> bool:
        """Read what was only checked as a whole value by value."""
        unread = [request for request in requests if not request.rows.checked]
        for request in unread:
            request.recheck()
        return bool(unread)

    def _reject_refused(self, requests: Sequence[Request]) -> bool:
        """Move the rows that the engine cannot read to quarantine."""
        found = False
        for request in requests:
            refused = find_refused(self._engine, self._journal, request.plan, request.documents())
            if refused:
                request.reject(refused)
                found = True
        return found

    def _complete_views(
        self, rows: Insert, view: str, requests: Sequence[Request]
    ) -> dict[Request, PartlyIngested]:
        """A view threw, behind the table: bring the rows to the table and all other views."""
        for pause in (*_PAUSES, 0.0):
            try:
                self._insert(rows, ignore_views=True)
                break
            except EngineError as error:
                log.warning("completing the views behind %s: %s", rows.table, error)
                time.sleep(pause)
        message = (
            f"The rows are stored, but the materialized view {view} failed on them and lacks them,"
            " as do the views behind it. Do not send them again"
        )
        return {request: PartlyIngested(message) for request in requests}

    def _finish(self, batch: Batch) -> None:
        """Store the rejected rows and close the batch."""
        for insert in batch.inserts:
            if insert is _main(batch):
                continue
            try:
                self._insert(insert)
            except EngineError as error:
                if error.code not in _GONE:
                    # The good rows are stored, so there is no way back: the journal keeps the
                    # rejected ones for the next start.
                    log.error("rows for %s wait for the next start: %s", insert.table, error)
                    self._journal.write(Batch(batch.id, (insert,)))
                    return
        if batch.inserts:
            self._journal.remove(batch)


def _main(batch: Batch) -> Insert | None:
    """The INSERT into the table itself, None when all rows were rejected."""
    first = batch.inserts[0] if batch.inserts else None
    return first if first is not None and not first.quarantine else None


class _Unexplained(Exception):
    """The engine failed on a batch, stored nothing of it, and no row alone is to blame."""

    def __init__(self, error: EngineError) -> None:
        super().__init__(str(error))
        self.error = error
