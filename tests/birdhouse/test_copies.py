"""Copy pipes: on demand and on schedule, appending and replacing."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.birdhouse.project.projects import Files, copy, datasource, endpoint, forward, merge_tree
from tests.birdhouse.project.waiting import until
from tests.server import Workspace, running

SALES = datasource(["id UInt64", "shop String", "amount Int64"], merge_tree("id"))
TOTALS = datasource(["-shop String", "-amount Int64"], merge_tree("shop"))
QUERY = """%
    SELECT shop, sum(amount) AS amount FROM sales
    WHERE sales.amount >= {{ Int64(at_least, 0) }} GROUP BY shop
"""
PROJECT: Files = {
    "sales.datasource": SALES,
    "totals.datasource": TOTALS,
    "take.pipe": copy(QUERY, "totals", "COPY_MODE append", "COPY_SCHEDULE @on-demand"),
}


def sell(workspace: Workspace, *amounts: int) -> None:
    rows = [{"id": amount, "shop": "a", "amount": amount} for amount in amounts]
    workspace.send("sales", "\n".join(map(json.dumps, rows)))


def start(workspace: Workspace, pipe: str = "take", **params: str) -> dict[str, Any]:
    answer = workspace.http.post(f"/v0/pipes/{pipe}/copy", params=params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def job(workspace: Workspace, id: str) -> dict[str, Any]:
    found: dict[str, Any] = workspace.http.get(f"/v0/jobs/{id}").json()
    return found


def over(workspace: Workspace, body: dict[str, Any]) -> dict[str, Any]:
    """The job of a copy, when it has ended."""
    id = body["job"]["job_id"]
    until(lambda: job(workspace, id)["status"] in ("done", "error", "cancelled"))
    return job(workspace, id)


def amounts(workspace: Workspace) -> list[int]:
    rows = workspace.rows("SELECT amount FROM totals ORDER BY amount")
    return [int(row["amount"]) for row in rows]


@pytest.fixture
def sold(workspace: Workspace) -> Workspace:
    workspace.deploy(PROJECT)
    sell(workspace, 1, 2, 40)
    return workspace


def test_a_copy_on_demand_appends(sold: Workspace) -> None:
    body = start(sold)
    target = sold.http.get("/v0/datasources/totals").json()["id"]
    assert body["tags"] == {"copy_target_datasource": target}
    done = over(sold, body)
    assert (done["status"], done["kind"], done["pipe_name"]) == ("done", "copy", "take")
    assert done["datasource"] == {"id": target, "name": "totals"}
    over(sold, start(sold))
    assert amounts(sold) == [43, 43]


def test_a_copy_takes_parameters(sold: Workspace) -> None:
    over(sold, start(sold, at_least="10"))
    assert amounts(sold) == [40]
    refused = sold.http.post("/v0/pipes/take/copy", params={"at_least": "many"})
    assert refused.status_code == 400
    assert "many" in refused.json()["error"]


@pytest.mark.parametrize("by", ["the datafile", "the request"])
def test_a_copy_replaces(sold: Workspace, by: str) -> None:
    mode = {}
    if by == "the datafile":
        pipe = PROJECT["take.pipe"].replace("append", "replace")
        sold.deploy({**PROJECT, "take.pipe": pipe})
    else:
        mode = {"_mode": "replace"}
    over(sold, start(sold, **mode))
    sell(sold, 100)
    over(sold, start(sold, **mode))
    assert amounts(sold) == [143]


def test_a_copy_reads_secrets_and_other_pipes(workspace: Workspace) -> None:
    workspace.http.post("/v0/variables", data={"name": "shop", "value": "it's"})
    workspace.deploy(
        {
            **PROJECT,
            "large.pipe": endpoint("SELECT amount FROM sales WHERE amount > 10", "keep_large"),
            "take.pipe": copy(
                "%\nSELECT {{ tb_secret('shop') }} AS shop, amount FROM large", "totals"
            ),
        }
    )
    sell(workspace, 1, 20)
    over(workspace, start(workspace))
    assert workspace.rows("SELECT * FROM totals") == [{"shop": "it's", "amount": 20}]


def test_a_copy_that_fails_says_why(sold: Workspace) -> None:
    failing = copy("SELECT shop, throwIf(amount > 10) AS amount FROM sales", "totals")
    sold.deploy({**PROJECT, "take.pipe": failing})
    failed = over(sold, start(sold))
    assert failed["status"] == "error"
    assert "throwIf" in failed["error"]


def test_only_copy_pipes_are_run(sold: Workspace) -> None:
    sold.deploy({**PROJECT, "e.pipe": endpoint("SELECT 1 AS one")})
    refused = sold.http.post("/v0/pipes/e/copy")
    assert refused.status_code == 400
    assert refused.json()["error"] == "The pipe 'e' is not a copy pipe"
    assert sold.http.post("/v0/pipes/nothing/copy").status_code == 404
    unknown = sold.http.post("/v0/pipes/take/copy", params={"_mode": "merge"})
    assert "append, replace" in unknown.json()["error"]


def endless() -> str:
    return copy(
        "SELECT 'slow' AS shop, toInt64(count()) AS amount FROM numbers(1000000000000)",
        "totals",
        name="count_on",
    )


def test_a_copy_is_cancelled_and_runs_once_at_a_time(sold: Workspace) -> None:
    sold.deploy({**PROJECT, "slow.pipe": endless()})
    body = start(sold, "slow")
    id = body["job"]["job_id"]
    until(lambda: job(sold, id)["status"] == "working")
    assert sold.http.post("/v0/pipes/slow/copy").status_code == 409
    cancelled = sold.http.post("/v0/pipes/slow/copy/cancel").json()["jobs"]
    assert [one["id"] for one in cancelled] == [id]
    assert over(sold, body)["status"] == "cancelled"
    assert amounts(sold) == []
    body = start(sold, "slow")
    id = body["job"]["job_id"]
    until(lambda: job(sold, id)["status"] == "working")
    assert sold.http.post(f"/v0/jobs/{id}/cancel").status_code == 200
    assert over(sold, body)["status"] == "cancelled"


def test_a_deployment_waits_for_a_copy_and_keeps_its_rows(sold: Workspace) -> None:
    """The target gets another table while the copy wants to write into it."""
    retyped = datasource(
        ["-shop LowCardinality(String)", "-amount Int64"],
        merge_tree("shop"),
        forward("SELECT toLowCardinality(shop) AS shop, amount"),
    )
    bodies = []
    stop = threading.Event()

    def copy_on() -> None:
        while not stop.is_set():
            body = start(sold)
            over(sold, body)
            bodies.append(body)

    thread = threading.Thread(target=copy_on)
    thread.start()
    until(lambda: len(bodies) > 1)
    sold.deploy({**PROJECT, "totals.datasource": retyped})
    count = len(bodies)
    until(lambda: len(bodies) > count + 1)
    stop.set()
    thread.join()
    assert amounts(sold) == [43] * len(bodies)


def test_replacing_is_refused_while_staging_has_a_copy_of_the_rows(sold: Workspace) -> None:
    columns = ["-shop String", "-amount Int64", "-more String DEFAULT 'x'"]
    wider = datasource(columns, merge_tree("shop"))
    sold.deploy({**PROJECT, "totals.datasource": wider}, auto_promote="false")
    failed = over(sold, start(sold, _mode="replace"))
    assert (failed["status"], "in staging" in failed["error"]) == ("error", True)
    assert over(sold, start(sold))["status"] == "done"
    staged = sold.http.get("/v1/deployments").json()["deployments"][1]
    sold.http.post(f"/v1/deployments/{staged['id']}/set-live")
    assert amounts(sold) == [43]


EVERY_SECOND = "* * * * * */1"


def scheduled(mode: str = "append") -> Files:
    pipe = copy(
        "%\nSELECT {{ DateTime(job_timestamp) }} AS shop, toInt64(1) AS amount",
        "totals",
        f"COPY_SCHEDULE {EVERY_SECOND}",
        f"COPY_MODE {mode}",
    )
    return {**PROJECT, "take.pipe": pipe}


def test_a_schedule_runs_once_it_is_live(workspace: Workspace) -> None:
    workspace.deploy(PROJECT)
    staged = workspace.deploy(scheduled(), auto_promote="false")
    workspace.http.post(f"/v1/deployments/{staged['id']}/set-live")
    until(lambda: len(amounts(workspace)) >= 2)
    moments = workspace.rows("SELECT shop, count() AS rows FROM totals GROUP BY shop")
    assert {row["rows"] for row in moments} == {1}, "a run for each second"
    kinds = [one["kind"] for one in workspace.http.get("/v0/jobs?kind=copy").json()["jobs"]]
    assert len(kinds) >= 2


def test_a_schedule_is_paused_and_resumed(workspace: Workspace) -> None:
    workspace.deploy(scheduled())
    until(lambda: amounts(workspace) != [])
    assert workspace.http.post("/v0/pipes/take/copy/pause").status_code == 200
    until(lambda: not unfinished(workspace))
    count = len(amounts(workspace))
    workspace.deploy({**scheduled(), "other.datasource": SALES})
    over(workspace, start(workspace, job_timestamp="2025-01-01 00:00:00"))
    assert len(amounts(workspace)) == count + 1, "on demand it runs all the same"
    assert workspace.http.post("/v0/pipes/take/copy/resume").status_code == 200
    until(lambda: len(amounts(workspace)) > count + 1)


def unfinished(workspace: Workspace) -> list[dict[str, Any]]:
    jobs = workspace.http.get("/v0/jobs?kind=copy").json()["jobs"]
    return [job for job in jobs if job["status"] in ("waiting", "working")]


def test_a_pipe_without_a_schedule_cannot_be_paused(sold: Workspace) -> None:
    for action in ("pause", "resume"):
        refused = sold.http.post(f"/v0/pipes/take/copy/{action}")
        assert (refused.status_code, "no schedule" in refused.json()["error"]) == (400, True)


def test_schedules_and_pauses_survive_a_restart(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with running(data_dir, "serve") as server:
        workspace = server.workspace()
        with workspace.http:
            workspace.deploy(scheduled())
            until(lambda: amounts(workspace) != [])
            paused = {**scheduled()}
            paused["pausing.pipe"] = scheduled()["take.pipe"].replace("rows_to_copy", "other_rows")
            workspace.deploy(paused)
            workspace.http.post("/v0/pipes/pausing/copy/pause")
            server.kill()
    with running(data_dir, "serve") as server:
        again = Workspace(server, workspace.name, workspace.id, workspace.token)
        with again.http:
            count = len(amounts(again))
            until(lambda: len(amounts(again)) > count + 1)
            jobs = again.http.get("/v0/jobs?kind=copy").json()["jobs"]
            assert {job["pipe_name"] for job in jobs[:2]} == {"take"}
            assert not [job for job in jobs if job["status"] == "working" and job["error"]]


FAULTS = {
    "no target": (copy("SELECT 1 AS one", "nowhere"), "Resource 'nowhere' not found"),
    "another column": (
        copy("SELECT 1 AS one", "totals"),
        "columns do not match",
    ),
    "a bad schedule": (
        copy("SELECT 'a' AS shop, 1 AS amount", "totals", "COPY_SCHEDULE sometimes"),
        "cron",
    ),
    "a secret in the schedule": (
        copy(
            "SELECT 'a' AS shop, 1 AS amount",
            "totals",
            'COPY_SCHEDULE {{ tb_secret("when") }}',
        ),
        "COPY_SCHEDULE does not support",
    ),
    "a bad mode": (
        copy("SELECT 'a' AS shop, 1 AS amount", "totals", "COPY_MODE merge"),
        "append or replace",
    ),
    "a secret that is not there": (
        copy("%\nSELECT {{ tb_secret('gone') }} AS shop, 1 AS amount", "totals"),
        "Cannot access secret 'gone'",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_copy_pipe_is_refused(sold: Workspace, name: str) -> None:
    pipe, reason = FAULTS[name]
    body = sold.post_project("/v1/deploy", {**PROJECT, "take.pipe": pipe}, check="true")
    (error,) = body["deployment"]["errors"]
    assert error["filename"] == "take.pipe"
    assert reason in error["error"]


ELSEWHERE = [
    "postgresql('db.example.com:5432', 'shop', 'totals', 'me', {{ tb_secret('word', '') }})",
    "iceberg('s3://shop/totals', {{ tb_secret('key', '') }}, {{ tb_secret('word', '') }})",
    "url('https://example.com/totals.csv', 'CSVWithNames')",
]


@pytest.mark.parametrize("source", ELSEWHERE)
def test_a_copy_from_another_system_is_built_and_says_that_it_does_not_run(
    workspace: Workspace, source: str
) -> None:
    query = f"%\n    SELECT shop, amount FROM {source}\n"
    files = {"totals.datasource": TOTALS, "fetch.pipe": copy(query, "totals")}
    deployment = workspace.deploy(files)
    (said,) = deployment["feedback"]
    assert (said["level"], said["resource"]) == ("WARNING", "fetch")
    assert "another system" in said["message"]
    answer = workspace.http.post("/v0/pipes/fetch/copy")
    assert answer.status_code == 400
    assert "another system" in answer.json()["error"]
    refused = workspace.http.get(
        "/v0/sql", params={"q": "SELECT * FROM url('https://example.com/', 'CSV')"}
    )
    assert refused.status_code == 400
