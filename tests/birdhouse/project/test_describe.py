"""What was checked once is not checked again, as long as nothing that it reads is another."""

from __future__ import annotations

import pytest
from tests.birdhouse.project.projects import Files, datasource, endpoint, merge_tree
from tests.server import Server, Workspace

KEY = merge_tree("id")
WIDE = datasource(["id UInt64", "name String"], KEY)
NARROW = datasource(["id UInt64"], KEY)
NAMES = endpoint("SELECT name FROM things", "list_names")
PROJECT: Files = {"things.datasource": WIDE, "names.pipe": NAMES}


def refused(workspace: Workspace, files: Files) -> str:
    body = workspace.post_project("/v1/build", files)
    assert body["result"] == "failed", body
    (error,) = body["errors"]
    assert error["filename"] == "names.pipe"
    return str(error["error"])


def test_a_column_that_goes_is_missed(workspace: Workspace) -> None:
    workspace.build(PROJECT)
    assert "name" in refused(workspace, {**PROJECT, "things.datasource": NARROW})
    workspace.build({**PROJECT, "other.datasource": NARROW})


def test_a_type_that_changes_is_told(workspace: Workspace) -> None:
    workspace.build(PROJECT)
    nullable = datasource(["id UInt64", "name Nullable(String)"], KEY)
    workspace.build({**PROJECT, "things.datasource": nullable})
    meta = workspace.http.get("/v0/pipes/names.json").json()["meta"]
    assert meta == [{"name": "name", "type": "Nullable(String)"}]


def test_the_same_sql_elsewhere_reads_other_tables(workspace: Workspace, server: Server) -> None:
    workspace.build(PROJECT)
    other = server.workspace()
    with other.http:
        assert "name" in refused(other, {**PROJECT, "things.datasource": NARROW})
        other.build(PROJECT)


@pytest.mark.parametrize("order", [("name", "more"), ("more", "name")])
def test_rejected_rows_have_the_columns_of_today(workspace: Workspace, order: list[str]) -> None:
    """Their table is altered in place."""
    for number in range(len(order)):
        columns = [f"{name} String" for name in order[: number + 1]]
        rejected = endpoint(f"SELECT {order[number]} FROM things_quarantine", "list_rejected")
        workspace.build(
            {"things.datasource": datasource(["id UInt64", *columns], KEY), "names.pipe": rejected}
        )
    gone = endpoint("SELECT nothing FROM things_quarantine", "list_rejected")
    files = {"things.datasource": datasource(["id UInt64", *columns], KEY), "names.pipe": gone}
    assert "nothing" in refused(workspace, files)
