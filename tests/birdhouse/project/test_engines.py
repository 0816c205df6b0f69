"""Every engine that the parsers let through, on its own and through a change."""

from __future__ import annotations

import pytest
from tests.birdhouse.project.projects import datasource, endpoint, forward, merge_tree, view
from tests.server import Workspace

COLUMNS = ["id UInt64", "version UInt32", "sign Int8", "amount Int64"]
ROWS = (
    '{"id": 1, "version": 1, "sign": 1, "amount": 5}\n'
    '{"id": 1, "version": 2, "sign": 1, "amount": 7}\n'
)

MERGE_TREES = {
    "MergeTree": (merge_tree("id"), 2),
    "ReplacingMergeTree": (merge_tree("id", "ReplacingMergeTree") + '\nENGINE_VER "version"', 1),
    "SummingMergeTree": (merge_tree("id", "SummingMergeTree") + '\nENGINE_COLUMNS "amount"', 1),
    "AggregatingMergeTree": (merge_tree("id", "AggregatingMergeTree"), 1),
    "CollapsingMergeTree": (merge_tree("id", "CollapsingMergeTree") + '\nENGINE_SIGN "sign"', 1),
    "VersionedCollapsingMergeTree": (
        merge_tree("id", "VersionedCollapsingMergeTree")
        + '\nENGINE_SIGN "sign"\nENGINE_VERSION "version"',
        2,
    ),
}


@pytest.mark.parametrize("engine", MERGE_TREES)
def test_the_merge_tree_family(workspace: Workspace, engine: str) -> None:
    """Each merges rows in its own way, and keeps them when a column comes."""
    directives, merged = MERGE_TREES[engine]
    workspace.deploy({"things.datasource": datasource(COLUMNS, directives)})
    workspace.send("things", ROWS)
    shown = workspace.http.get("/v0/datasources/things").json()
    assert shown["engine"]["engine"] == engine
    final = "" if engine == "MergeTree" else "FINAL"
    count = f"SELECT count() AS rows FROM things {final}"
    assert workspace.rows(count) == [{"rows": merged}]
    workspace.deploy({"things.datasource": datasource([*COLUMNS, "more String"], directives)})
    assert workspace.rows(count) == [{"rows": merged}]


def test_null_keeps_no_row_and_feeds_its_views(workspace: Workspace) -> None:
    files = {
        "things.datasource": datasource(COLUMNS, 'ENGINE "Null"'),
        "sums.datasource": datasource(["-id UInt64", "-amount Int64"], merge_tree("id")),
        "fill.pipe": view("SELECT id, amount FROM things", "sums", name="sum_up"),
    }
    workspace.deploy(files)
    workspace.send("things", ROWS)
    assert workspace.rows("SELECT count() AS rows FROM things") == [{"rows": 0}]
    assert workspace.rows("SELECT count() AS rows FROM sums") == [{"rows": 2}]
    files["things.datasource"] = datasource([*COLUMNS, "more String DEFAULT 'x'"], 'ENGINE "Null"')
    workspace.deploy(files)
    workspace.send("things", ROWS)
    assert workspace.rows("SELECT count() AS rows FROM sums") == [{"rows": 4}]


NULL_PROJECT = {
    "things.datasource": datasource(COLUMNS, 'ENGINE "Null"'),
    "sums.datasource": datasource(["-id UInt64", "-amount Int64"], merge_tree("id")),
    "fill.pipe": view("SELECT id, amount FROM things", "sums", name="sum_up"),
}


def test_a_view_of_null_that_changes_leaves_old_rows(workspace: Workspace) -> None:
    workspace.deploy(NULL_PROJECT)
    workspace.send("things", ROWS)
    changed = view("SELECT id, amount * 100 AS amount FROM things", "sums", name="sum_up")
    deployment = workspace.deploy({**NULL_PROJECT, "fill.pipe": changed})
    (said,) = deployment["feedback"]
    assert said["level"] == "WARNING"
    assert "keeps no rows" in said["message"]
    workspace.send("things", ROWS)
    rows = workspace.rows("SELECT amount FROM sums ORDER BY amount")
    assert [row["amount"] for row in rows] == [5, 7, 500, 700]


