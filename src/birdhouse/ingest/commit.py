"""One batch of requests into one table, its views and its quarantine.

The order is what makes the promises hold: journal, table with its views, quarantine, end of the
journal, answers. A request's rows are stored whole or, when it is answered with an error, not at
all; the one exception says so itself (`PartlyIngested`).
"""

from __future__ import annotations

import logging
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
from birdhouse.ingest.statements import insert_rejected, insert_rows, run_insert, take_rows
from birdhouse.ingest.ulid import new_ulid
from birdhouse.ingest.views import complete_views, failed_view
from birdhouse.workspace.positions import Position

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

Lost = dict[Request, PartlyIngested]
"""Requests whose rows are stored and missing from a view."""


class _Unexplained(Exception):
    """The engine failed on a batch, stored nothing of it, and no row alone is to blame."""

    def __init__(self, error: EngineError) -> None:
        super().__init__(str(error))
        self.error = error


class Committer:
    """Commits batches; any thread may, several at a time for different tables."""

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        current: Callable[[Landing], Landing],
        moved: Callable[[Position], None],
    ) -> None:
        self._engine = engine
        self._journal = journal
        self._current = current
        self._moved = moved

    def commit(self, requests: list[Request]) -> None:
        """Store the rows of the requests, all for one table, and answer each of them."""
        together, moved = [], []
        # Most requests of a batch have the same landing, and are asked for once.
        found: dict[int, Landing] = {}
        for request in requests:
            try:
                key = id(request.landing.datasource)
                landing = found.get(key) or self._current(request.landing)
                found[key] = landing
                if request.goes_to(landing):
                    together.append(request)
                else:
                    request.move(landing)
                    moved.append(request)
            except Exception as error:
                request.future.set_exception(error)
        for group in (together, *([request] for request in moved)):
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
            else:
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

    def _store(self, requests: Sequence[Request]) -> Lost:
        """Store a batch; when the engine refuses it, without the rows that it refuses."""
        lost: Lost = {}
        batch = self._write(requests)
        attempt = 0
        while batch.rows is not None:
            try:
                run_insert(self._engine, self._journal, batch.rows)
                break
            except EngineError as error:
                view = failed_view(error)
                if view is not None:
                    lost = self._complete(batch.rows, view, batch.id, requests)
                    break
                self._journal.remove(batch)
                _raise_if_unavailable(error)
                # Each of the two leaves less to find, so this comes to an end.
                if not (self._recheck(requests) or self._reject_refused(requests)):
                    raise _Unexplained(error) from error
            attempt += 1
            batch = self._write(requests, attempt)
        self._finish(batch)
        return lost

    def _write(self, requests: Sequence[Request], attempt: int = 0) -> Batch:
        """The batch of what the requests now hold, in the journal."""
        token = requests[0].token or new_ulid()
        if attempt and requests[0].token:
            token = f"{token}-{attempt}"
        landing, plan = requests[0].landing, requests[0].plan
        good = [part for request in requests for part in request.lines()]
        bad = [line for request in requests for line in request.quarantined()]
        rows = rejected = None
        self._journal.require_space()
        try:
            if good:
                rows = insert_rows(self._journal, token, landing, plan, good)
            if bad:
                rejected = insert_rejected(self._journal, token, landing, bad)
            first = requests[0]
            batch = Batch(token, rows, rejected, first.taken, first.position)
            if good or bad:
                self._journal.write(batch)
        except BirdhouseError:
            self._journal.remove(Batch(token, rows, rejected))
            raise
        return batch

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

    def _complete(self, rows: Insert, view: str, token: str, requests: Sequence[Request]) -> Lost:
        """A view threw, behind the table: bring what can be brought to it and to the others."""

        def insert_without(left_out: Request) -> Insert:
            others = [request for request in requests if request is not left_out]
            chunks = [part for request in others for part in request.lines()]
            landing, plan = requests[0].landing, requests[0].plan
            file = f"{token}-{left_out.import_id}"
            return insert_rows(self._journal, token, landing, plan, chunks, file)

        suspects = [request for request in requests if request.rows.good]
        guilty = complete_views(self._engine, self._journal, rows, suspects, insert_without)
        message = (
            f"The rows are stored, but the materialized view {view} failed on them and lacks them,"
            " as do the views behind it. Do not send them again"
        )
        return {request: PartlyIngested(message) for request in guilty}

    def _finish(self, batch: Batch) -> None:
        """Store the rejected rows, do what comes last, and close the batch."""
        if batch.position is not None:
            # From here on the journal alone brings the batch to its end.
            self._moved(batch.position)
        if batch.rejected is not None:
            try:
                run_insert(self._engine, self._journal, batch.rejected)
            except EngineError as error:
                # The good rows are stored, so there is no way back: the journal keeps the
                # rejected ones for the next start.
                log.error("rejected rows wait for the next start: %s", error)
                self._journal.write(Batch(batch.id, None, batch.rejected, batch.taken))
                if batch.rows is not None:
                    self._journal.remove_rows(batch.rows)
                return
        if batch.taken:
            take_rows(self._engine, batch.taken)
        self._journal.remove(batch)

    def replay(self, batch: Batch) -> None:
        """Finish a batch that a crash left in flight. Nobody waits for an answer any more."""
        try:
            if batch.rows is not None:
                try:
                    run_insert(self._engine, self._journal, batch.rows)
                except EngineError as error:
                    if failed_view(error) is None:
                        raise
                    log.error("batch %s: %s", batch.id, error)
                    complete_views(self._engine, self._journal, batch.rows, [], None)
            self._finish(batch)
        except EngineError as error:
            path = self._journal.set_aside(batch)
            log.error("the batch %s cannot be finished and is set aside: %s", path, error)


def _raise_if_unavailable(error: EngineError) -> None:
    """Raise what tells the client to try again, if that is what helps."""
    if error.code in _GONE and " of view " not in str(error):
        raise Unavailable("The Data Source is being replaced: try again") from error
    if error.code in _BUSY:
        message = f"{_BUSY[error.code]}: nothing of the request was stored"
        raise Unavailable(message, _BUSY_RETRY) from error
