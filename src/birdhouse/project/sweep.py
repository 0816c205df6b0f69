"""Dropping what no deployment needs any more.

Every table and view belongs to the deployments that list it in their `objects`; one that none
lists is never touched. Views go while ingestion is held, so that no insert runs into a view whose
target is gone; tables go when the requests are answered that may still know them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager

from birdhouse.engine import Engine, quote_name
from birdhouse.project import ddl
from birdhouse.workspace.workspaces import Workspace, Workspaces

log = logging.getLogger("birdhouse")

Hold = Callable[[], AbstractContextManager[None]]
"""Keeps every insert waiting while the block runs, after those under way are committed."""


@contextmanager
def alone(workspace: Workspace, hold: Hold) -> Iterator[None]:
    """Nobody writes rows of the workspace while the block runs."""
    with workspace.rows.alone(), hold():
        yield


class Sweeper:
    """Drops tables, views and databases that are not needed any more."""

    def __init__(self, engine: Engine, workspaces: Workspaces, hold: Hold) -> None:
        self._engine = engine
        self._workspaces = workspaces
        self._hold = hold
        self._thread = ThreadPoolExecutor(1, "sweep")
        self._closed = False

    def sweep_soon(self, workspace: Workspace) -> None:
        """Sweep when the requests are answered that began before now."""
        if not self._closed:
            self._thread.submit(self._sweep_later, workspace)

    def _sweep_later(self, workspace: Workspace) -> None:
        try:
            if self._workspaces.readers.wait_for_those_inside():
                self.sweep(workspace)
        except Exception:
            log.exception("sweeping the workspace %s failed", workspace.name)

    def sweep(self, workspace: Workspace) -> None:
        """Drop what only belongs to deployments that are gone."""
        with workspace.deploying:
            gone = [d for d in workspace.deployments.values() if not d.serves and d.objects]
            serving = [d for d in workspace.deployments.values() if d.serves]
            needed = {name for deployment in serving for name in deployment.objects}
            unneeded = {name for deployment in gone for name in deployment.objects} - needed
            views = {name for name in unneeded if name.startswith(("mv_", "feed_"))}
            if views:
                with alone(workspace, self._hold):
                    self._drop(workspace, views)
            self._drop(workspace, unneeded - views)
            for deployment in gone:
                deployment.objects = []
                workspace.save_deployment(deployment)

    def _drop(self, workspace: Workspace, names: set[str]) -> None:
        for name in sorted(names):
            self._engine.execute(ddl.drop_table(workspace.database, name))

    def sweep_all(self) -> None:
        self.drop_databases()
        for workspace in self._workspaces:
            self.sweep(workspace)

    def drop_databases(self) -> None:
        """Drop what deleted workspaces left."""
        for database in self._workspaces.deleted_databases():
            self._engine.execute(f"DROP DATABASE IF EXISTS {quote_name(database)}")
            self._workspaces.forget_database(database)

    def close(self) -> None:
        """Leave what is not swept yet to the next start."""
        self._closed = True
        self._workspaces.readers.close()
        self._thread.shutdown(cancel_futures=True)
