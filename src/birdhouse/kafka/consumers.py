"""The consumers of all workspaces: one for each data source with a topic that is live and not
paused.

Concurrency: `follow` may be called from any thread; a lock lets one at a time compare what runs
with what is wanted. A deployment in staging has none: what live data sources read reaches its
tables by its views.
"""

from __future__ import annotations

import logging
import threading

from birdhouse.errors import BirdhouseError, NotFound
from birdhouse.ingest import Ingestion, Landing, Receipt
from birdhouse.ingest.rows import Source
from birdhouse.kafka.consumer import Consumer, Status
from birdhouse.kafka.subscription import Subscription, subscription_of
from birdhouse.workspace.activity import Activity, Operation
from birdhouse.workspace.positions import Position, Positions
from birdhouse.workspace.resources import DataSource
from birdhouse.workspace.workspaces import Workspace, Workspaces

log = logging.getLogger("birdhouse.kafka")

Key = tuple[str, str]
"""A workspace's id and a data source's."""


class Consumers:
    """Runs the consumers. `close` waits for the batches under way."""

    def __init__(
        self,
        workspaces: Workspaces,
        ingestion: Ingestion,
        positions: Positions,
        activity: Activity,
    ) -> None:
        self._workspaces = workspaces
        self._ingestion = ingestion
        self._positions = positions
        self._activity = activity
        self._following = threading.Lock()
        self._open = False
        self._running: dict[Key, Consumer] = {}
        self._refused: dict[Key, Status] = {}

    def start(self) -> None:
        """Follow from now on. Not before batches that a crash cut off have moved the positions."""
        self._open = True
        self.follow()

    def follow(self) -> None:
        """Start what is wanted by now, and stop what is not wanted any more."""
        with self._following:
            if not self._open:
                return
            wanted, refused = self._wanted()
            for key, status in refused.items():
                if self._refused.get(key) != status:
                    log.error("%s", status.message)
            self._refused = refused
            self._stop({k for k, c in self._running.items() if wanted.get(k) != c.subscription})
            for key, subscription in wanted.items():
                if key not in self._running:
                    self._start(key, subscription)

    def status(self, workspace: Workspace, datasource: DataSource) -> Status | None:
        """How the data source's consumer is; None for one without a topic."""
        if "kafka_topic" not in datasource.connector:
            return None
        key = (workspace.id, datasource.id)
        consumer = self._running.get(key)
        return consumer.status if consumer else self._refused.get(key, Status("stopped"))

    def pause(self, workspace: Workspace, datasource: DataSource) -> None:
        """Read no more until `resume`, also after a restart."""
        workspace.schedules.pause(datasource)
        self.follow()

    def resume(self, workspace: Workspace, datasource: DataSource) -> None:
        workspace.schedules.resume(datasource)
        self.follow()

    def close(self) -> None:
        with self._following:
            self._open = False
            self._stop(set(self._running))

    def _wanted(self) -> tuple[dict[Key, Subscription], dict[Key, Status]]:
        wanted, refused = {}, {}
        for workspace in self._workspaces:
            for datasource in workspace.resources.datasources.values():
                if workspace.schedules.is_paused(datasource):
                    continue
                key = (workspace.id, datasource.id)
                try:
                    found = subscription_of(workspace.id, datasource, workspace.resources)
                except BirdhouseError as error:
                    refused[key] = Status("error", f"{datasource.name} reads no topic: {error}")
                else:
                    if found is not None:
                        wanted[key] = found
        return wanted, refused

    def _stop(self, keys: set[Key]) -> None:
        ending = [self._running.pop(key) for key in keys]
        for consumer in ending:
            consumer.ask_to_stop()
        for consumer in ending:
            consumer.join()

    def _start(self, key: Key, subscription: Subscription) -> None:
        def append(source: Source, position: Position) -> Receipt:
            return self._append(subscription, source, position)

        consumer = Consumer(subscription, self._positions, append, self._activity.record_messages)
        self._running[key] = consumer
        consumer.start()

    def _append(self, subscription: Subscription, source: Source, position: Position) -> Receipt:
        workspace = self._workspaces.get(subscription.workspace)
        if workspace is None:
            raise NotFound("The workspace has been deleted")
        datasource = workspace.datasource(subscription.datasource)
        landing = Landing(workspace.database, datasource)
        receipt = self._ingestion.append_stream(landing, source, position).result()
        self._activity.record_append(
            Operation(
                workspace_id=workspace.id,
                event_type="append-kafka",
                datasource_id=datasource.id,
                datasource_name=datasource.name,
                import_id=receipt.import_id,
                rows=receipt.successful_rows,
                rows_quarantine=receipt.quarantined_rows,
                written_bytes=receipt.bytes,
            )
        )
        return receipt
