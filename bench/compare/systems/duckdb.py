"""DuckDB behind FastAPI: one process, a cursor for each thread, one writer."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.compare.app import Together, answer
from bench.compare.system import AppSystem
from bench.compare.work import FUNNEL, FUNNEL_WINDOW, Params
from starlette.applications import Starlette

WORKERS = 1
TABLES = {
    "events": (
        {
            "event_id": "VARCHAR",
            "event_type": "VARCHAR",
            "user_id": "VARCHAR",
            "session_id": "VARCHAR",
            "timestamp": "TIMESTAMP_S",
            "platform": "VARCHAR",
            "app_version": "VARCHAR",
            "device_type": "VARCHAR",
            "os": "VARCHAR",
            "country": "VARCHAR",
            "properties": "VARCHAR",
            "tenant_id": "VARCHAR",
        },
        "tenant_id, timestamp",
    ),
    "user_sessions": (
        {
            "session_id": "VARCHAR",
            "user_id": "VARCHAR",
            "tenant_id": "VARCHAR",
            "event_type": "VARCHAR",
            "event_data": "VARCHAR",
            "page_url": "VARCHAR",
            "referrer": "VARCHAR",
            "device_type": "VARCHAR",
            "browser": "VARCHAR",
            "ip_address": "VARCHAR",
            "created_at": "TIMESTAMP_S",
            "updated_at": "TIMESTAMP_S",
        },
        "tenant_id, created_at",
    ),
}
_MINE = "tenant_id = $tenant and timestamp >= $since::timestamp and timestamp <= $until::timestamp"
_EVENTS = f"select * from events where {_MINE}"
_STEP = (
    "case event_type "
    + " ".join(f"when '{name}' then {number}" for number, name in enumerate(FUNNEL, 1))
    + " end"
)

QUESTIONS = {
    "kpis": """
    select count(*), count(distinct person), coalesce(sum(n), 0)::bigint,
        coalesce(sum(views), 0)::bigint, avg(epoch(last - first))
    from (
        select any_value(user_id) as person, min(created_at) as first, max(created_at) as last,
            count(*) as n, count(*) filter (where event_type = 'page_view') as views
        from user_sessions
        where tenant_id = $tenant and created_at >= $since::timestamp - interval 1 day
            and created_at <= $until::timestamp + interval 1 day
        group by session_id
        having min(created_at) >= $since::timestamp and min(created_at) <= $until::timestamp
    )""",
    "series": f"""
    with found as (
        select timestamp::date as day, count(*) as events, count(distinct user_id) as users,
            count(distinct session_id) as sessions
        from events where {_MINE} group by day
    )
    select day::date, coalesce(events, 0), coalesce(users, 0), coalesce(sessions, 0)
    from (
        select unnest(generate_series($since::date, $until::date, interval 1 day))::date as day
    ) left join found using (day) order by day""",
    "breakdown": f"""
    with mine as ({_EVENTS}), ranked as (
        select event_type, row_number() over (order by count(*) desc, event_type) as place
        from mine group by event_type
    )
    select case when place <= 10 then event_type else '(other)' end as value, count(*),
        count(distinct user_id)
    from mine join ranked using (event_type) group by value order by min(place)""",
    "funnel": f"""
    with steps as (
        select user_id, timestamp as moment, {_STEP} as step from events
        where {_MINE} and event_type in {FUNNEL}
    ), second as (
        select *, max(case when step = 1 then moment end) over so_far as one
        from steps window so_far as (partition by user_id order by moment, step)
    ), third as (
        select *, max(
            case when step = 2 and moment - one <= interval {FUNNEL_WINDOW} second then one end
        ) over so_far as two
        from second window so_far as (partition by user_id order by moment, step)
    )
    select count(distinct user_id) filter (where step = 1),
        count(distinct user_id) filter (where step = 2
            and moment - one <= interval {FUNNEL_WINDOW} second),
        count(distinct user_id) filter (where step = 3
            and moment - two <= interval {FUNNEL_WINDOW} second)
    from third""",
    "retention": """
    with mine as (
        select user_id, timestamp, date_trunc('week', timestamp)::date as week
        from events where tenant_id = $tenant and timestamp <= $until::timestamp
    ), cohorts as (
        select user_id, min(week) as cohort from mine
        group by user_id having min(timestamp) >= $since::timestamp
    ), sizes as (select cohort, count(*) as size from cohorts group by cohort),
    returned as (
        select cohort, (week - cohort) // 7 as number, count(distinct user_id) as users
        from mine join cohorts using (user_id) group by all
    )
    select cohort, number, size, coalesce(users, 0)
    from sizes cross join (select unnest(range(13)) as number)
        left join returned using (cohort, number)
    where cohort + (7 * number)::integer <= $until::date order by cohort, number""",
    "stats": f"""
    select event_type, count(*) as n, count(distinct user_id), count(distinct session_id),
        min(timestamp), max(timestamp)
    from events where {_MINE} group by event_type order by n desc, event_type""",
    "user": f"""
    select count(distinct session_id), count(*), min(timestamp), max(timestamp),
        list(event_type order by timestamp desc, event_id desc)[1:10],
        list_sort(list(distinct platform))
    from events where {_MINE} and user_id = $user having count(*) > 0""",
    "latest": f"""
    select event_id, event_type, user_id, session_id, timestamp, platform, country, properties
    from events where {_MINE} order by timestamp desc, event_id desc limit $limit::integer""",
    "sessions": """
    select session_id, any_value(user_id), min(created_at), max(created_at) as last,
        epoch(max(created_at) - min(created_at))::bigint, count(*),
        list(event_type order by created_at, event_type)
    from user_sessions
    where tenant_id = $tenant
        and created_at >= $since::timestamp and created_at <= $until::timestamp
    group by session_id order by last desc, session_id limit $limit::integer""",
    "summary": """
    select tenant_id, count(distinct session_id), count(distinct user_id), min(created_at),
        max(created_at), count(*) as n
    from user_sessions group by tenant_id order by n desc, tenant_id limit $limit::integer""",
}


class DuckDB(AppSystem):
    name = "duckdb"
    label = "DuckDB, FastAPI"
    promise = "power cut (each commit is flushed)"
    packages = ("duckdb", "fastapi")
    store = __name__

    @classmethod
    def version(cls) -> str:
        return f"DuckDB {version('duckdb')}, FastAPI {version('fastapi')}"


def framework() -> type[Starlette]:
    from fastapi import FastAPI

    found: type[Starlette] = FastAPI
    return found


class Store:
    """One database; its rows are sorted by tenant and time when they are loaded."""

    def __init__(self, folder: Path) -> None:
        import duckdb

        self._database = duckdb.connect(str(folder / "events.duckdb"))
        self._file = folder / "events.duckdb"
        self._own = threading.local()
        self._together = Together(self._insert)
        self._scratch = tempfile.TemporaryDirectory(dir=folder)

    def _run(self, sql: str, params: Params | None = None) -> list[tuple[Any, ...]]:
        if not hasattr(self._own, "cursor"):
            self._own.cursor = self._database.cursor()
        found: list[tuple[Any, ...]] = self._own.cursor.execute(sql, params or {}).fetchall()
        return found

    async def open(self) -> None:
        for name, (columns, _) in TABLES.items():
            listed = ", ".join(f"{column} {type_}" for column, type_ in columns.items())
            self._run(f"create table if not exists {name} ({listed})")

    async def close(self) -> None:
        self._scratch.cleanup()
        self._database.close()

    def _rows(self, table: str, files: list[str]) -> str:
        columns = ", ".join(f"{name}: '{type_}'" for name, type_ in TABLES[table][0].items())
        return f"read_json({files}, format = 'newline_delimited', columns = {{{columns}}})"

    async def load(self, files: dict[str, list[str]]) -> None:
        for table, paths in files.items():
            rows = f"select * from {self._rows(table, paths)} order by {TABLES[table][1]}"
            await asyncio.to_thread(self._run, f"insert into {table} {rows}")

    async def settle(self) -> None:
        await asyncio.to_thread(self._run, "checkpoint")

    async def size(self) -> int:
        await self.settle()
        return self._file.stat().st_size

    async def append(self, rows: bytes) -> None:
        await self._together.append(rows)

    def _insert(self, rows: bytes) -> None:
        file = Path(self._scratch.name) / "batch.ndjson"
        file.write_bytes(rows)
        self._run(f"insert into events select * from {self._rows('events', [str(file)])}")

    async def ask(self, question: str, params: Params) -> bytes:
        return answer(await asyncio.to_thread(self._run, QUESTIONS[question], params))
