"""What has happened: requests answered and data sources changed, for the service data sources.

Rows are gathered in memory and written by one thread, at most once a second and before they are
read, so that a request never waits for them. A crash loses the last second of them; they are a
record, no data of a user's.

Concurrency: `record_*` and `flush` may be called from any thread; a lock guards what is gathered,
another one lets one flush run at a time, so that `flush` returns when everything recorded before it
can be read.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from birdhouse import tinybird
from birdhouse.engine import Engine, quote_name
from birdhouse.errors import EngineError

log = logging.getLogger("birdhouse")

DATABASE = "service"
"""The ClickHouse database that keeps the rows of all workspaces."""
KEPT = ("pipe_stats_rt", "datasources_ops_log", "block_log", "kafka_ops_log", "sinks_ops_log")
"""The service data sources that are written; the others are derived."""

_PAUSE = 1.0
"""Seconds that rows may wait to be written."""
_TIMES = {
    "pipe_stats_rt": ("start_datetime", "toIntervalMonth(3)"),
    "datasources_ops_log": ("timestamp", "toIntervalYear(1)"),
    "block_log": ("timestamp", "toIntervalMonth(3)"),
    "kafka_ops_log": ("timestamp", "toIntervalDay(30)"),
    "sinks_ops_log": ("timestamp", "toIntervalYear(1)"),
}


class Request(msgspec.Struct, kw_only=True):
    """A request to an endpoint or to the Query API."""

    workspace_id: str
    start_datetime: int = msgspec.field(default_factory=lambda: int(time.time()))
    pipe_id: str
    pipe_name: str
    token: str
    token_name: str
    duration: float = 0.0
    """Seconds."""
    read_bytes: int = 0
    read_rows: int = 0
    cpu_time: float = 0.0
    result_rows: int = 0
    url: str = ""
    error: int = 0
    error_message: str | None = None
    status_code: int = 200
    request_id: str = ""
    parameters: dict[str, str] = {}
    method: str = "GET"
    user_agent: str | None = None
    client_ip: str | None = None
    resource_tags: tuple[str, ...] = ()


class Operation(msgspec.Struct, kw_only=True):
    """Something done to a data source; `event_type` is one of Tinybird's words."""

    workspace_id: str
    timestamp: int = msgspec.field(default_factory=lambda: int(time.time()))
    event_type: str
    datasource_id: str
    datasource_name: str
    result: str = "ok"
    elapsed_time: float = 0.0
    error: str | None = None
    options: dict[str, str] = {}
    request_id: str = ""
    import_id: str | None = None
    job_id: str | None = None
    rows: int | None = None
    rows_quarantine: int | None = None
    written_bytes: int = 0
    pipe_id: str = ""
    pipe_name: str = ""

    def row(self) -> dict[str, Any]:
        found = msgspec.structs.asdict(self)
        options = found.pop("options")
        return {
            **found,
            "Options.Names": list(options),
            "Options.Values": list(options.values()),
            "written_rows": self.rows or 0,
            "written_rows_quarantine": self.rows_quarantine or 0,
        }


class Block(msgspec.Struct, kw_only=True):
    """A piece of an import."""

    workspace_id: str
    timestamp: int = msgspec.field(default_factory=lambda: int(time.time()))
    request_id: str = ""
    import_id: str
    job_id: str | None = None
    source: str
    block_id: str
    status: str = "done"
    datasource_id: str
    datasource_name: str
    rows: int | None = None
    parser: str | None = None
    quarantine_lines: int | None = None
    bytes: int | None = None
    processing_time: float | None = None
    processing_error: str | None = None


class Messages(msgspec.Struct, kw_only=True):
    """Messages of a Kafka partition that were stored, or why none are; then the partition is -1."""

    workspace_id: str
    timestamp: int = msgspec.field(default_factory=lambda: int(time.time()))
    datasource_id: str
    topic: str
    partition: int = -1
    msg_type: Literal["info", "warning", "error"] = "info"
    lag: int = 0
    processed_messages: int = 0
    processed_bytes: int = 0
    committed_messages: int = 0
    time_read: float = 0.0
    time_write: float = 0.0
    msg: str = ""


