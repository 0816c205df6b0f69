"""How far the rows of each stream are stored.

Written with every batch of its rows, so that a stream goes on behind the last row that is stored,
whatever its broker remembers.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

import msgspec

from birdhouse.workspace.store import Store

_KIND = "position"


class Position(msgspec.Struct, frozen=True):
    """The offset of the next message to be read from each partition that has moved."""

    workspace: str
    stream: str
    offsets: dict[int, int]


class Positions:
    """The positions of all streams. Any thread may ask; one at a time moves a stream."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], dict[int, int]] = {}

    def of(self, workspace: str, stream: str) -> Mapping[int, int]:
        """The next offset of each partition that has one."""
        with self._lock:
            return dict(self._offsets(workspace, stream))

    def move(self, position: Position) -> None:
        """Remember that everything before the position is stored."""
        with self._lock:
            before = self._offsets(position.workspace, position.stream)
            offsets = {**before, **position.offsets}
            moved = msgspec.structs.replace(position, offsets=offsets)
            self._store.put(_KIND, position.workspace, position.stream, moved)
            self._known[position.workspace, position.stream] = offsets

    def _offsets(self, workspace: str, stream: str) -> dict[int, int]:
        known = self._known.get((workspace, stream))
        if known is None:
            found = self._store.all(_KIND, Position, workspace)
            known = next((p.offsets for p in found if p.stream == stream), {})
            self._known[workspace, stream] = known
        return known
