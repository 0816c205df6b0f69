"""Syncs: the objects of buckets, into the data sources that name them.

Each version of an object is imported once: its import's id is made of the data source, its key and
its version. What is done is written down before the import forgets itself, and one that a crash
cut off goes on at the next start, under the same id.

Concurrency: one thread does one sync after the other.

Not here: Google Cloud Storage, DynamoDB.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from birdhouse.bucket import SERVICES, Bucket, Object, split_uri
from birdhouse.clock import Due
from birdhouse.errors import BadRequest, BirdhouseError, PartlyIngested
from birdhouse.ingest import FileFormat, Ingestion, Landing, Receipt
from birdhouse.ingest.queue import ShuttingDown
from birdhouse.workspace.activity import Activity, Operation
from birdhouse.workspace.imported import Imported
from birdhouse.workspace.jobs import Job
from birdhouse.workspace.resources import DataSource
from birdhouse.workspace.workspaces import Workspace, Workspaces

log = logging.getLogger("birdhouse")

_EACH_MINUTE = "* * * * *"
_ENDINGS: dict[str, FileFormat] = {
    ".csv": "csv",
    ".ndjson": "ndjson",
    ".jsonl": "ndjson",
    ".json": "ndjson",
    ".parquet": "parquet",
}
_FORMATS: dict[str, FileFormat] = {"csv": "csv", "ndjson": "ndjson", "parquet": "parquet"}
_PREFIX = "s3"


Detail = dict[str, Any]
"""What a job tells of its sync."""


class Syncs:
    """Runs syncs. `close` waits for the object under way."""

    def __init__(
        self, workspaces: Workspaces, ingestion: Ingestion, imported: Imported, activity: Activity
    ) -> None:
        self._workspaces = workspaces
        self._ingestion = ingestion
        self._imported = imported
        self._activity = activity
        self._open = False
        self._closing = threading.Event()
        self._thread = ThreadPoolExecutor(1, "sync")

    def start(self, workspace: Workspace, datasource: DataSource, most: int = 0) -> Job:
        """Begin to import what is not imported yet, at most so many objects; gives the job.

        Raises `BadRequest` for a data source without a bucket.
        """
        _bucket_of(workspace, datasource)
        job = Job(
            kind="import",
            detail={
                "datasource": {"id": datasource.id, "name": datasource.name},
                "url": datasource.connector["import_bucket_uri"],
            },
        )
        workspace.save_job(job)
        work = partial(self._sync, workspace, datasource.id, job, most)
        self._thread.submit(workspace.carry_out, job, work)
        return job

    def due(self) -> Iterator[Due]:
        """The data sources whose buckets are looked into by themselves."""
        for workspace in self._workspaces:
            for datasource in workspace.resources.datasources.values():
                if _schedule(datasource) == "@auto" and not workspace.schedules.is_paused(
                    datasource
                ):
                    yield Due(
                        ("sync", workspace.id, datasource.id),
                        _EACH_MINUTE,
                        partial(self._start_quietly, workspace, datasource),
                    )

    def start_following(self) -> None:
        """Follow from now on."""
        self._open = True
        self.follow()

    def follow(self) -> None:
        """Look at once into the buckets that are looked into by themselves."""
        if not self._open:
            return
        for workspace in self._workspaces:
            for datasource in workspace.resources.datasources.values():
                known = self._imported.ids(workspace.id, datasource.id)
                once = _schedule(datasource) == "@once" and not known
                auto = _schedule(datasource) == "@auto"
                if (once or auto) and not workspace.schedules.is_paused(datasource):
                    self._start_quietly(workspace, datasource)

    def close(self) -> None:
        self._open = False
        self._closing.set()
        self._thread.shutdown(cancel_futures=True)

    def _start_quietly(self, workspace: Workspace, datasource: DataSource, _: float = 0.0) -> None:
        """Import what is new; a look that finds nothing leaves no job."""
        self._thread.submit(self._look, workspace, datasource)

    def _look(self, workspace: Workspace, datasource: DataSource) -> None:
        try:
            if next(self._new(workspace, datasource), None) is not None:
                job = self.start(workspace, datasource)
                log.info("%s imports new objects: job %s", datasource.name, job.id)
        except BirdhouseError as error:
            log.warning("%s cannot look into its bucket: %s", datasource.name, error)

    # a sync

    def _check_time(self, _: Receipt) -> None:
        """Between two blocks of an object: the rest of it comes after the next start."""
        if self._closing.is_set():
            raise ShuttingDown("The server is shutting down")

    def _new(self, workspace: Workspace, datasource: DataSource) -> Iterator[tuple[Bucket, Object]]:
        """The objects that are not imported yet."""
        bucket, pattern = _bucket_of(workspace, datasource)
        since = _since(datasource)
        # Those that a crash cut off come first.
        self._ingestion.join_resumed()
        known = self._imported.ids(workspace.id, datasource.id)
        for found in bucket.matching(pattern):
            if found.modified >= since and _import_id(datasource, found) not in known:
                yield bucket, found

    def _sync(self, workspace: Workspace, datasource_id: str, job: Job, most: int) -> Detail:
        """Import what is new; an object that cannot be imported keeps no other one back."""
        done: Detail = {"files": [], "rows": 0, "quarantine_rows": 0}
        job.detail |= done
        errors = []
        datasource = workspace.datasource(datasource_id)
        for bucket, found in self._new(workspace, datasource):
            if self._closing.is_set() or (most and len(done["files"]) >= most):
                break
            try:
                receipt = self._import(workspace, datasource, bucket, found)
            except ShuttingDown:
                raise
            except BirdhouseError as error:
                errors.append(f"{found.key}: {error}")
            else:
                done["files"].append(found.key)
                done["rows"] += receipt.successful_rows
                done["quarantine_rows"] += receipt.quarantined_rows
                job.detail |= done
        if errors:
            raise BadRequest("; ".join(errors))
        return done

    def _import(
        self, workspace: Workspace, datasource: DataSource, bucket: Bucket, found: Object
    ) -> Receipt:
        id = _import_id(datasource, found)
        format_ = _format(datasource, found.key)
        operation = Operation(
            workspace_id=workspace.id,
            event_type="append",
            datasource_id=datasource.id,
            datasource_name=datasource.name,
            options={"url": f"s3://{bucket.name}/{found.key}", "format": format_},
            import_id=id,
        )

        def done(_: object = None) -> None:
            self._imported.add(workspace.id, datasource.id, id)

        try:
            with self._ingestion.spooled(id) as path:
                bucket.fetch(found, path)
                landing = Landing(workspace.database, datasource)
                receipt = self._ingestion.append_file(
                    landing, path, format_, import_id=id, progress=self._check_time, ended=done
                )
        except BirdhouseError as error:
            if isinstance(error, PartlyIngested):
                done()
            operation.result, operation.error = "error", str(error)
            self._activity.record_operation(operation)
            raise
        operation.rows, operation.rows_quarantine = (
            receipt.successful_rows,
            receipt.quarantined_rows,
        )
        operation.written_bytes = receipt.bytes
        self._activity.record_operation(operation)
        return receipt


def end_sync(
    workspaces: Workspaces, imported: Imported, id: str, result: Receipt | BirdhouseError
) -> None:
    """Write down that an import of an object, which a crash had cut off, has come to its end."""
    prefix, _, rest = id.partition("-")
    if prefix != _PREFIX or isinstance(result, BirdhouseError):
        return
    datasource = rest.partition("-")[0]
    for workspace in workspaces:
        if any(d.id == datasource for d in workspace.resources.datasources.values()):
            imported.add(workspace.id, datasource, id)


def _schedule(datasource: DataSource) -> str:
    return datasource.connector.get("import_schedule", "")


def _bucket_of(workspace: Workspace, datasource: DataSource) -> tuple[Bucket, str]:
    """The bucket that a data source names, and the pattern of its objects."""
    settings = datasource.connector
    if "import_bucket_uri" not in settings:
        raise BadRequest(f"The Data Source '{datasource.name}' has no connection that is read here")
    connection = workspace.resources.connections[settings["import_connection_name"]]
    if connection.service not in SERVICES:
        raise BadRequest(f"Data of {connection.service} is not read here: only that of S3")
    name, pattern = split_uri(settings["import_bucket_uri"])
    return Bucket(connection, name), pattern


def _since(datasource: DataSource) -> datetime:
    text = datasource.connector.get("import_from_timestamp", "1970-01-01")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadRequest(f"IMPORT_FROM_TIMESTAMP '{text}' is no ISO 8601 time") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _format(datasource: DataSource, key: str) -> FileFormat:
    """What IMPORT_FORMAT says, else the ending of the key."""
    given = datasource.connector.get("import_format", "").lower()
    ending = f".{key.lower().removesuffix('.gz').rpartition('.')[2]}"
    found = _FORMATS.get(given) if given else _ENDINGS.get(ending)
    if found is None:
        known = ", ".join(_FORMATS if given else _ENDINGS)
        raise BadRequest(f"'{given or ending}' is no format that is read here: {known}")
    return found


def _import_id(datasource: DataSource, found: Object) -> str:
    digest = hashlib.sha256(f"{found.key}\0{found.version}".encode()).hexdigest()[:32]
    return f"{_PREFIX}-{datasource.id}-{digest}"
