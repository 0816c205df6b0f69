"""Who has to wait for whom while tables change places."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class SharedLock:
    """Held by many that share it, or by one alone; who wants it alone goes first.

    Copying, deleting and replacing rows share it; a deployment has it alone while tables change
    places. Appending does not need it: that is what `Ingestion.hold` is for.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._sharing = 0
        self._alone = False
        self._waiting = 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._alone and not self._waiting)
            self._sharing += 1
        try:
            yield
        finally:
            with self._changed:
                self._sharing -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: not self._alone and not self._sharing)
            self._waiting -= 1
            self._alone = True
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()


class Readers:
    """Requests that may still use tables that a promotion has replaced.

    A request enters when it begins and leaves when it is answered. Tables that were replaced
    meanwhile can be dropped when everyone has left who entered before.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside: Counter[int] = Counter()
        self._generation = 0
        self._closed = False

    def enter(self) -> int:
        """Begin to read; gives what `leave` wants."""
        with self._changed:
            self._inside[self._generation] += 1
            return self._generation

    def leave(self, generation: int) -> None:
        with self._changed:
            self._inside[generation] -= 1
            if not self._inside[generation]:
                del self._inside[generation]
                self._changed.notify_all()

    def wait_for_those_inside(self) -> bool:
        """Wait until everyone has left who is inside now; False when closed before that."""
        with self._changed:
            entered = self._generation
            self._generation += 1
            self._changed.wait_for(
                lambda: self._closed or not any(g <= entered for g in self._inside)
            )
            return not self._closed

    def close(self) -> None:
        """Let nobody wait any longer."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
