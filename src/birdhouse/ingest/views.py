"""Materialized views that throw while rows are inserted.

By then the rows are in the table, and nothing takes them out again. What can still be done rests
on the deduplication token: an INSERT done again under the token of the first leaves the table and
the views that have the rows as they are, and fills those that lack them, also with other rows.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Sequence

from birdhouse.engine import Engine
from birdhouse.errors import EngineError
from birdhouse.ingest.journal import Insert, Journal
from birdhouse.ingest.request import Request
from birdhouse.ingest.statements import run_insert

log = logging.getLogger("birdhouse.ingest")

_VIEW = re.compile(r"while pushing to view (.+?)(?=: while pushing|\. \(|\.?$)")
_PAUSES = (0.05, 0.2, 1.0, 0.0)
"""Seconds after each try to bring the rows to the views that do not throw."""
_SEARCH_SECONDS = 5.0


def failed_view(error: EngineError) -> str | None:
    """The view that the error comes from, None when it comes from elsewhere."""
    match = _VIEW.search(str(error))
    return match[1] if match else None


def complete_views(
    engine: Engine,
    journal: Journal,
    rows: Insert,
    requests: Sequence[Request],
    insert_without: Callable[[Request], Insert] | None,
) -> Sequence[Request]:
    """Bring a batch to every view that takes it; gives the requests that a view still lacks.

    When one request is to blame, the view gets the rows of all the others. `insert_without` gives
    the INSERT of the batch without one of its requests.
    """
    _fill_others(engine, journal, rows)
    if insert_without is None or len(requests) < 2:
        return requests
    end = time.monotonic() + _SEARCH_SECONDS
    for request in requests:
        # The view takes nothing of a try that throws, and all of the first that does not.
        insert = insert_without(request)
        try:
            run_insert(engine, journal, insert)
            return [request]
        except EngineError as error:
            if time.monotonic() > end:
                log.warning("gave up the search for the row that a view fails on: %s", error)
                break
        finally:
            journal.remove_rows(insert)
    return requests


def _fill_others(engine: Engine, journal: Journal, rows: Insert) -> None:
    for pause in _PAUSES:
        try:
            run_insert(engine, journal, rows, ignore_views=True)
            return
        except EngineError as error:
            log.warning("completing the views: %s", error)
            time.sleep(pause)
