"""What there is, in both spellings of each address, and what only a deployment may change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import httpx
import pytest
from tests.birdhouse.reading import PROJECT, error_of
from tests.server import Server, Workspace


def found(workspace: Workspace, path: str, **params: str) -> dict[str, Any]:
    answer = workspace.http.get(path, params=params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_pipes_are_listed_and_shown(reading: Workspace, version: str) -> None:
    pipes = found(reading, f"/{version}/pipes")["pipes"]
    files = [PurePosixPath(path) for path in PROJECT]
    assert {pipe["name"] for pipe in pipes} == {f.stem for f in files if f.suffix == ".pipe"}
    recent = found(reading, f"/{version}/pipes/recent")
    assert [node["name"] for node in recent["nodes"]] == ["all_visits", "of_tenant"]
    assert recent["endpoint"] == recent["nodes"][1]["id"]
    assert recent["description"] == "Visits in the order of their ids."


@pytest.mark.parametrize("version", ["v0", "v1"])
def test_a_datafile_comes_as_it_was_deployed(reading: Workspace, version: str) -> None:
    answer = reading.http.get(f"/{version}/pipes/recent.pipe")
    assert answer.text.strip() == PROJECT["endpoints/recent.pipe"].strip()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/v0/datasources/visits"),
        ("DELETE", "/v0/datasources/visits"),
        ("POST", "/v0/datasources/visits/alter"),
    ],
)
def test_tables_change_by_deployments_alone(reading: Workspace, method: str, path: str) -> None:
    answer = reading.http.request(method, path, params={"name": "other", "schema": "n Int32"})
    assert answer.status_code == 403
    assert "can only be done via deployments" in error_of(answer)
    assert found(reading, "/v0/datasources/visits")["name"] == "visits"


@pytest.mark.parametrize("tail", ["", "/"])
@pytest.mark.parametrize("version", ["v0", "v1"])
def test_workspaces_are_listed(reading: Workspace, version: str, tail: str) -> None:
    listed = found(reading, f"/{version}/user/workspaces{tail}")
    assert listed["id"] == reading.id
    (entry,) = [entry for entry in listed["workspaces"] if entry["name"] == reading.name]
    assert entry["token"] == reading.token


@pytest.fixture(params=["v0", "v1"])
def made(request: pytest.FixtureRequest, server: Server) -> Iterator[tuple[str, Workspace]]:
    """A workspace made by one of the addresses, and that address."""
    path = f"/{request.param}/workspaces"
    name = f"Made_by_{request.param}"
    with server.client(server.user_token) as http:
        created = http.post(path, json={"name": name}).json()
    workspace = Workspace(server, name, created["id"], created["token"])
    with workspace.http:
        yield path, workspace


def test_a_workspace_is_made_shown_and_deleted(made: tuple[str, Workspace], server: Server) -> None:
    path, workspace = made
    for key in (workspace.id, workspace.name):
        assert found(workspace, f"{path}/{key}")["id"] == workspace.id
    assert "token" not in found(workspace, f"{path}/{workspace.id}")
    shown = found(workspace, f"{path}/{workspace.id}", with_token="true")
    assert shown["token"] == workspace.token
    with server.client(server.user_token) as http:
        twice = http.post(path, json={"name": workspace.name})
        assert twice.status_code == 409
        no = http.delete(f"{path}/{workspace.id}", params={"confirmation": "no"})
        assert no.status_code == 400
        assert http.delete(f"{path}/{workspace.id}").json() == {"ok": True}
        assert http.get(f"{path}/{workspace.id}").status_code == 404
    assert workspace.http.get("/v0/workspace").status_code == 403


def test_who_may_only_read_makes_and_deletes_no_workspace(workspace: Workspace) -> None:
    params = {"name": "reader", "scope": "WORKSPACE:READ_ALL"}
    token = workspace.http.post("/v0/tokens", params=params).json()["token"]
    with workspace.server.client(token) as http:
        for answer in (
            http.post("/v1/workspaces", json={"name": "mine"}),
            http.delete(f"/v1/workspaces/{workspace.id}"),
            http.get("/v1/user/workspaces"),
        ):
            assert answer.status_code == 403


def test_the_server_tells_that_it_is_there(server: Server) -> None:
    assert httpx.get(f"{server.url}/v0/health").status_code == 200
    assert httpx.get(f"{server.url}/version").text


def test_an_entry_of_the_list_has_what_clients_read_unasked(reading: Workspace) -> None:
    listed = found(reading, "/v0/datasources", attrs="name,columns")["datasources"]
    (visits,) = [entry for entry in listed if entry["name"] == "visits"]
    assert visits["engine"] == {
        "engine": "MergeTree",
        "engine_sorting_key": "id",
        "engine_partition_key": "",
        "engine_primary_key": "id",
    }
    assert visits.keys() == {
        "id",
        "name",
        "columns",
        "engine",
        "indexes",
        "new_columns_detected",
        "quarantine_rows",
    }
    assert visits["columns"][0] == {
        "name": "id",
        "type": "UInt64",
        "codec": None,
        "default_value": None,
        "jsonpath": "$.id",
        "nullable": False,
        "normalized_name": "id",
    }


@pytest.mark.parametrize(
    "path",
    ["/v0/pipes", "/v0/datasources", "/v0/pipes/recent", "/v0/pipes/recent.json", "/v0/jobs"],
)
def test_a_slash_at_the_end_changes_nothing(reading: Workspace, path: str) -> None:
    assert found(reading, f"{path}/").keys() == found(reading, path).keys()


def test_a_node_is_explained_like_its_pipe(reading: Workspace) -> None:
    nodes = found(reading, "/v0/pipes/recent")["nodes"]
    for name in (nodes[0]["name"], nodes[0]["id"]):
        explained = found(reading, f"/v0/pipes/recent/nodes/{name}/explain", tenant="ant")
        assert "ant" not in explained["debug_query"]
        assert "ReadFromMergeTree" in explained["query_explain"]
    assert "ant" in found(reading, "/v0/pipes/recent/explain", tenant="ant")["debug_query"]
    missing = reading.http.get("/v0/pipes/recent/nodes/nope/explain")
    assert missing.status_code == 404
    assert "'nope'" in error_of(missing)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v0/pipes"),
        ("PUT", "/v0/pipes/recent"),
        ("DELETE", "/v0/pipes/recent"),
        ("POST", "/v0/pipes/recent/nodes"),
        ("PUT", "/v0/pipes/recent/nodes/all_visits"),
        ("POST", "/v0/pipes/recent/nodes/all_visits/endpoint"),
        ("POST", "/v0/datafiles"),
    ],
)
def test_pipes_change_by_deployments_alone(reading: Workspace, method: str, path: str) -> None:
    answer = reading.http.request(method, path, params={"name": "other", "sql": "select 1"})
    assert answer.status_code == 403
    assert "can only be done via deployments" in error_of(answer)
