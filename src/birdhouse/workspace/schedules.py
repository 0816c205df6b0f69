"""Which copy pipes of a workspace run on schedule, and which of them are paused."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from birdhouse.workspace.resources import Pipe, Resources
from birdhouse.workspace.store import Store

ON_DEMAND = "@on-demand"


class _Paused(msgspec.Struct):
    pipe: str


def schedule_of(pipe: Pipe) -> str:
    """The cron expression that a copy pipe runs by; '' for none."""
    schedule = pipe.output.settings.get("copy_schedule", ON_DEMAND)
    return "" if pipe.output.type != "copy" or schedule == ON_DEMAND else schedule


class Schedules:
    """The paused pipes of one workspace, in memory and in the store, by name."""

    def __init__(self, store: Store, workspace_id: str) -> None:
        self._store = store
        self._workspace_id = workspace_id
        self._paused = {one.pipe for one in store.all("paused", _Paused, workspace_id)}

    def is_paused(self, pipe: Pipe) -> bool:
        return pipe.name in self._paused

    def pause(self, pipe: Pipe) -> None:
        self._store.put("paused", self._workspace_id, pipe.name, _Paused(pipe.name))
        self._paused.add(pipe.name)

    def resume(self, pipe: Pipe) -> None:
        self._store.delete("paused", self._workspace_id, pipe.name)
        self._paused.discard(pipe.name)

    def due(self, resources: Resources) -> Iterator[tuple[Pipe, str]]:
        """The pipes to be run by the clock, each with its cron expression."""
        for pipe in resources.pipes.values():
            schedule = schedule_of(pipe)
            if schedule and not self.is_paused(pipe):
                yield pipe, schedule