def test_a_target_of_null_cannot_be_filled_again(workspace: Workspace) -> None:
    workspace.deploy(NULL_PROJECT)
    workspace.send("things", ROWS)
    columns, key = ["-id UInt64", "-amount Int64"], merge_tree("amount")
    files = {**NULL_PROJECT, "sums.datasource": datasource(columns, key)}
    body = workspace.post_project("/v1/deploy", files, auto_promote="true")
    (error,) = body["deployment"]["errors"]
    assert error["filename"] == "sums.datasource"
    assert "'things', which fills it, keeps no rows" in error["error"]
    files["sums.datasource"] = datasource(columns, key, forward("SELECT *"))
    workspace.deploy(files)
    workspace.send("things", ROWS)
    assert workspace.rows("SELECT count() AS rows FROM sums") == [{"rows": 4}]


def test_another_null_is_another_table(workspace: Workspace) -> None:
    """No rows, nothing to lose: any change goes."""
    workspace.deploy(NULL_PROJECT)
    files = {**NULL_PROJECT}
    files["things.datasource"] = datasource(["id String", "amount Int64"], 'ENGINE "Null"')
    files["fill.pipe"] = view("SELECT toUInt64(id) AS id, amount FROM things", "sums", name="s")
    workspace.deploy(files)
    workspace.send("things", '{"id": "7", "amount": 1}')
    assert workspace.rows("SELECT id, amount FROM sums") == [{"id": 7, "amount": 1}]


def test_join_answers_join_get_and_keeps_its_rows(workspace: Workspace) -> None:
    engine = 'ENGINE "Join(ANY, LEFT, id)"'
    files = {
        "names.datasource": datasource(["id UInt64", "name String"], engine),
        "name_of.pipe": endpoint("SELECT joinGet('names', 'name', toUInt64(1)) AS name"),
    }
    workspace.deploy(files)
    workspace.send("names", '{"id": 1, "name": "a"}')
    answer = workspace.http.get("/v0/pipes/name_of.json").json()
    assert answer["data"] == [{"name": "a"}]
    columns = ["id UInt64", "name String", "more String"]
    workspace.deploy({**files, "names.datasource": datasource(columns, engine)})
    assert workspace.http.get("/v0/pipes/name_of.json").json()["data"] == [{"name": "a"}]


def test_memory_keeps_its_rows(workspace: Workspace) -> None:
    workspace.deploy({"things.datasource": datasource(COLUMNS, 'ENGINE "Memory"')})
    workspace.send("things", ROWS)
    columns = [*COLUMNS[:3], "amount Nullable(Int64)", "more String"]
    workspace.deploy({"things.datasource": datasource(columns, 'ENGINE "Memory"')})
    rows = workspace.rows("SELECT amount, more FROM things ORDER BY amount")
    assert rows == [{"amount": 5, "more": ""}, {"amount": 7, "more": ""}]


def test_set_is_searched_and_cannot_change(workspace: Workspace) -> None:
    files = {
        "known.datasource": datasource(["id UInt64"], 'ENGINE "Set"'),
        "is_known.pipe": endpoint("SELECT toUInt64(5) IN known AS yes"),
    }
    workspace.deploy(files)
    workspace.send("known", '{"id": 5}')
    assert workspace.http.get("/v0/pipes/is_known.json").json()["data"] == [{"yes": 1}]
    files["known.datasource"] = datasource(["id UInt64", "more String"], 'ENGINE "Set"')
    body = workspace.post_project("/v1/deploy", files, auto_promote="true")
    assert "rows cannot be read" in body["deployment"]["errors"][0]["error"]
    assert workspace.http.get("/v0/pipes/is_known.json").json()["data"] == [{"yes": 1}]


@pytest.mark.parametrize("engine", ["Foo", "Log", "ReplicatedMergeTree"])
def test_other_engines_are_refused(workspace: Workspace, engine: str) -> None:
    files = {"things.datasource": datasource(COLUMNS, merge_tree("id", engine))}
    (error,) = workspace.post_project("/v1/build", files)["errors"]
    assert error["filename"] == "things.datasource"
    assert f"Engine {engine} is not supported" in error["error"]


def test_a_plain_column_outside_of_an_aggregating_key_is_taken(workspace: Workspace) -> None:
    columns = ["-id UInt64", "-name String", "-total AggregateFunction(sum, Int64)"]
    query = "SELECT id, 'n' AS name, sumState(amount) AS total FROM things GROUP BY id"
    files = {
        "things.datasource": datasource(COLUMNS, merge_tree("id")),
        "sums.datasource": datasource(columns, merge_tree("id", "AggregatingMergeTree")),
        "fill.pipe": view(query, "sums", name="sum_up"),
    }
    workspace.deploy(files)
    workspace.send("things", ROWS)
    assert workspace.rows("SELECT sumMerge(total) AS total FROM sums") == [{"total": 12}]
