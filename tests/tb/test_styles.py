"""Whole projects in the styles that people write them in: built by `tb`, every endpoint asked.

The projects lie in `styles/`, one folder each. They share little: parameters of every kind,
engines, chains of views, JSONPaths, connectors, copies, sinks, and free formatting.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.birdhouse.project.waiting import until
from tests.server import Server, Workspace
from tests.tb.cli import Cli, environment

pytestmark = pytest.mark.cli

STYLES = Path(__file__).with_name("styles")
NAMES = sorted(path.name for path in STYLES.iterdir())


class Asked(NamedTuple):
    """An endpoint, its parameters, and what has to come of it: rows, or the reason why not."""

    endpoint: str
    params: dict[str, str]
    found: object
    of: Callable[[Any], object] = lambda rows: rows


def number(rows: Any) -> int:
    return len(rows)


def column(name: str) -> Callable[[Any], list[Any]]:
    return lambda rows: [row[name] for row in rows]


def total(name: str) -> Callable[[Any], object]:
    return lambda rows: sum(row[name] for row in rows)


ORDER = {"order_id": "6f2c0d1e-0000-4000-8000-000000000001"}
SHOP = [
    Asked("revenue", {}, [1, 1], column("orders")),
    Asked(
        "revenue",
        {"granularity": "month", "metrics": "total", "countries": "ES", "ids": "1,2"},
        [{"period": "2030-01-01", "total": 20.5}],
    ),
    Asked(
        "revenue", {"statuses": "shipped", "since": "2021-01-01 00:00:00.000"}, 7, total("total")
    ),
    Asked("revenue", {"metrics": "x"}, "metrics must be orders or total"),
    Asked("best_customers", {"order_by": "place"}, ["uno@example.com", ""], column("email")),
    Asked(
        "best_customers", {"order_by": "spent", "page": "1", "page_size": "1"}, [1], column("place")
    ),
    Asked("best_sellers", {}, ["Apple", "", "Apple"], column("title")),
    Asked("stock_left", {"like": "a"}, [{"sku": "a", "amount": 8, "category": "fruit"}]),
    Asked("order_document", ORDER, ["Vigo"], column("city")),
    Asked(
        "order_document", ORDER, [[{"sku": "a", "qty": 2}, {"sku": "b", "qty": 1}]], column("lines")
    ),
    Asked("order_document", {}, "Required parameter is not defined"),
    Asked("carts_open", {}, [{"cart_id": "c1", "items": 2}]),
]
ASKED = {"shop": SHOP}


@pytest.fixture(scope="module")
def built(
    server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Workspace]]:
    """The workspace of each project, built with its fixtures in one of its own."""
    workspaces = {}
    for name in NAMES:
        folder = tmp_path_factory.mktemp(name) / "project"
        shutil.copytree(STYLES / name, folder)
        workspace = server.workspace()
        (folder / ".tinyb").write_text(json.dumps({"name": workspace.name, "id": workspace.id}))
        tb = Cli(folder, environment(server, folder.parent), "", ("--local",))
        printed = tb("build")
        for path in folder.glob("*/*.*"):
            if path.parent.name != "fixtures":
                assert f"{path.parent.name}/{path.name} created" in printed
        assert "No changes" in tb("deploy", "--check")
        workspaces[name] = workspace
    yield workspaces
    for workspace in workspaces.values():
        workspace.http.close()


@pytest.mark.parametrize("name", NAMES)
def test_every_endpoint_answers(built: dict[str, Workspace], name: str) -> None:
    workspace = built[name]
    for asked in ASKED[name]:
        answer = workspace.http.get(f"/v0/pipes/{asked.endpoint}.json", params=asked.params)
        if isinstance(asked.found, str):
            assert answer.status_code >= 400, asked
            assert asked.found in answer.text, asked
        else:
            assert answer.status_code == 200, (asked, answer.text)
            assert asked.of(answer.json()["data"]) == asked.found, asked
    endpoints = {path.stem for path in (STYLES / name / "endpoints").iterdir()}
    assert endpoints == {asked.endpoint for asked in ASKED[name]}


@pytest.mark.parametrize("name", NAMES)
def test_no_row_of_the_fixtures_is_rejected(built: dict[str, Workspace], name: str) -> None:
    listed = built[name].http.get("/v0/datasources").json()["datasources"]
    for source in listed:
        rejected = built[name].rows(f"SELECT c__error FROM {source['name']}_quarantine")
        assert rejected == [], source["name"]


@pytest.mark.parametrize(
    ("name", "pipe", "params", "target", "rows"),
    [
        ("shop", "snapshot_orders", {"status": "paid"}, "order_snapshots", 1),
    ],
)
def test_copies_run_with_parameters(
    built: dict[str, Workspace],
    name: str,
    pipe: str,
    params: dict[str, str],
    target: str,
    rows: int,
) -> None:
    http = built[name].http
    started = http.post(f"/v0/pipes/{pipe}/copy", params=params)
    assert started.status_code == 200, started.text
    url = f"/v0/jobs/{started.json()['job']['job_id']}"
    until(lambda: http.get(url).json()["status"] in ("done", "error"))
    assert http.get(url).json()["status"] == "done", http.get(url).text
    assert built[name].rows(f"SELECT count() AS rows FROM {target}") == [{"rows": rows}]
