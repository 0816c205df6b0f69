"""`birdhouse quarantine replay`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.birdhouse.operations.command import fail, succeed
from tests.server import Server, Workspace

THINGS = {
    "things.datasource": (
        "SCHEMA >\n"
        "    id String `json:$.id`,\n"
        "    n Int32 `json:$.n`,\n"
        "    at DateTime `json:$.at` DEFAULT '2020-01-01 00:00:00',\n"
        "    tags Array(String) `json:$.tags[:]`,\n"
        "    counts Map(String, UInt8) `json:$.counts`\n"
    )
}
SENT = (
    '{"id": "a", "n": "many", "tags": ["x", "y"], "counts": {"k": 1}}\n'
    '{"id": "b", "n": "few", "at": "2024-02-29 10:00:00"}\n'
    '{"id": "b", "n": "few", "at": "2024-02-29 10:00:00"}\n'
    '{"id": "c", "n": 3, "at": "29/02/2024"}\n'
    '{"id": "d", "n": \n'
    '{"id": "e", "n": 5}'
)


@pytest.fixture
def things(server: Server) -> Iterator[Workspace]:
    """A data source with a good row, four bad ones, and a line that is none."""
    workspace = server.workspace()
    with workspace.http:
        workspace.build(THINGS)
        answer = workspace.send("things", SENT)
        assert answer.json() == {"successful_rows": 1, "quarantined_rows": 5}
        yield workspace


def at(workspace: Workspace) -> tuple[str, ...]:
    return ("--host", workspace.server.url, "--token", workspace.token)


def test_repaired_rows_are_stored_and_leave_the_quarantine(things: Workspace) -> None:
    said = fail(
        "quarantine",
        "replay",
        "things",
        *("--set", "n=if(n = 'many', 100, multiIf(n = 'few', 2, toInt32OrNull(n)))"),
        *("--set", "at=if(id = 'c', '2024-02-29', at)"),
        *at(things),
    )
    assert "1 lines in quarantine are no rows" in said
    rows = things.rows("select * from things order by id, n")
    assert rows == [
        {
            "id": "a",
            "n": 100,
            "at": "2020-01-01 00:00:00",
            "tags": ["x", "y"],
            "counts": {"k": 1},
        },
        *[{"id": "b", "n": 2, "at": "2024-02-29 10:00:00", "tags": [], "counts": {}}] * 2,
        {"id": "c", "n": 3, "at": "2024-02-29 00:00:00", "tags": [], "counts": {}},
        {"id": "e", "n": 5, "at": "2020-01-01 00:00:00", "tags": [], "counts": {}},
    ]
    left = things.rows("select c__error_column from things_quarantine")
    assert left == [{"c__error_column": ["$"]}]
    size = things.http.get("/v0/datasources/things").json()["quarantine_rows"]
    assert size == 1


def test_only_the_rows_that_are_asked_for(things: Workspace) -> None:
    said = succeed(
        *("quarantine", "replay", "things", "--where", "id = 'b'", "--set", "n=2", *at(things))
    )
    assert said == "things: 2 rows stored, 0 back in quarantine\n"
    assert len(things.rows("select id from things_quarantine")) == 3


def test_what_is_still_wrong_goes_back_with_its_reason(things: Workspace) -> None:
    said = fail(
        *("quarantine", "replay", "things", "--where", "n = 'few'", "--set", "n='most'"),
        *at(things),
    )
    assert "2 rows are still in quarantine" in said
    errors = things.rows("select c__error from things_quarantine where id = 'b'")
    assert errors == [{"c__error": ["value 'most' on column 'n' is not Int32"]}] * 2
    assert things.rows("select count() as n from things") == [{"n": 1}]
    assert things.rows("select count() as n from things_quarantine") == [{"n": 5}]


def test_rows_fit_after_the_schema_has_changed(things: Workspace) -> None:
    wider = THINGS["things.datasource"].replace("n Int32", "n String")
    wider += "\nFORWARD_QUERY >\n    SELECT id, toString(n) AS n, at, tags, counts\n"
    things.deploy({"things.datasource": wider})
    succeed("quarantine", "replay", "things", "--where", "id in ('a', 'b')", *at(things))
    rows = things.rows("select id, n from things order by id")
    assert [row["n"] for row in rows] == ["many", "few", "few", "5"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nothing"], 'Data Source "nothing" does not exist'),
        (["things", "--set", "m=1"], "has no column 'm'"),
        (["things", "--set", "n"], "--set takes COLUMN=SQL, not 'n'"),
        (["things", "--where", "n = ("], "The condition is not one expression"),
        (["things", "--where", "id IN (SELECT id FROM things)"], "its own Data Source only"),
        (["things", "--set", "n=file('/etc/passwd')"], "file"),
        (["things", "--where", "m = 1"], "m"),
    ],
)
def test_a_mistake_is_explained_and_changes_nothing(
    things: Workspace, arguments: list[str], said: str
) -> None:
    assert said in fail("quarantine", "replay", *arguments, *at(things))
    assert things.rows("select count() as n from things_quarantine") == [{"n": 5}]


def test_only_an_admin_replays(things: Workspace) -> None:
    answer = things.http.post(
        "/v0/tokens", params={"name": "w", "scope": "DATASOURCES:APPEND:things"}
    )
    with things.server.client(answer.json()["token"]) as http:
        assert http.post("/quarantine/things/replay", json={}).status_code == 403
