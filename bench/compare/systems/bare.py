"""The engine itself behind a few lines of HTTP: what is left out is everything else."""

from __future__ import annotations

import asyncio
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.compare import clickhouse
from bench.compare.app import Together
from bench.compare.system import AppSystem
from bench.compare.work import Params
from starlette.applications import Starlette

WORKERS = 1
LOW = "LowCardinality(String)"
ZIPPED = "String codec(ZSTD(1))"
TABLES = {
    "events": (
        f"""event_id {ZIPPED}, event_type {LOW}, user_id {ZIPPED}, session_id {ZIPPED},
        timestamp DateTime codec(Delta, ZSTD(1)), platform {LOW}, app_version {LOW},
        device_type {LOW}, os {LOW}, country {LOW}, properties {ZIPPED}, tenant_id {LOW}""",
        "timestamp",
        "tenant_id, timestamp, event_id",
    ),
    "user_sessions": (
        f"""session_id {ZIPPED}, user_id {ZIPPED}, tenant_id {LOW}, event_type {LOW},
        event_data {ZIPPED}, page_url {ZIPPED}, referrer {LOW}, device_type {LOW}, browser {LOW},
        ip_address {ZIPPED}, created_at DateTime codec(Delta, ZSTD(1)),
        updated_at DateTime codec(Delta, ZSTD(1))""",
        "created_at",
        "tenant_id, created_at, session_id",
    ),
}
SETTINGS = "output_format_json_quote_64bit_integers=0&max_insert_threads=2"


class Bare(AppSystem):
    name = "bare"
    label = "the bare engine"
    promise = "kill -9 of the process (parts written, not flushed)"
    packages = ("chdb",)
    store = __name__

    @classmethod
    def version(cls) -> str:
        return f"chdb-core {version('chdb-core')}"


def framework() -> type[Starlette]:
    return Starlette


class Store:
    """One engine, a connection for each thread."""

    def __init__(self, folder: Path) -> None:
        import chdb

        self._connect = chdb.connect
        self._path = str(folder / "clickhouse")
        self._own = threading.local()
        self._together = Together(self._insert)

    def _run(self, sql: str, fmt: str = "Null", params: Params | None = None) -> bytes:
        if not hasattr(self._own, "connection"):
            self._own.connection = self._connect(f"{self._path}?{SETTINGS}")
        connection: Any = self._own.connection
        return bytes(connection.query(sql, fmt, params=params or {}).bytes())

    async def open(self) -> None:
        self._keeper = self._connect(self._path)
        for name, (columns, time, order) in TABLES.items():
            self._keeper.query(
                f"create table if not exists {name} ({columns}) engine = MergeTree "
                f"partition by toYYYYMM({time}) order by ({order})"
            )

    async def close(self) -> None:
        self._keeper.close()

    async def load(self, files: dict[str, list[str]]) -> None:
        for table, paths in files.items():
            every = f"{Path(paths[0]).parent}/{table}.*.ndjson"
            sql = f"insert into {table} select * from file('{every}', 'JSONEachRow')"
            await asyncio.to_thread(self._run, sql)

    async def settle(self) -> None:
        for table in TABLES:
            await asyncio.to_thread(self._run, f"optimize table {table} final")

    async def size(self) -> int:
        sql = "select sum(bytes_on_disk) from system.parts where active"
        return int(await asyncio.to_thread(self._run, sql, "TSV"))

    async def append(self, rows: bytes) -> None:
        await self._together.append(rows)

    def _insert(self, rows: bytes) -> None:
        self._run(f"insert into events format JSONEachRow {rows.decode()}")

    async def ask(self, question: str, params: Params) -> bytes:
        sql = clickhouse.QUESTIONS[question]
        return await asyncio.to_thread(self._run, sql, "JSONCompact", params)
