"""PostgreSQL behind FastAPI with asyncpg: partitions by month, covering indexes, COPY for bulk.

The cluster is made in the folder and listens on the loopback address and on nothing else. A server
that would run as root runs as the user postgres, as Debian has it.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterable
from datetime import datetime
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from bench.compare import process
from bench.compare.app import answer
from bench.compare.system import AppSystem
from bench.compare.work import FUNNEL, FUNNEL_WINDOW, Params
from starlette.applications import Starlette

WORKERS = 2
CONNECTIONS = 8
"""Of each worker."""
MONTHS = [f"2026-{month:02}-01" for month in range(7, 13)] + ["2027-01-01"]

SETTINGS = {
    "effective_cache_size": "{memory_2}MB",
    "shared_buffers": "{memory_6}MB",
    "maintenance_work_mem": "1GB",
    "work_mem": "64MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "lz4",
    "random_page_cost": "1.1",
    "jit": "off",
    "synchronous_commit": "on",
    # What is acknowledged survives the process and not a power cut: the promise of birdhouse.
    "fsync": "off",
    "listen_addresses": "127.0.0.1",
}


class Event(msgspec.Struct):
    """A row of `events`, in the order of its columns."""

    event_id: str
    event_type: str
    user_id: str
    session_id: str
    timestamp: datetime
    platform: str
    app_version: str
    device_type: str
    os: str
    country: str
    properties: str
    tenant_id: str


class Step(msgspec.Struct):
    """A row of `user_sessions`, in the order of its columns."""

    session_id: str
    user_id: str
    tenant_id: str
    event_type: str
    event_data: str
    page_url: str
    referrer: str
    device_type: str
    browser: str
    ip_address: str
    created_at: datetime
    updated_at: datetime


TABLES: dict[str, tuple[type[msgspec.Struct], str]] = {
    "events": (Event, "timestamp"),
    "user_sessions": (Step, "created_at"),
}
INDEXES = {
    "events": {
        "events_by_time": "(tenant_id, timestamp) include (event_type, user_id, session_id)",
        "events_by_user": "(tenant_id, user_id, timestamp)",
    },
    "user_sessions": {
        "steps_by_time": "(tenant_id, created_at) include (session_id, user_id, event_type)",
    },
}

_MINE = "tenant_id = {tenant} and timestamp >= {since} and timestamp <= {until}"
_STEP = (
    "case event_type "
    + " ".join(f"when '{name}' then {number}" for number, name in enumerate(FUNNEL, 1))
    + " end"
)
_WINDOW = f"interval '{FUNNEL_WINDOW} seconds'"

QUESTIONS = {
    "kpis": """
    select count(*), count(distinct person), coalesce(sum(n), 0)::bigint,
        coalesce(sum(views), 0)::bigint, avg(extract(epoch from last - first))
    from (
        select max(user_id) as person, min(created_at) as first, max(created_at) as last,
            count(*) as n, count(*) filter (where event_type = 'page_view') as views
        from user_sessions
        where tenant_id = {tenant} and created_at >= {since} - interval '1 day'
            and created_at <= {until} + interval '1 day'
        group by session_id
        having min(created_at) >= {since} and min(created_at) <= {until}
    ) as began""",
    "series": f"""
    with found as (
        select timestamp::date as day, count(*) as events, count(distinct user_id) as users,
            count(distinct session_id) as sessions
        from events where {_MINE} group by 1
    )
    select day::date, coalesce(events, 0), coalesce(users, 0), coalesce(sessions, 0)
    from generate_series({{since}}::date, {{until}}::date, interval '1 day') as day
        left join found using (day) order by 1""",
    "breakdown": f"""
    with mine as materialized (select event_type, user_id from events where {_MINE}), ranked as (
        select event_type, row_number() over (order by count(*) desc, event_type) as place
        from mine group by event_type
    )
    select case when place <= 10 then event_type else '(other)' end, count(*),
        count(distinct user_id)
    from mine join ranked using (event_type) group by 1 order by min(place)""",
    "funnel": f"""
    with steps as (
        select user_id, timestamp as moment, {_STEP} as step from events
        where {_MINE} and event_type in {FUNNEL}
    ), second as (
        select *, max(case when step = 1 then moment end) over so_far as one
        from steps window so_far as (partition by user_id order by moment, step)
    ), third as (
        select *,
            max(case when step = 2 and moment - one <= {_WINDOW} then one end) over so_far as two
        from second window so_far as (partition by user_id order by moment, step)
    )
    select count(distinct user_id) filter (where step = 1),
        count(distinct user_id) filter (where step = 2 and moment - one <= {_WINDOW}),
        count(distinct user_id) filter (where step = 3 and moment - two <= {_WINDOW})
    from third""",
    "retention": """
    with mine as materialized (
        select distinct user_id, date_trunc('week', timestamp)::date as week,
            min(timestamp) over (partition by user_id) as first
        from events where tenant_id = {tenant} and timestamp <= {until}
    ), cohorts as (
        select user_id, week, date_trunc('week', first)::date as cohort
        from mine where first >= {since}
    ), sizes as (select cohort, count(distinct user_id) as size from cohorts group by 1),
    returned as (
        select cohort, (week - cohort) / 7 as number, count(*) as users
        from cohorts group by 1, 2
    )
    select cohort, number, size, coalesce(users, 0)
    from sizes cross join generate_series(0, 12) as number
        left join returned using (cohort, number)
    where cohort + 7 * number <= {until}::date order by 1, 2""",
    "stats": f"""
    select event_type, count(*), count(distinct user_id), count(distinct session_id),
        min(timestamp), max(timestamp)
    from events where {_MINE} group by 1 order by 2 desc, 1""",
    "user": f"""
    select count(distinct session_id), count(*), min(timestamp), max(timestamp),
        (array_agg(event_type order by timestamp desc, event_id desc))[1:10],
        array_agg(distinct platform order by platform)
    from events where {_MINE} and user_id = {{user}} having count(*) > 0""",
    "latest": f"""
    select event_id, event_type, user_id, session_id, timestamp, platform, country, properties
    from events where {_MINE} order by timestamp desc, event_id desc limit {{limit}}""",
    "sessions": """
    select session_id, max(user_id), min(created_at), max(created_at),
        extract(epoch from max(created_at) - min(created_at))::bigint, count(*),
        array_agg(event_type order by created_at, event_type)
    from user_sessions
    where tenant_id = {tenant} and created_at >= {since} and created_at <= {until}
    group by session_id order by 4 desc, 1 limit {limit}""",
    "summary": """
    select tenant_id, count(distinct session_id), count(distinct user_id), min(created_at),
        max(created_at), count(*)
    from user_sessions group by 1 order by 6 desc, 1 limit {limit}""",
}
TYPES = {"since": "timestamp", "until": "timestamp", "limit": "bigint"}


def positional(sql: str) -> tuple[str, list[str]]:
    """A statement with numbered parameters, and their names."""
    names = list(dict.fromkeys(re.findall(r"\{(\w+)\}", sql)))
    for number, name in enumerate(names, 1):
        sql = sql.replace(f"{{{name}}}", f"${number}::{TYPES.get(name, 'text')}")
    return sql, names


def value(name: str, text: str) -> object:
    if TYPES.get(name) == "timestamp":
        return datetime.fromisoformat(text)
    return int(text) if name == "limit" else text


def binary(name: str) -> str:
    """The path of a program of PostgreSQL; empty when it is not installed."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    found = [str(place / name) for place in places if (place / name).exists()]
    return next(iter(found), shutil.which(name) or "")


