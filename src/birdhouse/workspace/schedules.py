"""What of a workspace runs by itself, and what of that is paused: copy pipes on schedule, data
sources with a connector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from birdhouse.workspace.resources import NodeType, Pipe, Resources
from birdhouse.workspace.store import Store

ON_DEMAND = "@on-demand"
_SETTINGS = {"copy": "copy_schedule", "sink": "export_schedule"}


class _Paused(msgspec.Struct):
    pipe: str


def schedule_of(pipe: Pipe) -> str:
    """The cron expression that a copy or sink pipe runs by; '' for none."""
    setting = _SETTINGS.get(pipe.output.type)
    schedule = pipe.output.settings.get(setting, ON_DEMAND) if setting else ON_DEMAND
    return "" if schedule == ON_DEMAND else schedule


class _Named(Protocol):
    @property
    def name(self) -> str: ...


class Schedules:
    """The paused pipes and data sources of one workspace, in memory and in the store, by name: no
    two of them share one."""

    def __init__(self, store: Store, workspace_id: str) -> None:
        self._store = store
        self._workspace_id = workspace_id
        self._paused = {one.pipe for one in store.all("paused", _Paused, workspace_id)}

    def is_paused(self, what: _Named) -> bool:
        return what.name in self._paused

    def pause(self, what: _Named) -> None:
        self._store.put("paused", self._workspace_id, what.name, _Paused(what.name))
        self._paused.add(what.name)

    def resume(self, what: _Named) -> None:
        self._store.delete("paused", self._workspace_id, what.name)
        self._paused.discard(what.name)

    def due(self, resources: Resources, type_: NodeType) -> Iterator[tuple[Pipe, str]]:
        """The pipes of a type to be run by the clock, each with its cron expression."""
        for pipe in resources.pipes.values():
            schedule = schedule_of(pipe) if pipe.output.type == type_ else ""
            if schedule and not self.is_paused(pipe):
                yield pipe, schedule
