"""`/metrics`, read as Prometheus reads it."""

from __future__ import annotations

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.birdhouse.operations.conftest import PROJECT
from tests.server import Server, Workspace

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scrape(server: Server) -> Samples:
    answer = httpx.get(f"{server.url}/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def grown(before: Samples, after: Samples, name: str, **labels: str) -> float:
    key = (name, frozenset(labels.items()))
    return after[key] - before.get(key, 0)


def test_requests_are_counted_by_family_and_status(server: Server) -> None:
    before = scrape(server)
    with server.client() as http:
        for _ in range(3):
            http.post("/v0/sql", content="select 1")
        http.post("/v0/sql", content="select nothing from nowhere")
        http.get("/v0/pipes")
        http.get("/no/such/page")
    after = scrape(server)
    counted = "birdhouse_requests_total"
    assert grown(before, after, counted, family="sql", status="200") == 3
    assert grown(before, after, counted, family="sql", status="400") == 1
    assert grown(before, after, counted, family="pipes", status="200") == 1
    assert grown(before, after, counted, family="none", status="404") == 1
    timed = "birdhouse_request_seconds"
    assert grown(before, after, f"{timed}_count", family="sql") == 4
    assert grown(before, after, f"{timed}_bucket", family="sql", le="+Inf") == 4
    assert grown(before, after, f"{timed}_sum", family="sql") > 0


def test_rows_are_counted(server: Server, workspace: Workspace) -> None:
    workspace.build(PROJECT)
    before = scrape(server)
    workspace.send("clicks", '{"id": 1, "page": "a"}\n{"id": 2, "page": "a"}\n{"id": "no"}')
    after = scrape(server)
    assert grown(before, after, "birdhouse_rows_ingested_total") == 2
    assert grown(before, after, "birdhouse_rows_quarantined_total") == 1


@pytest.mark.parametrize(
    "name",
    [
        "birdhouse_engine_memory_bytes",
        "birdhouse_disk_free_bytes",
        "process_resident_memory_bytes",
        "process_open_fds",
    ],
)
def test_there_is_a_gauge(server: Server, name: str) -> None:
    assert scrape(server)[name, frozenset()] > 0


def test_nothing_waits_in_an_idle_queue(server: Server) -> None:
    assert scrape(server)["birdhouse_queue_bytes", frozenset()] == 0


@pytest.mark.parametrize(
    "headers", [{"Host": "rebound.example"}, {"Origin": "https://page.example"}]
)
def test_others_need_an_admin_token(server: Server, headers: dict[str, str]) -> None:
    refused = httpx.get(f"{server.url}/metrics", headers=headers)
    assert refused.status_code == 403
    assert "access-control-allow-origin" not in refused.headers
    token = {"token": server.admin_token}
    assert httpx.get(f"{server.url}/metrics", headers=headers, params=token).status_code == 200


def test_requests_by_a_proxy_are_not_local(server: Server) -> None:
    forwarded = {"X-Forwarded-For": "192.0.2.7"}
    assert httpx.get(f"{server.url}/metrics", headers=forwarded).status_code == 403
