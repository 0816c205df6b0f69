"""This project on birdhouse, through its published endpoints."""

from __future__ import annotations

import asyncio
import json
import sys
from importlib.metadata import version
from pathlib import Path

import httpx
from bench.compare.client import Request, connected, get
from bench.compare.system import ROOT, System
from bench.compare.truth import Rows
from bench.compare.work import FUNNEL, FUNNEL_WINDOW, Params

LOADERS = 2
COPIES = ("count_event_days", "count_session_days")

# For each question its endpoint and the columns of an answer.
ENDPOINTS: dict[str, tuple[str, str]] = {
    "kpis": (
        "session_kpis",
        "session_count unique_users event_count page_view_count average_duration_seconds",
    ),
    "series": ("event_series", "interval_start event_count unique_users session_count"),
    "breakdown": ("event_breakdown", "value event_count unique_users"),
    "funnel": ("funnel", "unit_count"),
    "retention": ("retention", "cohort interval_number cohort_size unique_users"),
    "stats": (
        "event_stats",
        "event_type event_count unique_users session_count first_seen last_seen",
    ),
    "user": (
        "user_activity",
        "session_count event_count first_seen last_seen recent_events platforms_used",
    ),
    "latest": (
        "get_events",
        "event_id event_type user_id session_id timestamp platform country properties",
    ),
    "sessions": (
        "get_active_sessions",
        """session_id user_id session_start last_activity session_duration_seconds event_count
        events""",
    ),
    "summary": (
        "tenant_activity_summary",
        "tenant_id total_sessions total_users first_activity last_activity total_events",
    ),
}
ASKED: dict[str, Params] = {
    "kpis": {"exact": "1"},
    "series": {"exact": "1"},
    "breakdown": {"exact": "1"},
    "stats": {"exact": "1"},
    "funnel": {"steps": ",".join(FUNNEL), "window": str(FUNNEL_WINDOW)},
    "retention": {"interval": "week"},
}
"""What an endpoint is asked besides the parameters of the question."""


class Birdhouse(System):
    name = "birdhouse"
    label = "birdhouse, this project"
    promise = "kill -9 of the process (journal and parts written, not flushed)"
    project = ROOT

    @classmethod
    def version(cls) -> str:
        return f"birdhouse {version('birdhouse')}, chdb-core {version('chdb-core')}"

    def start(self) -> None:
        data_dir = self.folder / "data"
        command = ["up", str(self.project), "--no-fixtures", "--log-level", "warning"]
        self.serve([sys.executable, "-m", "birdhouse", *command, "--data-dir", str(data_dir)])
        token = httpx.get(f"http://127.0.0.1:{self.port}/tokens").json()["workspace_admin_token"]
        self.headers = {"Authorization": f"Bearer {token}"}

    async def load(self, files: dict[str, list[Path]]) -> None:
        waiting = [(table, file) for table, paths in files.items() for file in paths]
        waiting.reverse()

        async def send() -> None:
            async with connected(self.port, self.headers) as connection:
                while waiting:
                    table, file = waiting.pop()
                    target = f"/v0/events?name={table}&wait=true"
                    await connection.ask(Request("POST", target, file.read_bytes()))

        await asyncio.gather(*(send() for _ in range(LOADERS)))

    async def settle(self) -> None:
        """Run what is scheduled, and wait until merges have no more to do."""
        async with connected(self.port, self.headers) as connection:
            for copy in COPIES:
                if (self.project / "copies" / f"{copy}.pipe").exists():
                    target = f"/v0/pipes/{copy}/copy?quiet_seconds=0"
                    job = json.loads(await connection.ask(Request("POST", target)))["job"]
                    await self._finished(job["job_id"])
        before, now, quiet = -1, await self.size(), 0
        for _ in range(150):
            quiet = quiet + 1 if before == now else 0
            if quiet == 5:
                break
            await asyncio.sleep(0.2)
            before, now = now, await self.size()

    async def _finished(self, job: str) -> None:
        while True:
            async with connected(self.port, self.headers) as connection:
                status = json.loads(await connection.ask(Request("GET", f"/v0/jobs/{job}")))
            if status["status"] == "done":
                return
            if status["status"] == "error":
                raise RuntimeError(status)
            await asyncio.sleep(0.2)

    async def size(self) -> int:
        sql = "select sum(bytes) as size from tinybird.datasources_storage format JSON"
        async with connected(self.port, self.headers) as connection:
            body = await connection.ask(Request("POST", "/v0/sql", sql.encode()))
        return int(json.loads(body)["data"][0]["size"])

    def ingest(self, rows: bytes) -> Request:
        return Request("POST", "/v0/events?name=events&wait=true", rows)

    def question(self, name: str, params: Params) -> Request:
        endpoint, _ = ENDPOINTS[name]
        sessions = endpoint in ("get_active_sessions", "tenant_activity_summary")
        names = {
            "tenant": "tenant_id",
            "user": "user_id",
            "since": "from_date" if sessions else "start_date",
            "until": "to_date" if sessions else "end_date",
        }
        given = {names.get(key, key): value for key, value in params.items()}
        return get(f"/v0/pipes/{endpoint}.json", given | ASKED.get(name, {}))

    def rows(self, name: str, body: bytes) -> Rows:
        _, columns = ENDPOINTS[name]
        found = [[row[column] for column in columns.split()] for row in json.loads(body)["data"]]
        if name == "series":
            return [[row[0][:10], *row[1:]] for row in found]
        return [[row[0] for row in found]] if name == "funnel" else found
