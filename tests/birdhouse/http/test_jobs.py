"""Jobs API."""

from __future__ import annotations

import time
from typing import Any

import pytest
from tests.server import Workspace

THINGS = 'SCHEMA >\n    n UInt64 `json:$.n`\n\nENGINE "MergeTree"\n'
SLOW = (
    "NODE rows\nSQL >\n    select max(sipHash64(number)) as n from numbers(100000000000)\n\n"
    "TYPE copy\nTARGET_DATASOURCE things\n"
)


@pytest.fixture
def slow(workspace: Workspace) -> Workspace:
    """A workspace with a copy pipe that takes minutes."""
    workspace.build({"things.datasource": THINGS, "slow.pipe": SLOW})
    return workspace


def job(workspace: Workspace, id: str) -> dict[str, Any]:
    found: dict[str, Any] = workspace.http.get(f"/v0/jobs/{id}").json()
    return found


def until(workspace: Workspace, id: str, *statuses: str) -> dict[str, Any]:
    """The job when it has one of the statuses."""
    deadline = time.monotonic() + 60
    while (found := job(workspace, id))["status"] not in statuses:
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return found


def test_a_running_job_can_be_cancelled(slow: Workspace) -> None:
    started = slow.http.post("/v0/pipes/slow/copy").json()["job"]
    assert started["is_cancellable"]
    until(slow, started["id"], "working")
    answer = slow.http.post(f"/v0/jobs/{started['id']}/cancel")
    assert answer.json()["status"] in ("cancelling", "cancelled")
    over = until(slow, started["id"], "cancelled", "done", "error")
    assert over["status"] == "cancelled"
    assert not over["is_cancellable"]
    assert slow.rows("select count() as rows from things") == [{"rows": 0}]


def test_a_job_that_is_over_cannot_be_cancelled(slow: Workspace) -> None:
    imported = slow.http.post("/v1/datasources/things/append?format=ndjson", content='{"n": 1}')
    answer = slow.http.post(f"/v0/jobs/{imported.json()['id']}/cancel")
    assert answer.status_code == 400
    assert "it is done already" in answer.json()["error"]


def test_a_job_cannot_be_retried(slow: Workspace) -> None:
    imported = slow.http.post("/v1/datasources/things/append?format=ndjson", content='{"n": 1}')
    answer = slow.http.post(f"/v0/jobs/{imported.json()['id']}/retry")
    assert answer.status_code == 400
    assert "start a new import job" in answer.json()["error"]


def test_jobs_are_listed_newest_first(slow: Workspace) -> None:
    ids = [
        slow.http.post("/v1/datasources/things/append?format=ndjson", content=body).json()["id"]
        for body in ('{"n": 1}', '{"n": 2}')
    ]
    assert [entry["id"] for entry in slow.http.get("/v0/jobs").json()["jobs"]] == ids[::-1]
    assert slow.http.get("/v0/jobs?kind=copy").json() == {"jobs": []}
    assert slow.http.get("/v0/jobs?status=error").json() == {"jobs": []}


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/cancel"), ("POST", "/retry")])
def test_a_job_that_is_none_is_not_found(workspace: Workspace, method: str, path: str) -> None:
    answer = workspace.http.request(method, f"/v0/jobs/none{path}")
    assert answer.status_code == 404
    assert answer.json()["error"] == "Job 'none' not found"