class Export(msgspec.Struct, kw_only=True):
    """A run of a sink pipe; `output` is the number of files."""

    workspace_id: str
    timestamp: int = msgspec.field(default_factory=lambda: int(time.time()))
    job_id: str
    service: str
    pipe_id: str
    pipe_name: str
    result: Literal["ok", "error"] = "ok"
    error: str | None = None
    elapsed_time: float = 0.0
    written_rows: int = 0
    written_bytes: int = 0
    output: int = 0
    options: dict[str, str] = {}


class Activity:
    """The record of all workspaces; `close` writes what is left."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._rows: dict[str, list[bytes]] = {name: [] for name in KEPT}
        self._appends: dict[tuple[str, str], Operation] = {}
        self._gathering = threading.Lock()
        self._flushing = threading.Lock()
        self._wanted = threading.Event()
        self._closed = threading.Event()
        self._create_tables()
        self._writer = threading.Thread(target=self._write, name="birdhouse-activity", daemon=True)
        self._writer.start()

    def _create_tables(self) -> None:
        self._engine.execute(f"CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic")
        for name in KEPT:
            columns = tinybird.service_columns()[f"tinybird.{name}"]
            listed = ", ".join(f"{quote_name(column)} {type_}" for column, type_ in columns)
            moment, lifetime = _TIMES[name]
            self._engine.execute(
                f"CREATE TABLE IF NOT EXISTS {DATABASE}.{name} (workspace_id String, {listed}) "
                f"ENGINE = MergeTree ORDER BY (workspace_id, {moment}) TTL {moment} + {lifetime}"
            )

    def record_request(self, request: Request) -> None:
        self._gather("pipe_stats_rt", msgspec.json.encode(request))

    def record_operation(self, operation: Operation) -> None:
        self._gather("datasources_ops_log", msgspec.json.encode(operation.row()))

    def record_block(self, block: Block) -> None:
        self._gather("block_log", msgspec.json.encode(block))

    def record_messages(self, messages: Messages) -> None:
        self._gather("kafka_ops_log", msgspec.json.encode(messages))

    def record_export(self, export: Export) -> None:
        self._gather("sinks_ops_log", msgspec.json.encode(export))

    def record_append(self, operation: Operation) -> None:
        """An append by the Events API: one row in the log stands for all between two writes."""
        key = (operation.workspace_id, operation.datasource_id)
        with self._gathering:
            known = self._appends.setdefault(key, operation)
            if known is not operation:
                known.rows = (known.rows or 0) + (operation.rows or 0)
                rejected = (known.rows_quarantine or 0) + (operation.rows_quarantine or 0)
                known.rows_quarantine = rejected
                known.written_bytes += operation.written_bytes
                known.elapsed_time = max(known.elapsed_time, operation.elapsed_time)
        self._wanted.set()

    def _gather(self, table: str, row: bytes) -> None:
        with self._gathering:
            self._rows[table].append(row)
        self._wanted.set()

    def flush(self) -> None:
        """Write what was recorded so far. Raises `EngineError`; the rows stay for the next time."""
        with self._flushing:
            for table, rows in self._taken():
                try:
                    body = b"\n".join(rows).decode()
                    sql = f"INSERT INTO {DATABASE}.{table} FORMAT JSONEachRow {body}"
                    self._engine.execute(sql)
                except EngineError:
                    with self._gathering:
                        self._rows[table][:0] = rows
                    raise

    def _taken(self) -> Iterator[tuple[str, list[bytes]]]:
        with self._gathering:
            appends = [msgspec.json.encode(known.row()) for known in self._appends.values()]
            self._rows["datasources_ops_log"] += appends
            self._appends = {}
        for table in KEPT:
            with self._gathering:
                rows, self._rows[table] = self._rows[table], []
            if rows:
                yield table, rows

    def _write(self) -> None:
        while not self._closed.is_set():
            self._wanted.wait()
            self._closed.wait(_PAUSE)
            self._wanted.clear()
            self._try_to_flush()

    def _try_to_flush(self) -> None:
        try:
            self.flush()
        except EngineError as error:
            log.error("the service data sources could not be written: %s", error)

    def close(self) -> None:
        self._closed.set()
        self._wanted.set()
        self._writer.join()
        self._try_to_flush()
