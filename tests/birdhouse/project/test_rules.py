"""What each change of a data source does to its rows."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from tests.birdhouse.project.projects import datasource, forward, merge_tree
from tests.server import Workspace

COLUMNS = ["id UInt64", "name String", "price Float64", "time DateTime"]
ROW = {"id": 1, "name": "ab", "price": 2.5, "time": "2025-01-02 03:04:05"}
KEY = merge_tree("id")
BEFORE = datasource(COLUMNS, KEY)


class Change(NamedTuple):
    """A new definition, and the first row that is there after it."""

    after: str
    row: dict[str, Any]
    moves: str = ""


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in ROW.items() if name not in names}


IN_PLACE = {
    "a column comes": Change(datasource([*COLUMNS, "more String"], KEY), {**ROW, "more": ""}),
    "a column comes with a default": Change(
        datasource([*COLUMNS, "more Int8 DEFAULT 7"], KEY), {**ROW, "more": 7}
    ),
    "a column comes in the middle": Change(
        datasource([*COLUMNS[:1], "more Nullable(String)", *COLUMNS[1:]], KEY),
        {"id": 1, "more": None, **without("id")},
    ),
    "columns come and go": Change(
        datasource([*COLUMNS[:2], "a Int8", "b Int8"], KEY),
        {**without("price", "time"), "a": 0, "b": 0},
    ),
    "a column goes": Change(datasource(COLUMNS[:3], KEY), without("time")),
    "a column becomes nullable": Change(
        datasource([*COLUMNS[:2], "price Nullable(Float64)", COLUMNS[3]], KEY), ROW
    ),
    "the order of columns": Change(
        datasource([COLUMNS[0], COLUMNS[3], COLUMNS[1], COLUMNS[2]], KEY),
        {"id": 1, "time": ROW["time"], "name": "ab", "price": 2.5},
    ),
    "a default comes": Change(
        datasource([COLUMNS[0], "name String DEFAULT 'x'", *COLUMNS[2:]], KEY), ROW
    ),
    "a codec comes": Change(BEFORE.replace("`json:$.name`", "`json:$.name` CODEC(ZSTD(3))"), ROW),
    "a TTL comes": Change(datasource(COLUMNS, KEY, 'ENGINE_TTL "time + toIntervalYear(90)"'), ROW),
    "a setting comes": Change(
        datasource(COLUMNS, KEY, 'ENGINE_SETTINGS "merge_with_ttl_timeout=100000"'), ROW
    ),
    "an index comes": Change(
        datasource(COLUMNS, KEY, "INDEXES >\n    by_name name TYPE bloom_filter GRANULARITY 2"),
        ROW,
    ),
    "a column, a TTL and an index at once": Change(
        datasource(
            [*COLUMNS, "day Date"],
            KEY,
            'ENGINE_TTL "time + toIntervalYear(90), day + toIntervalYear(99) DELETE WHERE id = 2"',
            "INDEXES >\n    by_day day TYPE minmax GRANULARITY 1",
        ),
        {**ROW, "day": "1970-01-01"},
    ),
    "another JSONPath": Change(BEFORE.replace("json:$.name", "json:$.other.name"), ROW),
    "descriptions, tags and tokens": Change(
        'DESCRIPTION >\n    Things\n\nTAGS "a, b"\nTOKEN "x" READ\n' + BEFORE, ROW
    ),
    "a FORWARD_QUERY for another sorting key": Change(
        datasource(COLUMNS, merge_tree("time, id"), forward("SELECT *")),
        ROW,
        "backfill_with_forward_query",
    ),
    "a FORWARD_QUERY for another type": Change(
        datasource(
            ["id String", *COLUMNS[1:]],
            KEY,
            forward("SELECT * EXCEPT (id), concat('id ', toString(id)) AS id"),
        ),
        {**ROW, "id": "id 1"},
        "backfill_with_forward_query",
    ),
    "a FORWARD_QUERY where an ALTER would do": Change(
        datasource(
            [*COLUMNS, "more String"],
            KEY,
            forward("SELECT id, upper(name) AS name, price, time, 'old' AS more -- the past"),
        ),
        {**ROW, "name": "AB", "more": "old"},
        "backfill_with_forward_query",
    ),
    "a FORWARD_QUERY for another engine": Change(
        datasource(
            COLUMNS,
            merge_tree("id", "ReplacingMergeTree") + '\nENGINE_VER "time"',
            forward("SELECT *"),
        ),
        ROW,
        "backfill_with_forward_query",
    ),
    "a FORWARD_QUERY for partitions": Change(
        datasource(COLUMNS, KEY + '\nENGINE_PARTITION_KEY "toYYYYMM(time)"', forward("SELECT *")),
        ROW,
        "backfill_with_forward_query",
    ),
}

REFUSED = {
    "another type": (
        datasource(["id String", *COLUMNS[1:]], KEY),
        "changes id from UInt64 to String",
    ),
    "a wider type": (
        datasource([*COLUMNS[:1], "name LowCardinality(String)", *COLUMNS[2:]], KEY),
        "changes name from String to LowCardinality(String)",
    ),
    "a nullable column that is no longer": (
        datasource([*COLUMNS[:3], "time Date"], KEY),
        "changes time from DateTime to Date",
    ),
    "another sorting key": (
        datasource(COLUMNS, merge_tree("time")),
        "changes ENGINE_SORTING_KEY",
    ),
    "another engine": (
        datasource(COLUMNS, merge_tree("id", "ReplacingMergeTree")),
        "changes ENGINE,",
    ),
    "partitions": (
        datasource(COLUMNS, KEY, 'ENGINE_PARTITION_KEY "toYYYYMM(time)"'),
        "changes ENGINE_PARTITION_KEY",
    ),
    "a setting for life": (
        datasource(COLUMNS, KEY, 'ENGINE_SETTINGS "index_granularity=64"'),
        "changes ENGINE_SETTINGS that a table keeps for life",
    ),
}


@pytest.fixture
def things(workspace: Workspace) -> Workspace:
    workspace.deploy({"things.datasource": BEFORE})
    workspace.send("things", json.dumps(ROW))
    return workspace


@pytest.mark.parametrize("name", IN_PLACE)
def test_rows_stay(things: Workspace, name: str) -> None:
    change = IN_PLACE[name]
    deployment = things.deploy({"things.datasource": change.after})
    assert things.rows("SELECT * FROM things") == [change.row]
    moves = [m["kind"] for m in deployment["data_movements"]]
    assert moves == ([change.moves] if change.moves else [])


@pytest.mark.parametrize("name", IN_PLACE)
def test_the_table_is_what_a_new_one_would_be(things: Workspace, name: str) -> None:
    after = IN_PLACE[name].after
    things.deploy({"things.datasource": after, "fresh.datasource": after})
    described = {
        source: things.rows(f"DESCRIBE TABLE (SELECT * FROM {source})")
        for source in ("things", "fresh")
    }
    assert described["things"] == described["fresh"]
    things.send("things", json.dumps({**ROW, "id": 2}))
    things.send("fresh", json.dumps({**ROW, "id": 2}))
    newest = "SELECT * FROM {} WHERE toString(id) = '2'"
    assert things.rows(newest.format("things")) == things.rows(newest.format("fresh"))


ALTERED = [name for name, change in IN_PLACE.items() if not change.moves]


@pytest.mark.parametrize("name", [n for n in ALTERED if n != "a column becomes nullable"])
def test_and_back_again(things: Workspace, name: str) -> None:
    """What an ALTER brought, another takes away."""
    things.deploy({"things.datasource": IN_PLACE[name].after})
    things.deploy({"things.datasource": BEFORE})
    row = things.rows("SELECT * FROM things")[0]
    assert row.keys() == ROW.keys()
    assert row["id"] == 1


@pytest.mark.parametrize("name", REFUSED)
def test_a_deployment_that_would_lose_rows_is_refused(things: Workspace, name: str) -> None:
    after, reason = REFUSED[name]
    for params in ({"auto_promote": "true"}, {"check": "true"}):
        body = things.post_project("/v1/deploy", {"things.datasource": after}, **params)
        assert body["result"] == "failed"
        (error,) = body["deployment"]["errors"]
        assert error["filename"] == "things.datasource"
        assert reason in error["error"] + ","
        assert "FORWARD_QUERY" in error["error"]
    assert things.rows("SELECT * FROM things") == [ROW]


@pytest.mark.parametrize("name", REFUSED)
def test_a_build_drops_them_and_says_so(things: Workspace, name: str) -> None:
    after, reason = REFUSED[name]
    build = things.post_project("/v1/build", {"things.datasource": after})["build"]
    (said,) = build["feedback"]
    assert (said["level"], said["resource"]) == ("WARNING", "things")
    assert reason.rstrip(",") in said["message"]
    assert things.rows("SELECT count() AS rows FROM things") == [{"rows": 0}]


FORWARD_FAULTS = {
    "a column is missing": (
        forward("SELECT id, name"),
        "FORWARD_QUERY columns don't match datasource schema. Only in the schema: `price`, `time`",
    ),
    "a column is too many": (
        forward("SELECT *, 1 AS more"),
        "FORWARD_QUERY columns don't match datasource schema. Only in the query: `more`",
    ),
    "an unknown column": (forward("SELECT * EXCEPT (id), nothing AS id"), "nothing"),
    "a type that cannot be converted": (forward("SELECT * EXCEPT (id), [1] AS id"), "Array(UInt8)"),
    "a FROM": (forward("SELECT * FROM things"), "leave FROM and WHERE out"),
    "no SQL": (forward("SELECT ,"), "Syntax error"),
}


@pytest.mark.parametrize("name", FORWARD_FAULTS)
def test_a_faulty_forward_query_is_refused(things: Workspace, name: str) -> None:
    query, reason = FORWARD_FAULTS[name]
    after = datasource(COLUMNS, merge_tree("time, id"), query)
    for params in ({"auto_promote": "true"}, {"check": "true"}):
        body = things.post_project("/v1/deploy", {"things.datasource": after}, **params)
        assert body["result"] == "failed"
        (error,) = body["deployment"]["errors"]
        assert error["filename"] == "things.datasource"
        assert reason in error["error"]
    assert things.rows("SELECT * FROM things") == [ROW]


def test_a_forward_query_that_fails_on_a_row_leaves_live_as_it_was(things: Workspace) -> None:
    after = datasource(COLUMNS, KEY, forward("SELECT * EXCEPT (id), toUInt64(name) AS id"))
    body = things.post_project("/v1/deploy", {"things.datasource": after}, auto_promote="true")
    assert body["result"] == "failed"
    assert "ab" in body["deployment"]["errors"][0]["error"]
    assert things.rows("SELECT * FROM things") == [ROW]
    assert things.send("things", json.dumps(ROW)).status_code == 200


def test_a_forward_query_is_not_run_twice(things: Workspace) -> None:
    query = forward("SELECT * EXCEPT (price), price * 2 AS price")
    things.deploy({"things.datasource": datasource(COLUMNS, KEY, query)})
    deployment = things.deploy(
        {"things.datasource": datasource([*COLUMNS, "more String"], KEY, query)}
    )
    assert things.rows("SELECT * FROM things") == [{**ROW, "price": 5, "more": ""}]
    messages = [f["message"] for f in deployment["feedback"]]
    assert any("is not run again" in message for message in messages)


def test_deletion_has_to_be_allowed(things: Workspace) -> None:
    files = {"others.datasource": BEFORE}
    body = things.post_project("/v1/deploy", files, auto_promote="true")
    (error,) = body["deployment"]["errors"]
    assert error["filename"] == "things.datasource"
    assert "--allow-destructive-operations" in error["error"]
    assert things.rows("SELECT * FROM things") == [ROW]
    deployment = things.deploy(files, allow_destructive_operations="true")
    assert deployment["deleted_datasource_names"] == ["things"]
    assert things.http.get("/v0/datasources/things").status_code == 404


def test_rejected_rows_stay_when_the_table_is_another(things: Workspace) -> None:
    things.send("things", '{"id": -1, "name": "n", "price": 1, "time": "2025-01-01 00:00:00"}')
    after = datasource(
        [*COLUMNS[:2], "more String", COLUMNS[3]],
        merge_tree("time"),
        *[forward("SELECT id, name, '' AS more, time")],
    )
    things.deploy({"things.datasource": after})
    things.send("things", '{"id": -2, "name": "n", "more": "m", "time": "2025-01-01 00:00:00"}')
    rows = things.rows("SELECT id, name, more FROM things_quarantine ORDER BY id")
    assert rows == [
        {"id": "-1", "name": "n", "more": None},
        {"id": "-2", "name": "n", "more": "m"},
    ]
