"""Sink pipes: the rows of a query, written into files of an S3 bucket, on demand and on schedule.

A run reads the pipe once for each file, after it has asked which files there will be.

Concurrency: one thread does the scheduled runs one after the other; a run that is still to be done
when the next is due makes that one fall out.

Not here: Google Cloud Storage and Kafka.
"""

from __future__ import annotations

import gzip
import logging
import re
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import msgspec

from birdhouse.bucket import SERVICES, Bucket, split_uri
from birdhouse.clock import Due
from birdhouse.engine import Engine, quote_name, quote_text
from birdhouse.errors import BadRequest, BirdhouseError
from birdhouse.query import Plan, Scope, plan_pipe
from birdhouse.workspace.activity import Activity, Export
from birdhouse.workspace.jobs import Job
from birdhouse.workspace.resources import Connection, Pipe, Resources
from birdhouse.workspace.workspaces import Workspace, Workspaces

log = logging.getLogger("birdhouse")

MODES = ("append", "replace")
_FORMATS = {"csv": "CSVWithNames", "ndjson": "JSONEachRow", "parquet": "Parquet"}
_NO_COMPRESSION = ("", "none")
_GZIP = ("gzip", "gz")
_FILES = 1000
_SETTINGS: dict[str, int | float | str] = {"max_execution_time": 3600}
_PART = re.compile(r"\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?:,\s*'([^']*)'\s*)?\}")


class Target(NamedTuple):
    """Where a sink pipe writes."""

    connection: Connection
    bucket: str
    template: str
    """The key of a file; `{column}` and `{column, '%Y-%m-%d'}` make one for each value."""
    format: str
    compressed: bool
    replace: bool
    """Whether a file that is there already is replaced; else the new one gets another name."""

    def key(self, values: list[str]) -> str:
        rest = iter(values)
        name = _PART.sub(lambda _: next(rest), self.template)
        for extension in (self.format, *(["gz"] if self.compressed else [])):
            name = name if name.endswith(f".{extension}") else f"{name}.{extension}"
        return name


def target_of(pipe: Pipe, resources: Resources, given: Mapping[str, str]) -> Target:
    """Where the pipe writes; `given` may have another `mode`, `format` and `compression`.

    Raises `BadRequest` for a pipe that is no sink and for what is not supported.
    """
    settings = pipe.output.settings
    if pipe.output.type != "sink":
        raise BadRequest(f"The pipe '{pipe.name}' is not a sink pipe")
    connection = resources.connections[settings["export_connection_name"]]
    if connection.service not in SERVICES:
        raise BadRequest(
            f"The sink pipe '{pipe.name}' writes to {connection.service}: "
            "here, sink pipes write to S3-compatible storage alone"
        )
    format_ = (given.get("format") or settings.get("export_format", "csv")).lower()
    if format_ not in _FORMATS:
        raise BadRequest(f"The format '{format_}' is none of {', '.join(_FORMATS)}")
    compression = (given.get("compression") or settings.get("export_compression", "")).lower()
    if compression not in (*_NO_COMPRESSION, *_GZIP):
        raise BadRequest(f"The compression '{compression}' is neither none nor gzip")
    mode = given.get("mode", "")
    if mode and mode not in MODES:
        raise BadRequest(f"The mode '{mode}' is none of {', '.join(MODES)}")
    strategy = settings.get("export_write_strategy") or settings.get("export_strategy", "@new")
    bucket, folder = split_uri(settings["export_bucket_uri"])
    return Target(
        connection=connection,
        bucket=bucket,
        template="/".join(filter(None, [folder.strip("/"), settings["export_file_template"]])),
        format=format_,
        compressed=compression in _GZIP,
        replace=(mode == "replace") if mode else strategy.strip("@") in ("replace", "truncate"),
    )


class _File(NamedTuple):
    key: str
    rows: int
    body: bytes