class PostgreSQL(AppSystem):
    name = "postgres"
    label = "PostgreSQL, FastAPI"
    promise = "kill -9 of all processes (commits synchronous, fsync off as with the others)"
    packages = ("asyncpg", "fastapi")
    store = __name__

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.cluster = folder / "cluster"
        self.postgres: subprocess.Popen[bytes] | None = None
        self.user = "postgres" if os.geteuid() == 0 else None

    @classmethod
    def missing(cls) -> str:
        return super().missing() or ("" if binary("initdb") else "initdb (Debian: postgresql)")

    @classmethod
    def version(cls) -> str:
        told = subprocess.run([binary("postgres"), "--version"], capture_output=True, text=True)
        server = re.findall(r"[\d.]+", told.stdout)[0]
        return f"PostgreSQL {server}, asyncpg {version('asyncpg')}, FastAPI {version('fastapi')}"

    def start(self) -> None:
        if not self.cluster.exists():
            self.cluster.mkdir()
            if self.user:
                shutil.chown(self.cluster, self.user)
            initdb = [binary("initdb"), "-D", str(self.cluster), "-A", "trust", "-U", "bench"]
            command = [*initdb, "--locale=C", "-E", "UTF8"]
            subprocess.run(command, user=self.user, check=True, capture_output=True, cwd="/")
        port = process.free_port()
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
        sizes = {"memory_2": memory // 2, "memory_6": memory // 6}
        command = [binary("postgres"), "-D", str(self.cluster), "-p", str(port)]
        for name, text in SETTINGS.items():
            command += ["-c", f"{name}={text.format(**sizes)}"]
        command += ["-c", f"unix_socket_directories={self.cluster}"]
        with self.log.open("ab") as log:
            self.postgres = subprocess.Popen(
                command, user=self.user, stdout=log, stderr=log, cwd="/"
            )
        process.wait_for_port(port, self.postgres, self.log)
        (self.folder / "port").write_text(str(port))
        super().start()

    def stop(self) -> None:
        super().stop()
        if self.postgres is not None:
            process.stop(self.postgres, signal.SIGINT)
            self.postgres = None

    def kill(self) -> None:
        super().kill()
        if self.postgres is not None:
            self.postgres.wait()
            self.postgres = None

    def roots(self) -> list[int]:
        return super().roots() + ([self.postgres.pid] if self.postgres is not None else [])


def framework() -> type[Starlette]:
    from fastapi import FastAPI

    found: type[Starlette] = FastAPI
    return found


class Store:
    """A pool of connections."""

    def __init__(self, folder: Path) -> None:
        self._port = int((folder / "port").read_text())
        self._questions = {name: positional(sql) for name, sql in QUESTIONS.items()}
        self._pool: Any = None

    async def open(self) -> None:
        import asyncpg

        dsn = f"postgresql://bench@127.0.0.1:{self._port}/postgres"
        while self._pool is None:
            try:
                self._pool = await asyncpg.create_pool(dsn, max_size=CONNECTIONS, min_size=1)
            except asyncpg.CannotConnectNowError:  # it recovers
                await asyncio.sleep(0.02)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute("select pg_advisory_xact_lock(1)")
            for table, (row, time) in TABLES.items():
                columns = ", ".join(
                    f"{field.name} {'timestamp' if field.type is datetime else 'text'} not null"
                    for field in msgspec.structs.fields(row)
                )
                await connection.execute(
                    f"create table if not exists {table} ({columns}) partition by range ({time})"
                )
                for month, following in pairwise(MONTHS):
                    part = f"{table}_{month[:7].replace('-', '_')}"
                    await connection.execute(
                        f"create table if not exists {part} partition of {table} "
                        f"for values from ('{month}') to ('{following}')"
                    )

    async def close(self) -> None:
        await self._pool.close()

    async def load(self, files: dict[str, list[str]]) -> None:
        """The rows first, then the indexes: that is faster than both at once."""
        await asyncio.gather(*(self._load(table, paths) for table, paths in files.items()))

    async def _load(self, table: str, paths: Iterable[str]) -> None:
        async with self._pool.acquire() as connection:
            for path in paths:
                rows = await asyncio.to_thread(Path(path).read_bytes)
                await self._copy(connection, table, rows)
            for name, columns in INDEXES[table].items():
                await connection.execute(
                    f"create index if not exists {name} on {table} {columns}", timeout=None
                )

    async def _copy(self, connection: Any, table: str, rows: bytes) -> None:
        found = msgspec.json.Decoder(TABLES[table][0]).decode_lines(rows)
        records = map(msgspec.structs.astuple, found)
        await connection.copy_records_to_table(table, records=records)

    async def settle(self) -> None:
        async with self._pool.acquire() as connection:
            await connection.execute("vacuum analyze", timeout=None)
            await connection.execute("checkpoint", timeout=None)

    async def size(self) -> int:
        sql = """
        select sum(pg_total_relation_size(oid)) from pg_class
        where relkind = 'r' and relnamespace = 'public'::regnamespace"""
        return int(await self._pool.fetchval(sql))

    async def append(self, rows: bytes) -> None:
        async with self._pool.acquire() as connection:
            if b"\n" in rows:
                await self._copy(connection, "events", rows)
                return
            row = msgspec.structs.astuple(msgspec.json.decode(rows, type=Event))
            marks = ", ".join(f"${number}" for number in range(1, len(row) + 1))
            await connection.execute(f"insert into events values ({marks})", *row)

    async def ask(self, question: str, params: Params) -> bytes:
        sql, names = self._questions[question]
        given = [value(name, params[name]) for name in names]
        rows = await self._pool.fetch(sql, *given)
        return answer([tuple(row) for row in rows])
