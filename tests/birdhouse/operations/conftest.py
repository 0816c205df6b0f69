"""A project with a materialized view, and a server of its own for tests that stop or copy it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.server import Server, running

PROJECT = {
    "datasources/clicks.datasource": """
TOKEN "clicker" APPEND

SCHEMA >
    `id` UInt64 `json:$.id`,
    `page` String `json:$.page`

ENGINE MergeTree
ENGINE_SORTING_KEY id
""",
    "datasources/pages.datasource": """
SCHEMA >
    `page` String,
    `clicks` AggregateFunction(count)

ENGINE AggregatingMergeTree
ENGINE_SORTING_KEY page
""",
    "materializations/count_pages.pipe": """
NODE counted
SQL >
    select page, countState() as clicks from clicks group by page

TYPE materialized
DATASOURCE pages
""",
    "endpoints/page_clicks.pipe": """
TOKEN "reader" READ

NODE merged
SQL >
    select page, countMerge(clicks) as clicks from pages group by page order by page

TYPE endpoint
""",
}


def write_project(folder: Path) -> Path:
    for name, text in PROJECT.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def send(http: httpx.Client, first: int, count: int, page: str = "home") -> None:
    """Append clicks with ids from `first` on."""
    body = "\n".join(f'{{"id": {first + n}, "page": "{page}"}}' for n in range(count))
    answer = http.post("/v0/events?name=clicks&wait=true", content=body)
    assert answer.json() == {"successful_rows": count, "quarantined_rows": 0}


def sql(http: httpx.Client, statement: str) -> list[dict[str, object]]:
    answer = http.post("/v0/sql", content=statement)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, object]] = answer.json()["data"]
    return rows


@pytest.fixture(scope="module")
def clicks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with the project, and three clicks."""
    folder = tmp_path_factory.mktemp("clicks")
    project = write_project(folder / "project")
    with running(folder / "data", "up", str(project)) as server, server.client() as http:
        send(http, 1, 3)
        yield server
