"""Which objects of buckets are in which data sources: each version of one is imported once."""

from __future__ import annotations

import msgspec

from birdhouse.workspace.store import Store

_KIND = "imported"


class _Imported(msgspec.Struct):
    id: str
    datasource: str


class Imported:
    """What a workspace's data sources have imported, by the import's id."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def ids(self, workspace: str, datasource: str) -> set[str]:
        found = self._store.all(_KIND, _Imported, workspace)
        return {one.id for one in found if one.datasource == datasource}

    def add(self, workspace: str, datasource: str, id: str) -> None:
        self._store.put(_KIND, workspace, id, _Imported(id, datasource))