def _files(engine: Engine, plan: Plan, target: Target, tag: str) -> Iterator[_File]:
    """The files of a run, one after the other."""

    def query(sql: str, format_: str) -> Any:
        return engine.query(sql, format_, settings=_SETTINGS, params=plan.params, tag=tag)

    parts = [
        f"formatDateTime({quote_name(column)}, {quote_text(form)})"
        if form
        else f"toString({quote_name(column)})"
        for column, form in _PART.findall(target.template)
    ]
    if not parts:
        found = query(plan.sql, _FORMATS[target.format])
        yield _File(target.key([]), found.result_rows, bytes(found.data))
        return
    names = f"SELECT DISTINCT {', '.join(parts)} FROM ({plan.sql}) ORDER BY ALL LIMIT {_FILES + 1}"
    lines = bytes(query(names, "JSONCompactEachRow").data).splitlines()
    if len(lines) > _FILES:
        raise BadRequest(f"The file template '{target.template}' makes more than {_FILES} files")
    for line in lines:
        values = [str(value) for value in msgspec.json.decode(line)]
        chosen = " AND ".join(
            f"{part} = {quote_text(value)}" for part, value in zip(parts, values, strict=True)
        )
        found = query(f"SELECT * FROM ({plan.sql}) WHERE {chosen}", _FORMATS[target.format])
        yield _File(target.key(values), found.result_rows, bytes(found.data))


def _put(bucket: Bucket, target: Target, file: _File, body: bytes, job: str) -> str:
    """Store a file; gives the key that it got."""
    key = file.key
    if not target.replace and bucket.has(key):
        folder, slash, name = key.rpartition("/")
        stem, dot, extensions = name.partition(".")
        key = f"{folder}{slash}{stem}_{job}{dot}{extensions}"
    bucket.put(key, body)
    return key


class Sinks:
    """Runs sink pipes. `close` stops a scheduled run under way."""

    def __init__(self, engine: Engine, workspaces: Workspaces, activity: Activity) -> None:
        self._engine = engine
        self._workspaces = workspaces
        self._activity = activity
        self._thread = ThreadPoolExecutor(1, "sink")
        self._scheduled: dict[tuple[str, str], Job] = {}

    def run(
        self, workspace: Workspace, pipe: Pipe, plan: Plan, target: Target, job: str
    ) -> dict[str, Any]:
        """Write the rows of a plan; gives what the job's detail then has: `files`, `rows`, `bytes`.

        `job` is the run's id, by which `Engine.kill` stops it. Raises `BadRequest` when the bucket
        refuses, `EngineError`.
        """
        started = time.perf_counter()
        done = Export(
            workspace_id=workspace.id,
            job_id=job,
            service=target.connection.service,
            pipe_id=pipe.id,
            pipe_name=pipe.name,
            options={"bucket": target.bucket, "format": target.format},
        )
        files: list[str] = []
        try:
            bucket = Bucket(target.connection, target.bucket)
            for file in _files(self._engine, plan, target, job):
                body = gzip.compress(file.body) if target.compressed else file.body
                files.append(_put(bucket, target, file, body, job))
                done.written_rows += file.rows
                done.written_bytes += len(body)
        except BirdhouseError as error:
            done.result, done.error = "error", str(error)
            raise
        finally:
            done.output, done.elapsed_time = len(files), time.perf_counter() - started
            self._activity.record_export(done)
        return {
            "files": files,
            "rows": done.written_rows,
            "bytes": done.written_bytes,
            "progress_percentage": 100,
        }

    def due(self) -> Iterator[Due]:
        """The pipes that run on schedule."""
        for workspace in self._workspaces:
            for pipe, schedule in workspace.schedules.due(workspace.resources, "sink"):
                key = ("sink", workspace.id, pipe.name)
                yield Due(key, schedule, partial(self._start, workspace, pipe.name))

    def close(self) -> None:
        for job in list(self._scheduled.values()):
            self._engine.kill(job.id)
        self._thread.shutdown(cancel_futures=True)

    def _start(self, workspace: Workspace, name: str, moment: float) -> None:
        key = (workspace.id, name)
        if key in self._scheduled:
            return
        pipe = workspace.resources.pipes[name]
        job = Job(kind="sink", detail={"pipe_id": pipe.id, "pipe_name": name})
        self._scheduled[key] = job
        workspace.save_job(job)
        timestamp = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")
        self._thread.submit(self._work, workspace, pipe, job, {"job_timestamp": timestamp})

    def _work(
        self, workspace: Workspace, pipe: Pipe, job: Job, variables: Mapping[str, str]
    ) -> None:
        def write() -> dict[str, Any]:
            plan = plan_pipe(pipe, Scope.of(workspace, variables))
            target = target_of(pipe, workspace.resources, {})
            return self.run(workspace, pipe, plan, target, job.id)

        try:
            workspace.carry_out(job, write)
        finally:
            del self._scheduled[workspace.id, pipe.name]
        if job.error:
            log.warning("the sink pipe %s of %s: %s", pipe.name, workspace.name, job.error)


__all__ = ["MODES", "Sinks", "Target", "target_of"]
