"""Data Sources API: files in, by append and replace, by the v0 and v1 routes."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from tests.server import Workspace

THINGS = (
    "SCHEMA >\n"
    "    id String `json:$.id`,\n"
    "    n Int32 `json:$.n`,\n"
    "    day Date `json:$.day` DEFAULT '2024-01-01'\n\n"
    "ENGINE MergeTree\n"
    "ENGINE_PARTITION_KEY toYYYYMM(day)\n"
    "ENGINE_SORTING_KEY id\n"
)
NDJSON = '{"id": "a", "n": 1}\n{"id": "b", "n": 2, "day": "2024-02-01"}\n'
CSV = "id,n,day\na,1,2024-01-01\nb,2,2024-02-01\n"


@pytest.fixture
def things(workspace: Workspace) -> Workspace:
    workspace.build({"datasources/things.datasource": THINGS})
    return workspace


def ids(workspace: Workspace) -> list[str]:
    return [row["id"] for row in workspace.rows("select id from things order by id")]


def v1(workspace: Workspace, mode: str, content: bytes | str, **params: str) -> dict[str, Any]:
    answer = workspace.http.post(f"/v1/datasources/things/{mode}", content=content, params=params)
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] = answer.json()
    assert job["status"] == "done", job
    return job


@pytest.mark.parametrize(("body", "format_"), [(NDJSON, "ndjson"), (CSV, "csv")])
@pytest.mark.parametrize("packed", [False, True])
def test_append_is_a_job_that_says_how_many(
    things: Workspace, body: str, format_: str, packed: bool
) -> None:
    content = gzip.compress(body.encode()) if packed else body.encode()
    job = v1(things, "append", content, format=format_)
    assert job["kind"] == "import"
    assert job["quarantine_rows"] == 0
    assert job["statistics"]["row_count"] == 2
    assert things.http.get(f"/v0/jobs/{job['id']}").json()["status"] == "done"
    assert ids(things) == ["a", "b"]


def test_bad_rows_of_a_file_go_to_quarantine(things: Workspace) -> None:
    job = v1(things, "append", NDJSON + '{"id": "c", "n": "x"}\n', format="ndjson")
    assert job["quarantine_rows"] == 1
    assert ids(things) == ["a", "b"]
    assert things.rows("select id, n from things_quarantine") == [{"id": "c", "n": "x"}]


def test_replace_puts_new_rows_in_the_place_of_all_old_ones(things: Workspace) -> None:
    v1(things, "append", NDJSON, format="ndjson")
    v1(things, "replace", '{"id": "c", "n": 3}\n', format="ndjson")
    assert ids(things) == ["c"]


def test_replace_with_a_condition_touches_only_what_meets_it(things: Workspace) -> None:
    rows = "".join(json.dumps({"id": i, "n": n}) + "\n" for i, n in [("a", 1), ("b", 2), ("c", 9)])
    v1(things, "append", rows, format="ndjson")
    new = '{"id": "d", "n": 1}\n{"id": "ignored", "n": 9}\n'
    v1(things, "replace", new, format="ndjson", replace_condition="n < 5")
    assert ids(things) == ["c", "d"]


def test_replace_keeps_the_old_rows_when_the_file_is_refused(things: Workspace) -> None:
    v1(things, "append", NDJSON, format="ndjson")
    params = {"format": "csv", "dialect_delimiter": "too long"}
    answer = things.http.post("/v1/datasources/things/replace", content=CSV, params=params)
    assert answer.status_code == 400
    assert ids(things) == ["a", "b"]


def test_v0_append_answers_when_it_is_done(things: Workspace) -> None:
    params = {"name": "things", "mode": "append", "format": "ndjson"}
    answer = things.http.post("/v0/datasources", params=params, content=NDJSON)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["error"], body["quarantine_rows"], body["invalid_lines"]) == (False, 0, 0)
    assert body["datasource"]["name"] == "things"
    assert body["datasource"]["statistics"]["row_count"] == 2


def test_v0_append_of_a_form_part(things: Workspace) -> None:
    params = {"name": "things", "mode": "append", "format": "csv"}
    files = {"csv": ("things.csv", CSV)}
    answer = things.http.post("/v0/datasources", params=params, files=files)
    assert answer.status_code == 200, answer.text
    assert ids(things) == ["a", "b"]


def test_v0_names_what_it_quarantined(things: Workspace) -> None:
    params = {"name": "things", "mode": "append", "format": "ndjson"}
    body = NDJSON + '{"n": 1}\n'
    answer = things.http.post("/v0/datasources", params=params, content=body).json()
    assert answer["error"] == "There was an error with file contents: 1 row in quarantine."
    assert ids(things) == ["a", "b"]


@pytest.mark.parametrize(
    "params", [{"name": "nothing", "mode": "append"}, {"name": "new", "mode": "create"}]
)
def test_v0_creates_nothing(things: Workspace, params: dict[str, str]) -> None:
    answer = things.http.post("/v0/datasources", params=params, content=CSV)
    assert answer.status_code == 403
    assert answer.json()["error"].endswith("can only be done via deployments")


def test_v1_to_an_unknown_data_source_is_404(things: Workspace) -> None:
    answer = things.http.post("/v1/datasources/nothing/append?format=csv", content=CSV)
    assert answer.status_code == 404


@pytest.fixture
def remote() -> Iterator[str]:
    """A file server on this machine."""

    class Files(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(NDJSON.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Files) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/rows.ndjson"
        server.shutdown()


@pytest.mark.parametrize("scheme", ["http", "ftp", "file"])
def test_a_url_of_this_machine_is_not_fetched(things: Workspace, remote: str, scheme: str) -> None:
    url = remote.replace("http", scheme, 1)
    params = {"format": "ndjson", "url": url}
    job: dict[str, Any] = things.http.post("/v1/datasources/things/append", params=params).json()
    assert job["status"] == "error"
    assert "url" in job["error"]
    assert ids(things) == []


def test_only_an_admin_replaces(things: Workspace) -> None:
    scope = {"name": "writer", "scope": "DATASOURCES:APPEND:things"}
    writer = things.http.post("/v0/tokens", params=scope).json()["token"]
    with things.server.client(writer) as http:
        append: httpx.Response = http.post(
            "/v1/datasources/things/append?format=ndjson", content=NDJSON
        )
        replace = http.post("/v1/datasources/things/replace?format=ndjson", content=NDJSON)
    assert append.status_code == 200
    assert replace.status_code == 403
