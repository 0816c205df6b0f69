"""A deployment in staging: beside the live one, and unseen by it."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
from tests.birdhouse.project.projects import Files, datasource, endpoint, forward, merge_tree, view
from tests.birdhouse.project.waiting import until
from tests.server import Workspace

COLUMNS = ["id UInt64", "name String"]
LIVE: Files = {
    "things.datasource": datasource(COLUMNS, merge_tree("id"), 'TOKEN "reader" READ'),
    "plain.datasource": datasource(COLUMNS, merge_tree("id")),
    "all.pipe": endpoint("SELECT * FROM things ORDER BY id"),
}
NEXT: Files = {
    **LIVE,
    "things.datasource": datasource(
        [*COLUMNS, "more String DEFAULT 'new'"], merge_tree("id"), 'TOKEN "other" READ'
    ),
    "names.datasource": datasource(["-name String", "-rows UInt64"], merge_tree("name")),
    "fill.pipe": view("SELECT name, count() AS rows FROM things GROUP BY name", "names"),
}
STAGING = {"__tb__deployment": "staging"}


def row(id: int, **more: str) -> str:
    return json.dumps({"id": id, "name": f"n{id}", **more})


def listed(workspace: Workspace, **params: str) -> list[tuple[str, str, bool]]:
    found = workspace.http.get("/v1/deployments", params=params).json()["deployments"]
    return [(one["id"], one["status"], one["live"]) for one in found]


def promote(workspace: Workspace, id: str) -> dict[str, Any]:
    answer = workspace.http.post(f"/v1/deployments/{id}/set-live")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def ids(workspace: Workspace, source: str = "things", **params: str) -> list[int]:
    answer = workspace.http.get("/v0/sql", params={"q": f"SELECT id FROM {source}", **params})
    assert answer.status_code == 200, answer.text
    return sorted(found["id"] for found in answer.json()["data"])


@pytest.fixture
def staged(workspace: Workspace) -> Workspace:
    """Deployment 1 is live with two rows, deployment 2 waits."""
    workspace.deploy(LIVE)
    workspace.send("things", f"{row(1)}\n{row(2)}")
    assert workspace.deploy(NEXT, auto_promote="false")["id"] == "2"
    return workspace


def test_the_seed_is_live_before_the_first_promotion(workspace: Workspace) -> None:
    assert listed(workspace) == [("0", "data_ready", True)]
    workspace.deploy(LIVE, auto_promote="false")
    assert listed(workspace) == [("0", "data_ready", True), ("1", "data_ready", False)]
    assert workspace.http.get("/v0/datasources").json()["datasources"] == []
    promote(workspace, "1")
    assert workspace.http.delete("/v1/deployments/0").json()["deployment"]["status"] == "deleted"
    assert listed(workspace) == [("1", "data_ready", True)]


def test_live_serves_on_as_it_was(staged: Workspace) -> None:
    assert listed(staged) == [("1", "data_ready", True), ("2", "data_ready", False)]
    assert staged.http.get("/v0/pipes/all.json").json()["meta"][-1]["name"] == "name"
    assert staged.http.get("/v0/datasources/names").status_code == 404
    tokens = {token["name"] for token in staged.http.get("/v0/tokens").json()["tokens"]}
    assert ("reader" in tokens, "other" in tokens) == (True, False)


def test_staging_shows_what_will_be(staged: Workspace) -> None:
    answer = staged.http.get("/v0/pipes/all.json", params=STAGING).json()
    assert answer["data"][0] == {"id": 1, "name": "n1", "more": "new"}
    shown = staged.http.get("/v0/datasources/things", params=STAGING).json()
    assert [c["name"] for c in shown["schema"]["columns"]] == ["id", "name", "more"]
    assert shown["statistics"]["row_count"] == 2
    assert ids(staged, __tb__deployment="2") == [1, 2]


def test_new_rows_reach_both(staged: Workspace) -> None:
    staged.send("things", row(3))
    assert ids(staged) == ids(staged, **STAGING) == [1, 2, 3]
    rows = staged.http.get("/v0/sql", params={"q": "SELECT sum(rows) AS n FROM names", **STAGING})
    assert rows.json()["data"] == [{"n": 3}]


@pytest.mark.parametrize("by", [STAGING, {"__tb_min_deployment": "2"}], ids=str)
def test_rows_for_staging_stay_there_until_the_promotion(
    staged: Workspace, by: dict[str, str]
) -> None:
    staged.send("things", row(3, more="mine"), **by)
    assert (ids(staged), ids(staged, **STAGING)) == ([1, 2], [1, 2, 3])
    promote(staged, "2")
    assert ids(staged) == [1, 2, 3]
    assert staged.rows("SELECT sum(rows) AS n FROM names") == [{"n": 3}]
    assert staged.rows("SELECT more FROM things WHERE id = 3") == [{"more": "mine"}]


def test_there_has_to_be_a_staging_deployment(workspace: Workspace) -> None:
    workspace.deploy(LIVE)
    answer = workspace.http.get("/v0/datasources", params=STAGING)
    assert (answer.status_code, "staging" in answer.json()["error"]) == (400, True)


def test_one_waits_at_a_time(staged: Workspace) -> None:
    body = staged.post_project("/v1/deploy", LIVE)
    assert body["result"] == "failed"
    assert "already a deployment in staging" in body["deployment"]["errors"][0]["error"]
    assert staged.post_project("/v1/deploy", LIVE, check="true")["result"] == "no_changes"


def test_discarding_leaves_nothing(staged: Workspace) -> None:
    folder = staged.server.data_dir / "clickhouse" / "metadata" / f"ws_{staged.id}".replace("-", "")
    staged.http.delete("/v1/deployments/2")
    assert listed(staged) == [("1", "data_ready", True)]
    assert ("2", "deleted", False) in listed(staged, include_deleted="true")
    until(lambda: len(list(folder.iterdir())) == 4, lambda: list(folder.iterdir()))
    staged.send("things", row(3))
    assert ids(staged) == [1, 2, 3]
    staged.deploy(NEXT)
    assert ids(staged, "things") == [1, 2, 3]


def test_the_live_deployment_cannot_be_discarded(staged: Workspace) -> None:
    assert staged.http.delete("/v1/deployments/1").status_code == 400
    assert staged.http.get("/v1/deployments/9").status_code == 404


def test_a_build_takes_the_place_of_what_waits(staged: Workspace) -> None:
    staged.build({**LIVE, "more.datasource": LIVE["plain.datasource"]})
    assert listed(staged) == [("3", "data_ready", True)]
    assert ids(staged) == [1, 2]


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("/v0/datasources/{}/truncate", {}),
        ("/v1/datasources/{}/delete", {"delete_condition": "id = 1"}),
    ],
)
def test_rows_of_which_staging_has_a_copy_are_not_changed(
    staged: Workspace, path: str, data: dict[str, str]
) -> None:
    refused = staged.http.post(path.format("things"), data=data)
    assert (refused.status_code, "in staging" in refused.json()["error"]) == (409, True)
    assert staged.http.post(path.format("plain"), data=data).is_success
    promote(staged, "2")
    assert staged.http.post(path.format("things"), data=data).is_success


def test_a_check_touches_nothing(workspace: Workspace) -> None:
    workspace.deploy(LIVE)
    workspace.send("things", row(1))
    folder = workspace.server.data_dir / "clickhouse" / "metadata"
    tables = folder / f"ws_{workspace.id}".replace("-", "")
    before = sorted(path.name for path in tables.iterdir())
    body = workspace.post_project("/v1/deploy", NEXT, check="true")
    assert body["result"] == "success"
    assert body["deployment"]["new_datasource_names"] == ["names"]
    assert body["deployment"]["changed_datasource_names"] == ["things"]
    changes = {change["token_name"]: change for change in body["deployment"]["token_changes"]}
    assert changes["other"]["permission_changes"]["added_permissions"] == [
        {"resource_name": "things", "resource_type": "datasource", "permission": "READ"}
    ]
    assert listed(workspace) == [("1", "data_ready", True)]
    assert sorted(path.name for path in tables.iterdir()) == before
    assert workspace.rows("SELECT * FROM things") == [{"id": 1, "name": "n1"}]


def test_a_request_under_way_survives_a_promotion(workspace: Workspace) -> None:
    """It was let in for a table that is another one when its body has come."""
    workspace.deploy(LIVE)
    workspace.send("things", row(1))
    body = row(2).encode()
    with socket.create_connection(("127.0.0.1", workspace.server.port)) as connection:
        connection.sendall(
            b"POST /v0/events?name=things&wait=true HTTP/1.1\r\nHost: birdhouse\r\n"
            b"Connection: close\r\n"
            b"Authorization: Bearer " + workspace.token.encode() + b"\r\n"
            b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body[:5]
        )
        workspace.rows("SELECT 1 AS one")  # the server has read what came before
        key = datasource(COLUMNS, merge_tree("name"), forward("SELECT *"))
        workspace.deploy({**NEXT, "things.datasource": key})
        connection.sendall(body[5:])
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert ids(workspace) == [1, 2]
    assert workspace.rows("SELECT sum(rows) AS n FROM names") == [{"n": 2}]
