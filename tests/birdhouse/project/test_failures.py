"""What only the whole project shows to be wrong: told with file and line, nothing changed."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from tests.birdhouse.project.projects import Files, datasource, endpoint, merge_tree, node
from tests.server import Workspace

COLUMNS = ["id UInt64", "name String", "time DateTime"]
GOOD: Files = {
    "things.datasource": datasource(COLUMNS, merge_tree("id")),
    "all.pipe": endpoint("SELECT * FROM things ORDER BY id"),
}


class Fault(NamedTuple):
    """Files to add, the one to be named, and what has to be said of it."""

    files: Files
    path: str
    reason: str


def pipe(text: str, reason: str) -> Fault:
    return Fault({"bad.pipe": text}, "bad.pipe", reason)


def table(text: str, reason: str) -> Fault:
    return Fault({"bad.datasource": text}, "bad.datasource", reason)


SECOND = node("first", "SELECT id FROM things") + "\n"

FAULTS = {
    "an unknown table": pipe(
        endpoint("SELECT * FROM nothing", "a"), "Node 'a' (line 1): Resource 'nothing' not found"
    ),
    "an unknown table in a template": pipe(
        endpoint("%\nSELECT * FROM nothing WHERE id = {{ UInt64(id) }}", "a"),
        "Resource 'nothing' not found",
    ),
    "an unknown column": pipe(endpoint("SELECT nothing FROM things", "a"), "`nothing`"),
    "an unknown column in a template": pipe(
        endpoint("%\nSELECT nothing FROM things WHERE id = {{ UInt64(id, 1) }}", "a"), "`nothing`"
    ),
    "an unknown function": pipe(endpoint("SELECT nonsense(id) FROM things", "a"), "nonsense"),
    "an aggregate in WHERE": pipe(
        endpoint("%\nSELECT 1 FROM things WHERE sum(id) > {{ Int32(x) }}", "a"), "WHERE"
    ),
    "no SQL": pipe(endpoint("SELEKT 1", "a"), "Syntax error"),
    "braces without %": pipe(endpoint("SELECT {{ String(x) }} AS x", "a"), "Syntax error"),
    "an error in the second node": pipe(
        SECOND + endpoint("SELECT gone FROM first", "second"), "Node 'second' (line 7): "
    ),
    "an error in a node that nobody reads": pipe(
        node("first", "SELECT gone FROM things") + "\n" + endpoint("SELECT 1 AS x", "second"),
        "Node 'first' (line 1): ",
    ),
    "an error in the node below": pipe(
        node("first", "SELECT gone FROM things")
        + "\n"
        + endpoint("SELECT count() AS n FROM first", "second"),
        "Node 'first' (line 1): ",
    ),
    "a circle of nodes": pipe(
        node("first", "SELECT * FROM second") + "\n" + endpoint("SELECT * FROM first", "second"),
        "reads itself",
    ),
    "a circle of pipes": Fault(
        {
            "bad.pipe": endpoint("SELECT * FROM other", "a"),
            "other.pipe": endpoint("SELECT * FROM bad", "b"),
        },
        "bad.pipe",
        "reads itself",
    ),
    "a disabled table function": pipe(endpoint("SELECT * FROM file('/etc/passwd')", "a"), "file"),
    "a table function for copies": pipe(
        endpoint("SELECT * FROM url('http://localhost', 'CSV', 'a String')", "a"), "url"
    ),
    "a name taken by a pipe": Fault(
        {"others/all.datasource": GOOD["things.datasource"]},
        "others/all.datasource",
        "already used by all.pipe",
    ),
    "a node with the name of a data source": pipe(
        node("things", "SELECT 1 AS x") + "\n" + endpoint("SELECT 1 AS x", "b"),
        "has the name of another resource",
    ),
    "a key that is no column": table(datasource(COLUMNS, merge_tree("nothing")), "nothing"),
    "a partition key that is no expression": table(
        datasource(COLUMNS, merge_tree("id") + '\nENGINE_PARTITION_KEY "toYYYYMM("'), "brackets"
    ),
    "a TTL that is none": table(
        datasource(COLUMNS, merge_tree("id") + '\nENGINE_TTL "name"'), "TTL"
    ),
    "an unknown setting": table(
        datasource(COLUMNS, merge_tree("id") + '\nENGINE_SETTINGS "nonsense=1"'), "nonsense"
    ),
    "an index of no type": table(
        datasource(COLUMNS, merge_tree("id"), "INDEXES >\n    ix name TYPE nonsense GRANULARITY 1"),
        "nonsense",
    ),
    "a default that is no expression": table(
        datasource([*COLUMNS, "more Int32 DEFAULT nonsense()"], merge_tree("id")), "nonsense"
    ),
    "a connection that is not there": table(
        datasource(
            COLUMNS,
            merge_tree("id"),
            "IMPORT_CONNECTION_NAME gone\nIMPORT_BUCKET_URI s3://b/*.csv\nIMPORT_SCHEDULE @once",
        ),
        "Connection 'gone' not found: IMPORT_CONNECTION_NAME names it",
    ),
    "a sink's connection that is not there": pipe(
        node(
            "a",
            "SELECT 1 AS x",
            "TYPE sink\nEXPORT_CONNECTION_NAME gone\nEXPORT_BUCKET_URI s3://b",
            "EXPORT_FILE_TEMPLATE f\nEXPORT_SCHEDULE @on-demand",
        ),
        "Connection 'gone' not found",
    ),
    "a secret that is not there": pipe(
        endpoint("%\nSELECT {{ tb_secret('gone') }} AS x", "a"), "Cannot access secret 'gone'"
    ),
    "a secret of a connection": Fault(
        {
            "bucket.connection": 'TYPE s3\nS3_REGION "a"\nS3_ACCESS_KEY {{ tb_secret("gone") }}\n'
            "S3_SECRET x\n"
        },
        "bucket.connection",
        "gone",
    ),
    "a file of no kind": Fault({"notes.txt": "x"}, "notes.txt", "none of .datasource"),
}


@pytest.fixture
def good(workspace: Workspace) -> Workspace:
    workspace.deploy(GOOD)
    workspace.send("things", '{"id": 1, "name": "a", "time": "2025-01-01 00:00:00"}')
    return workspace


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_and_nothing_changes(good: Workspace, name: str) -> None:
    fault = FAULTS[name]
    files = {**GOOD, **fault.files, "more.datasource": GOOD["things.datasource"]}
    build = good.post_project("/v1/build", files)
    check = good.post_project("/v1/deploy", files, check="true")
    deploy = good.post_project("/v1/deploy", files, auto_promote="true")
    for result, errors in (
        (build["result"], build["errors"]),
        (check["result"], check["deployment"]["errors"]),
        (deploy["result"], deploy["deployment"]["errors"]),
    ):
        assert result == "failed"
        told = [error["error"] for error in errors if error["filename"] == fault.path]
        assert fault.reason in "\n".join(told), errors
    assert good.http.get("/v0/pipes/all.json").json()["rows"] == 1
    assert good.http.get("/v0/datasources/more").status_code == 404
    listed = good.http.get("/v1/deployments").json()["deployments"]
    assert [one["id"] for one in listed] == ["1"]


def test_errors_speak_of_the_projects_names(good: Workspace) -> None:
    """Tables have other names inside; nobody has to know them."""
    files = {**GOOD, "bad.pipe": endpoint("SELECT nothing FROM things", "a")}
    (error,) = good.post_project("/v1/build", files)["errors"]
    assert "t_" not in error["error"]
    assert "ws_" not in error["error"]


def test_what_depends_on_parameters_is_left_to_requests(good: Workspace) -> None:
    files = {
        **GOOD,
        "required.pipe": endpoint(
            "%\n{% if not defined(id) %}{{ error('id is required') }}{% end %}\n"
            "SELECT * FROM things WHERE id = {{ UInt64(id) }}",
            "a",
        ),
        "divided.pipe": endpoint(
            "%\nSELECT intDiv(id, {{ Int32(by) }}) AS x, toDateTime({{ String(at) }}) AS t "
            "FROM things LIMIT {{ Int32(n) }}",
            "b",
        ),
        "chosen.pipe": endpoint(
            "%\nSELECT {{ columns(which, 'id,name') }} FROM things ORDER BY {{ column(by, 'id') }}",
            "c",
        ),
    }
    good.deploy(files)
    assert good.http.get("/v0/pipes/required.json").status_code == 400
    params = {"by": "1", "at": "2025-01-01 00:00:00", "n": "1"}
    assert good.http.get("/v0/pipes/divided.json", params=params).json()["rows"] == 1
    assert good.http.get("/v0/pipes/chosen.json").json()["rows"] == 1
