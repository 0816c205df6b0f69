"""Data Sources API: rows out, by truncate and by a condition."""

from __future__ import annotations

import pytest
from tests.server import Workspace

THINGS = "SCHEMA >\n    id String `json:$.id`,\n    n Int32 `json:$.n`\n"


@pytest.fixture
def things(workspace: Workspace) -> Workspace:
    workspace.build({"things.datasource": THINGS, "others.datasource": THINGS})
    rows = "".join(f'{{"id": "{i}", "n": {n}}}\n' for n, i in enumerate("abc"))
    workspace.send("things", rows + '{"id": "bad"}\n')
    return workspace


def ids(workspace: Workspace) -> list[str]:
    return [row["id"] for row in workspace.rows("select id from things order by id")]


def test_truncate_empties_the_table_and_leaves_the_quarantine(things: Workspace) -> None:
    assert things.http.post("/v0/datasources/things/truncate").status_code == 205
    assert ids(things) == []
    assert len(things.rows("select * from things_quarantine")) == 1


def test_a_quarantine_is_truncated_by_its_own_name(things: Workspace) -> None:
    assert things.http.post("/v0/datasources/things_quarantine/truncate").status_code == 205
    assert ids(things) == ["a", "b", "c"]
    assert things.rows("select * from things_quarantine") == []


def test_delete_by_condition_is_a_job(things: Workspace) -> None:
    answer = things.http.post(
        "/v0/datasources/things/delete", data={"delete_condition": "n >= 1 -- and more"}
    ).json()
    assert answer["status"] == "done"
    assert answer["rows_affected"] == 2
    assert answer["delete_id"] == answer["job_id"]
    assert ids(things) == ["a"]


def test_a_dry_run_only_counts(things: Workspace) -> None:
    data = {"delete_condition": "n >= 1", "dry_run": "true"}
    answer = things.http.post("/v0/datasources/things/delete", data=data)
    assert answer.json() == {"rows_to_be_deleted": 2}
    assert ids(things) == ["a", "b", "c"]


def test_a_lightweight_delete_is_done_when_answered(things: Workspace) -> None:
    data = {"delete_condition": "id = 'b'"}
    answer = things.http.post("/v1/datasources/things/delete", data=data).json()
    assert answer["rows_affected"] == 1
    assert answer["mutation"]["partitions_in_progress"] == 0
    assert ids(things) == ["a", "c"]


def test_a_lightweight_delete_without_waiting_is_a_job(things: Workspace) -> None:
    data = {"delete_condition": "id = 'b'", "wait": "false"}
    answer = things.http.post("/v1/datasources/things/delete", data=data).json()
    job = things.http.get(f"/v0/jobs/{answer['job_id']}").json()
    assert job["kind"] == "delete_data"


@pytest.mark.parametrize(
    "condition",
    [
        "",
        "nope = 1",
        "id in (select id from others)",
        "id in others",
        "1) union all select 1 from things where (1",
        "1) settings max_threads = (1",
        "file('/etc/hostname') != ''",
        "1; drop table things",
        "sleep(3) = 0",
    ],
)
@pytest.mark.parametrize("version", ["v0", "v1"])
def test_a_condition_that_is_no_plain_expression_deletes_nothing(
    things: Workspace, version: str, condition: str
) -> None:
    data = {"delete_condition": condition}
    answer = things.http.post(f"/{version}/datasources/things/delete", data=data)
    failed = answer.status_code == 400 or answer.json().get("status") == "error"
    assert failed, answer.text
    assert ids(things) == ["a", "b", "c"]


def test_only_an_admin_truncates_and_deletes(things: Workspace) -> None:
    scope = {"name": "writer", "scope": "DATASOURCES:APPEND:things"}
    writer = things.http.post("/v0/tokens", params=scope).json()["token"]
    with things.server.client(writer) as http:
        assert http.post("/v0/datasources/things/truncate").status_code == 403
        data = {"delete_condition": "1"}
        assert http.post("/v0/datasources/things/delete", data=data).status_code == 403
    assert ids(things) == ["a", "b", "c"]
