"""Service data sources: what is recorded of requests and operations."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from tests.birdhouse.reading import PROJECT, endpoint, fill, pipe_scope, sign, sql
from tests.server import Workspace
from tinybird.service_datasources import (  # noqa: TID251  the reference is the package itself
    get_organization_service_datasources,
    get_tinybird_service_datasources,
)

SOURCES = {
    source["name"]: [(column["name"], column["type"]) for column in source["columns"]]
    for source in (*get_tinybird_service_datasources(), *get_organization_service_datasources())
}


def one(workspace: Workspace, statement: str) -> dict[str, Any]:
    (row,) = workspace.rows(statement)
    return row


@pytest.mark.parametrize("name", SOURCES)
def test_every_column_is_there(reading: Workspace, name: str) -> None:
    answer = sql(reading.http, f"select * from {name} limit 3")
    assert answer.status_code == 200, answer.text
    found = [(column["name"], column["type"]) for column in answer.json()["meta"]]
    assert found == SOURCES[name]


def test_a_request_to_an_endpoint_is_recorded(workspace: Workspace) -> None:
    fill(workspace)
    answer = endpoint(workspace.http, "recent", tenant="bee", limit="3")
    row = one(workspace, "select * from tinybird.pipe_stats_rt where pipe_name = 'recent'")
    assert row["request_id"] == answer.headers["x-request-id"]
    assert row["parameters"] == {"tenant": "bee", "limit": "3"}
    assert row["url"] == "/v0/pipes/recent.json?tenant=bee&limit=3"
    assert (row["method"], row["status_code"], row["error"]) == ("GET", 200, 0)
    assert row["result_rows"] == 3
    assert row["read_rows"] >= 90
    assert row["duration"] > 0
    assert row["token_name"] == "workspace admin token"
    assert row["user_agent"].startswith("python-httpx")
    assert row["client_ip"] == "127.0.0.1"
    pipe = workspace.http.get("/v0/pipes/recent").json()
    assert row["pipe_id"] == pipe["id"]


def test_a_jwt_is_recorded_by_its_name(workspace: Workspace) -> None:
    fill(workspace)
    with workspace.server.client(sign(workspace, pipe_scope("echo"), name="someone")) as http:
        endpoint(http, "echo")
    statement = "select token_name from tinybird.pipe_stats_rt where pipe_name = 'echo'"
    assert workspace.rows(statement) == [{"token_name": "someone"}]


def test_tokens_are_not_recorded(workspace: Workspace) -> None:
    fill(workspace)
    params = {"token": workspace.token, "text": workspace.token}
    assert httpx.get(f"{workspace.server.url}/v0/pipes/echo.json", params=params).is_success
    row = one(workspace, "select url from tinybird.pipe_stats_rt where pipe_name = 'echo'")
    assert workspace.token not in row["url"]
    assert row["url"].startswith("/v0/pipes/echo.json?text=***")


def test_errors_have_a_source_of_their_own(workspace: Workspace) -> None:
    fill(workspace)
    refused = endpoint(workspace.http, "required", first="x", second="1000")
    endpoint(workspace.http, "echo")
    row = one(workspace, "select * from tinybird.endpoint_errors")
    assert row["pipe_name"] == "required"
    assert row["status_code"] == 400
    assert row["error"] == refused.json()["error"]
    assert json.loads(row["params"]) == {"first": "x", "second": "1000"}
    assert row["request_id"] == refused.headers["x-request-id"]


def test_the_query_api_has_a_name_of_its_own(workspace: Workspace) -> None:
    workspace.build(PROJECT_WITHOUT_SECRET)
    assert sql(workspace.http, "select 1").status_code == 200
    row = one(workspace, "select * from tinybird.pipe_stats_rt")
    assert (row["pipe_id"], row["pipe_name"]) == ("query_api", "query_api")
    assert row["parameters"]["q"] == "select 1"


PROJECT_WITHOUT_SECRET = {path: text for path, text in PROJECT.items() if "guarded" not in path}


def test_questions_to_service_data_sources_leave_no_trace(workspace: Workspace) -> None:
    workspace.build(PROJECT_WITHOUT_SECRET)
    for _ in range(3):
        assert workspace.rows("select count() as c from tinybird.pipe_stats_rt") == [{"c": 0}]


def test_an_endpoint_may_read_them_for_anyone(workspace: Workspace) -> None:
    workspace.build(PROJECT_WITHOUT_SECRET)
    endpoint(workspace.http, "echo")
    with workspace.server.client(sign(workspace, pipe_scope("activity"))) as http:
        rows = endpoint(http, "activity").json()["data"]
        assert rows == [{"pipe_name": "echo", "status_code": 200}]
        assert sql(http, "select * from tinybird.pipe_stats_rt").status_code == 403


def test_days_are_rolled_up(workspace: Workspace) -> None:
    workspace.build(PROJECT_WITHOUT_SECRET)
    for _ in range(3):
        endpoint(workspace.http, "echo")
    endpoint(workspace.http, "echo", number="x")
    row = one(
        workspace,
        """select sum(view_count) as views, sum(error_count) as errors,
        avgMerge(avg_duration_state) > 0 as took,
        quantilesTimingMerge(0.9, 0.95, 0.99)(quantile_timing_state) as quantiles
        from tinybird.pipe_stats where pipe_name = 'echo'""",
    )
    assert (row["views"], row["errors"], row["took"]) == (4, 1, 1)
    assert len(row["quantiles"]) == 3


def test_another_workspace_sees_nothing_of_it(workspace: Workspace, reading: Workspace) -> None:
    endpoint(reading.http, "echo")
    for name in ("pipe_stats_rt", "pipe_stats", "datasources_ops_log", "jobs_log", "block_log"):
        assert workspace.rows(f"select * from tinybird.{name}") == []


def test_operations_are_recorded(workspace: Workspace) -> None:
    fill(workspace)
    append = workspace.http.post(
        "/v1/datasources/pages/append", params={"format": "ndjson"}, content=b'{"path": "/a"}\n{}\n'
    )
    assert append.json()["status"] == "done", append.text
    workspace.http.post("/v0/datasources/pages/delete", data={"delete_condition": "path = '/a'"})
    workspace.http.post("/v0/datasources/pages/truncate")
    rows = workspace.rows(
        """select event_type, result, sum(rows) as rows, sum(rows_quarantine) as rejected
        from tinybird.datasources_ops_log where datasource_name = 'pages'
        group by event_type, result order by event_type"""
    )
    assert rows == [
        {"event_type": "append", "result": "ok", "rows": 1, "rejected": 1},
        {"event_type": "append-hfi", "result": "ok", "rows": 1, "rejected": 0},
        {"event_type": "delete", "result": "ok", "rows": 1, "rejected": None},
        {"event_type": "truncate", "result": "ok", "rows": None, "rejected": None},
    ]
    block = one(workspace, "select * from tinybird.block_log")
    assert (block["datasource_name"], block["rows"], block["quarantine_lines"]) == ("pages", 2, 1)
    assert block["parser"] == "ndjson"


def test_events_are_recorded_by_the_write_not_by_the_request(workspace: Workspace) -> None:
    workspace.build(PROJECT_WITHOUT_SECRET)
    for number in range(20):
        workspace.send("pages", json.dumps({"path": f"/{number}"}))
    rows = workspace.rows("select rows from tinybird.datasources_ops_log")
    assert sum(row["rows"] for row in rows) == 20
    assert len(rows) < 20


def test_jobs_are_listed(workspace: Workspace) -> None:
    fill(workspace)
    job = workspace.http.post(
        "/v1/datasources/pages/append", params={"format": "ndjson"}, content=b'{"path": "it\'s"}'
    ).json()
    row = one(workspace, "select * from tinybird.jobs_log where job_type = 'import'")
    assert row["job_id"] == job["id"]
    assert row["status"] == "done"
    assert row["workspace_id"] == workspace.id
    assert json.loads(row["job_metadata"])["datasource"]["name"] == "pages"


def test_storage_is_what_is_stored_now(workspace: Workspace) -> None:
    fill(workspace)
    workspace.send("visits", '{"id": "not a number"}')
    row = one(
        workspace, "select * from tinybird.datasources_storage where datasource_name = 'visits'"
    )
    assert (row["rows"], row["rows_quarantine"]) == (90, 1)
    assert row["bytes"] > 0


def test_the_record_survives_a_restart_of_the_flush(reading: Workspace) -> None:
    """Rows that wait are written before they are read, however many there are."""
    before = one(reading, "select count() as c from tinybird.pipe_stats_rt")["c"]
    for _ in range(50):
        endpoint(reading.http, "echo")
    after = one(reading, "select count() as c from tinybird.pipe_stats_rt")["c"]
    assert after - before == 50
