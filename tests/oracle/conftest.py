"""A birdhouse of our own with the project on it: the tests empty it as they please."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.contract.api import Api
from tests.oracle.six import Row
from tests.server import running

PROJECT = Path(__file__).resolve().parents[2]
COPIES = {"count_session_days": "session_day_counts", "count_event_days": "event_day_counts"}


class Host(Api):
    """The API of the project, and what empties it and counts its days."""

    def __init__(self, http: httpx.Client, token: str) -> None:
        super().__init__(http, token)
        self._filled = self._names()

    def _names(self) -> list[str]:
        """The data sources that keep rows."""
        found = self.get("/v0/datasources").json()["datasources"]
        names = [datasource["name"] for datasource in found]
        return [name for name in names if name != "private_user_sessions"]

    def empty(self) -> None:
        """Remove all rows."""
        for name in self._filled:
            answer = self.post(f"/v0/datasources/{name}/truncate", content="")
            assert answer.status_code < 300, answer.text

    def count_days(self) -> None:
        """Do what the copies do, without waiting until no row has come for a minute."""
        for pipe, target in COPIES.items():
            sql = f"select * from {pipe} format JSON"
            answer = self.get("/v0/sql", q=sql, quiet_seconds=0)
            assert answer.status_code == 200, answer.text
            rows = answer.json()["data"]
            if rows:
                self.ingest(target, rows)

    def send(self, datasource: str, rows: list[Row]) -> None:
        body = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
        answer = self.post("/v0/events", content=body.encode(), name=datasource, wait="true")
        assert answer.json() == {"successful_rows": len(rows), "quarantined_rows": 0}, answer.text


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    data_dir = tmp_path_factory.mktemp("oracle") / "data"
    with (
        running(data_dir, "up", str(PROJECT), "--no-fixtures") as server,
        httpx.Client(base_url=server.url, timeout=60) as http,
    ):
        yield Host(http, server.admin_token)
