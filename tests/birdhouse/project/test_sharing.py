"""Data sources that one workspace shares with another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.birdhouse.project.projects import datasource, endpoint, forward, merge_tree, view
from tests.server import Server, Workspace

COLUMNS = ["id UInt64", "name String"]


@pytest.fixture
def other(server: Server) -> Iterator[Workspace]:
    other = server.workspace()
    with other.http:
        yield other


def things(*with_: str, key: str = "id", query: str = "") -> str:
    shared = "SHARED_WITH >\n    " + ",\n    ".join(with_) if with_ else ""
    return datasource(COLUMNS, merge_tree(key), shared, forward(query) if query else "")


@pytest.fixture
def sharing(workspace: Workspace, other: Workspace) -> Workspace:
    """`workspace` shares its things with `other`."""
    workspace.deploy({"things.datasource": things(other.name)})
    workspace.send("things", '{"id": 1, "name": "a"}')
    return workspace


def test_the_other_workspace_reads_it(sharing: Workspace, other: Workspace) -> None:
    name = f"{sharing.name}.things"
    assert other.rows(f"SELECT * FROM {name}") == [{"id": 1, "name": "a"}]
    other.deploy({"e.pipe": endpoint(f"SELECT count() AS rows FROM {name}")})
    assert other.http.get("/v0/pipes/e.json").json()["data"] == [{"rows": 1}]
    shown = sharing.http.get("/v0/datasources/things").json()
    assert shown["shared_with"] == [other.name]


def test_a_new_table_of_the_owner_is_followed(sharing: Workspace, other: Workspace) -> None:
    other.deploy({"e.pipe": endpoint(f"SELECT count() AS rows FROM {sharing.name}.things")})
    assert other.http.get("/v0/pipes/e.json").json()["data"] == [{"rows": 1}]
    moved = things(other.name, key="name", query="SELECT *")
    sharing.deploy({"things.datasource": moved})
    sharing.send("things", '{"id": 2, "name": "b"}')
    assert other.http.get("/v0/pipes/e.json").json()["data"] == [{"rows": 2}]


def test_nobody_else_reads_it(sharing: Workspace, other: Workspace, server: Server) -> None:
    third = server.workspace()
    with third.http:
        refused = third.http.get("/v0/sql", params={"q": f"SELECT 1 FROM {sharing.name}.things"})
        assert refused.status_code == 400
        assert "not found" in refused.json()["error"]
    back = sharing.http.get("/v0/sql", params={"q": f"SELECT 1 FROM {other.name}.things"})
    assert back.status_code == 400


def test_it_ends_with_the_directive(sharing: Workspace, other: Workspace) -> None:
    deployment = sharing.deploy({"things.datasource": things()})
    assert deployment["changed_datasource_names"] == ["things"]
    assert deployment["data_movements"] == []
    query = {"q": f"SELECT 1 FROM {sharing.name}.things"}
    assert other.http.get("/v0/sql", params=query).status_code == 400


def test_a_token_needs_to_be_told(sharing: Workspace, other: Workspace) -> None:
    query = {"q": f"SELECT count() AS rows FROM {sharing.name}.things"}
    made = other.http.post("/v0/tokens", params={"name": "r", "scope": "DATASOURCES:READ:other"})
    with other.server.client(made.json()["token"]) as http:
        assert http.get("/v0/sql", params=query).status_code == 403
    scope = f"DATASOURCES:READ:{sharing.name}.things"
    made = other.http.post("/v0/tokens", params={"name": "s", "scope": scope})
    with other.server.client(made.json()["token"]) as http:
        assert http.get("/v0/sql", params=query).json()["data"] == [{"rows": 1}]


def test_no_view_reads_it(sharing: Workspace, other: Workspace) -> None:
    files = {
        "copies.datasource": datasource(["-id UInt64"], merge_tree("id")),
        "fill.pipe": view(f"SELECT id FROM {sharing.name}.things", "copies"),
    }
    body = other.post_project("/v1/deploy", files, auto_promote="true")
    (error,) = body["deployment"]["errors"]
    assert "Data Source of the workspace" in error["error"]


def test_a_workspace_that_is_not_there_is_warned_of(workspace: Workspace) -> None:
    deployment = workspace.deploy({"things.datasource": things("nobody")})
    (said,) = deployment["feedback"]
    assert (said["level"], said["resource"]) == ("WARNING", "things")
    assert "'nobody'" in said["message"]
