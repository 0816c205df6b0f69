"""`tb datasource`."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.server import Workspace
from tests.tb.cli import Cli

pytestmark = pytest.mark.cli

CSV = "id,n,day\nc,3,2024-03-01\nd,4,2024-03-01\n"


def ids(workspace: Workspace, table: str = "things") -> list[str]:
    return [row["id"] for row in workspace.rows(f"select id from {table} order by id")]


@pytest.fixture
def more(tmp_path: Path) -> str:
    """A CSV file with two more rows."""
    path = tmp_path / "more.csv"
    path.write_text(CSV)
    return str(path)


@pytest.fixture
def url(more: str) -> Iterator[str]:
    """The address of the CSV file with two more rows."""

    class Folder(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: object) -> None:
            super().__init__(*arguments, directory=str(Path(more).parent))  # type: ignore[arg-type]

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Folder) as files:
        thread = threading.Thread(target=files.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{files.server_port}/more.csv"
        files.shutdown()
        thread.join()


def test_ls_shows_names_and_rows(cli: Cli) -> None:
    listed = json.loads(cli("datasource", "ls", "--format", "json"))["datasources"]
    rows = {entry["name"]: entry["row_count"] for entry in listed}
    assert rows == {"things": 2, "totals": 2, "snapshot": "-"}
    assert "snapshot" in cli("datasource", "ls", "--match", "snap")


def test_ls_of_an_empty_workspace_is_empty(empty: Cli) -> None:
    assert json.loads(empty("datasource", "ls", "--format", "json")) == {"datasources": []}


def test_append_a_file(cli: Cli, small: Workspace, more: str) -> None:
    assert "Rows appended" in cli("datasource", "append", "things", "--file", more)
    assert ids(small) == ["a", "b", "c", "d"]


def test_append_a_url(cli: Cli, small: Workspace, url: str) -> None:
    assert "Rows appended" in cli("datasource", "append", "things", "--url", url)
    assert ids(small) == ["a", "b", "c", "d"]


def test_append_events(cli: Cli, small: Workspace) -> None:
    events = '{"id": "c", "n": 3}\n{"id": "d", "n": 4}'
    assert "2 rows appended" in cli("datasource", "append", "things", "--events", events)
    assert ids(small) == ["a", "b", "c", "d"]


def test_append_without_waiting_names_the_job(local: Cli, small: Workspace, more: str) -> None:
    printed = local("datasource", "append", "things", "--file", more, "--no-wait")
    job = printed.partition("queued: ")[2].split()[0]
    assert small.http.get(f"/v0/jobs/{job}").json()["kind"] == "import"


def test_append_says_what_went_to_quarantine(local: Cli, small: Workspace) -> None:
    printed = local("datasource", "append", "things", "--events", '{"id": "c", "n": "x"}')
    assert "1 row went to quarantine" in printed
    assert ids(small, "things_quarantine") == ["c"]


def test_append_to_nothing_says_so(local: Cli, more: str) -> None:
    assert "nothing not found" in local.fails("datasource", "append", "nothing", "--file", more)


def test_replace_by_a_file(cli: Cli, small: Workspace, more: str) -> None:
    cli("datasource", "replace", "things", more)
    assert ids(small) == ["c", "d"]


def test_replace_a_part_by_a_url(local: Cli, small: Workspace, url: str) -> None:
    local("datasource", "append", "things", "--events", '{"id": "x", "n": 0, "day": "2024-03-09"}')
    local("datasource", "replace", "things", url, "--sql-condition", "toYYYYMM(day) = 202403")
    assert ids(small) == ["a", "b", "c", "d"]


def test_truncate_leaves_what_views_have_filled(cli: Cli, small: Workspace) -> None:
    cli("datasource", "truncate", "things", "--yes")
    assert ids(small) == []
    assert len(small.rows("select day from totals")) == 2


def test_truncate_in_cascade(cli: Cli, small: Workspace) -> None:
    cli("datasource", "truncate", "things", "--yes", "--cascade")
    assert ids(small) == []
    assert small.rows("select day from totals") == []


def test_delete_rows(cli: Cli, small: Workspace) -> None:
    cli("datasource", "delete", "things", "--sql-condition", "id = 'a'", "--yes", "--wait")
    assert ids(small) == ["b"]


def test_delete_only_counts_when_asked_to(local: Cli, small: Workspace) -> None:
    condition = ("--sql-condition", "n > 0", "--yes", "--dry-run")
    assert "2" in local("datasource", "delete", "things", *condition)
    assert ids(small) == ["a", "b"]


def test_delete_rows_lightly(cli: Cli, small: Workspace) -> None:
    condition = ("--sql-condition", "id = 'b'", "--yes", "--lightweight-delete")
    cli("datasource", "delete", "things", *condition)
    assert ids(small) == ["a"]


@pytest.mark.parametrize("condition", ["nope = 1", "id in (select id from snapshot)", "n ="])
def test_delete_refuses_other_conditions(local: Cli, small: Workspace, condition: str) -> None:
    local.fails("datasource", "delete", "things", "--sql-condition", condition, "--yes", "--wait")
    assert ids(small) == ["a", "b"]


def test_data_prints_rows(cli: Cli) -> None:
    printed = cli("datasource", "data", "things", "--limit", "1")
    assert "| a  | 1 |" in printed
    assert "| b  |" not in printed


@pytest.mark.parametrize(
    ("format_", "expected"),
    [
        ("csv", '"id","n","day"\n"b",2,"2024-02-01"\n'),
        ("ndjson", '{"id":"b","n":2,"day":"2024-02-01"}\n'),
    ],
)
def test_export_writes_a_file(cli: Cli, tmp_path: Path, format_: str, expected: str) -> None:
    target = tmp_path / f"out.{format_}"
    asked = ("--format", format_, "--where", "n = 2", "--target", str(target))
    assert "Exported data" in cli("datasource", "export", "things", *asked)
    assert target.read_text() == expected


def test_analyze_a_file(cli: Cli, more: str) -> None:
    assert "id String, n Int16, day Date" in cli("datasource", "analyze", more)


def test_analyze_a_url(local: Cli, url: str) -> None:
    assert "id String, n Int16, day Date" in local("datasource", "analyze", url)


def test_create_writes_a_file_that_takes_the_rows(local: Cli, tmp_path: Path) -> None:
    rows = tmp_path / "found.ndjson"
    rows.write_text('{"id": 1, "at": "2024-01-01 00:00:00", "tags": ["x"], "deep": {"er": null}}\n')
    local("datasource", "create", "--name", "found", "--file", str(rows), "--yes")
    local("build")
    printed = local("datasource", "append", "found", "--file", str(rows))
    assert "Rows appended" in printed
    assert "['x']" in local("datasource", "data", "found")


@pytest.mark.parametrize("command", ["sync", "sample", "start", "stop"])
def test_a_data_source_without_a_connection_has_nothing_to_bring_in(cli: Cli, command: str) -> None:
    arguments = ("--yes",) if command == "sync" else ()
    because = "has no connection that is read here"
    assert because in cli.fails("datasource", command, "things", *arguments)
