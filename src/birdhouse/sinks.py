"""Sink pipes: the rows of a query, written into files of an S3 bucket.

A run reads the pipe once for each file, after it has asked which files there will be. Credentials
are those of the connection, else those of this machine; `AWS_ENDPOINT_URL_S3` names another
S3-compatible storage than Amazon's.

Not here: schedules, Google Cloud Storage and Kafka.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from birdhouse.engine import Engine, quote_name, quote_text
from birdhouse.errors import BadRequest
from birdhouse.query import Plan
from birdhouse.workspace.resources import Connection, Pipe, Resources

MODES = ("append", "replace")
_SERVICES = ("s3", "s3_iamrole")
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
    if connection.service not in _SERVICES:
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
    place = urlsplit(settings["export_bucket_uri"])
    folder = place.path.strip("/")
    return Target(
        connection=connection,
        bucket=place.netloc,
        template="/".join(filter(None, [folder, settings["export_file_template"]])),
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


def run_sink(engine: Engine, plan: Plan, target: Target, job: str) -> dict[str, Any]:
    """Write the rows of a plan; gives what the job's detail then has: `files`, `rows`, `bytes`.

    `job` is the run's id, by which `Engine.kill` stops it. Raises `BadRequest` when the bucket
    refuses, `EngineError`.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    written: list[str] = []
    rows = size = 0
    try:
        bucket = _Bucket(target)
        for file in _files(engine, plan, target, job):
            body = gzip.compress(file.body) if target.compressed else file.body
            written.append(bucket.put(file.key, body, job))
            rows, size = rows + file.rows, size + len(body)
    except (BotoCoreError, ClientError) as error:
        raise BadRequest(f"The bucket '{target.bucket}' refuses: {error}") from None
    return {"files": written, "rows": rows, "bytes": size, "progress_percentage": 100}


class _Bucket:
    """A bucket as the target's connection sees it."""

    def __init__(self, target: Target) -> None:
        import boto3

        settings = target.connection.settings
        self._name = target.bucket
        self._replace = target.replace
        self._client = boto3.client(
            "s3",
            region_name=settings.get("s3_region"),
            aws_access_key_id=settings.get("s3_access_key"),
            aws_secret_access_key=settings.get("s3_secret"),
        )

    def put(self, key: str, body: bytes, job: str) -> str:
        """Store a file; gives the key that it got."""
        if not self._replace and self._has(key):
            folder, slash, name = key.rpartition("/")
            stem, dot, extensions = name.partition(".")
            key = f"{folder}{slash}{stem}_{job}{dot}{extensions}"
        self._client.put_object(Bucket=self._name, Key=key, Body=body)
        return key

    def _has(self, key: str) -> bool:
        found = self._client.list_objects_v2(Bucket=self._name, Prefix=key, MaxKeys=1)
        return any(entry["Key"] == key for entry in found.get("Contents", []))


__all__ = ["MODES", "Target", "run_sink", "target_of"]
