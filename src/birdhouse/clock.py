"""What runs by itself at its time: copies and sinks on schedule, buckets that are looked into.

Concurrency: one thread, which sleeps until something is due; what it starts must not block it.
`wake` tells it that there may be something else to do.

Not here: what fell into a time when the server was down is not made up for.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterable
from typing import NamedTuple

from croniter import croniter

from birdhouse.errors import BirdhouseError

log = logging.getLogger("birdhouse")


class Due(NamedTuple):
    """Something to start at the times of a cron expression; `key` tells it from all others."""

    key: Hashable
    schedule: str
    start: Callable[[float], object]
    """Told the time (Unix seconds) at which it was due."""


class Clock:
    """Starts what `sources` say is to be started."""

    def __init__(self, *sources: Callable[[], Iterable[Due]]) -> None:
        self._sources = sources
        self._changed = threading.Condition()
        self._closed = False
        self._next: dict[Hashable, float] = {}
        self._thread = threading.Thread(target=self._watch, name="clock")

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Look at the schedules again."""
        with self._changed:
            self._changed.notify_all()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
            moment = self._fire(time.time())
            with self._changed:
                if not self._closed:
                    self._changed.wait(None if moment is None else max(moment - time.time(), 0.0))

    def _fire(self, now: float) -> float | None:
        """Start what is due; gives when the next one will be."""
        known, self._next = self._next, {}
        for due in (due for source in self._sources for due in source()):
            key = (due.key, due.schedule)
            moment = known.get(key) or _following(due.schedule, now)
            if moment <= now:
                try:
                    due.start(moment)
                except BirdhouseError as error:
                    log.warning("%s", error)
                moment = _following(due.schedule, now)
            self._next[key] = moment
        return min(self._next.values(), default=None)


def _following(schedule: str, now: float) -> float:
    return float(croniter(schedule, now).get_next(float))
