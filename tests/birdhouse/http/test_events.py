"""The Events API: what is stored, what is quarantined, and what is refused."""

from __future__ import annotations

import gzip
import json
import socket

import httpx
import pytest
from tests.server import Server, Workspace

THINGS = (
    'TOKEN "thing writer" APPEND\n'
    "SCHEMA >\n"
    "    id String `json:$.id`,\n"
    "    n Int32 `json:$.n`,\n"
    "    at DateTime `json:$.at` DEFAULT '2020-01-01 00:00:00'\n"
)
OTHERS = "SCHEMA >\n    id String `json:$.id`\n"
ROW = {"id": "a", "n": 1, "at": "2024-02-29 23:59:59"}


@pytest.fixture
def things(workspace: Workspace) -> Workspace:
    workspace.build({"datasources/things.datasource": THINGS, "others.datasource": OTHERS})
    return workspace


def error(response: httpx.Response) -> str:
    """The text of a documented error body."""
    body = response.json()
    assert body.keys() == {"error", "documentation"}
    return str(body["error"])


@pytest.mark.parametrize(
    "body",
    [json.dumps(ROW), json.dumps(ROW, indent=2), json.dumps(ROW) + "\n", "\n" + json.dumps(ROW)],
    ids=["one line", "several lines", "newline at the end", "newline before"],
)
def test_one_document_is_one_row(things: Workspace, body: str) -> None:
    answer = things.send("things", body)
    assert answer.status_code == 200
    assert answer.json() == {"successful_rows": 1, "quarantined_rows": 0}
    assert things.rows("select * from things") == [ROW]


def test_without_wait_the_answer_is_202_and_the_row_is_there(things: Workspace) -> None:
    answer = things.send("things", json.dumps(ROW), wait="false")
    assert answer.status_code == 202
    assert things.rows("select count() as rows from things") == [{"rows": 1}]


def test_gzip_is_unpacked(things: Workspace) -> None:
    body = gzip.compress(b"\n".join(json.dumps({**ROW, "n": n}).encode() for n in range(50)))
    headers = {"Content-Encoding": "gzip"}
    answer = things.http.post("/v0/events?name=things&wait=true", content=body, headers=headers)
    assert answer.json() == {"successful_rows": 50, "quarantined_rows": 0}


def test_bad_rows_go_to_quarantine_and_good_ones_are_stored(things: Workspace) -> None:
    lines = [json.dumps(ROW), '{"id": "b", "n": "many"}', "{broken", '{"n": 2}', '{"id":"c","n":3}']
    answer = things.send("things", "\n".join(lines))
    assert answer.status_code == 200
    assert answer.json() == {"successful_rows": 2, "quarantined_rows": 3}
    assert [row["id"] for row in things.rows("select id from things order by id")] == ["a", "c"]
    rejected = things.rows("select id, n, c__error_column, c__error from things_quarantine")
    reasons = {row["id"]: row for row in rejected}
    assert reasons["b"]["n"] == "many"
    assert reasons["b"]["c__error_column"] == ["n"]
    assert "Int32" in reasons["b"]["c__error"][0]


def test_half_a_body_stores_nothing_and_is_no_failure(things: Workspace) -> None:
    line = json.dumps(ROW).encode() + b"\n"
    head = (
        "POST /v0/events?name=things HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {things.token}\r\nContent-Length: {2 * len(line)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", things.server.port)) as client:
        client.sendall(head.encode() + line)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""
    assert things.rows("select count() as rows from things") == [{"rows": 0}]
    log = things.server.data_dir.with_name(f"{things.server.data_dir.name}.log")
    assert "ClientDisconnect" not in log.read_text()


def test_an_unknown_data_source_is_404(things: Workspace) -> None:
    answer = things.send("nothing", json.dumps(ROW))
    assert answer.status_code == 404
    assert error(answer) == 'Data Source "nothing" does not exist'


def test_a_missing_name_is_400(things: Workspace) -> None:
    answer = things.http.post("/v0/events", content=json.dumps(ROW))
    assert answer.status_code == 400
    assert "'name'" in error(answer)


def test_an_unknown_format_is_400(things: Workspace) -> None:
    assert things.send("things", json.dumps(ROW), format="xml").status_code == 400


@pytest.mark.parametrize("token", ["", "p.wrong.token", "eyJhbGciOiJub25lIn0.e30."])
def test_a_missing_or_wrong_token_is_403(server: Server, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = httpx.post(f"{server.url}/v0/events?name=things", content="{}", headers=headers)
    assert answer.status_code == 403
    assert "token" in error(answer)


def test_an_append_token_writes_its_data_source_and_no_other(things: Workspace) -> None:
    tokens = things.http.get("/v0/tokens").json()["tokens"]
    writer = next(token["token"] for token in tokens if token["name"] == "thing writer")
    with things.server.client(writer) as http:
        assert http.post("/v0/events?name=things", content=json.dumps(ROW)).status_code == 202
        assert http.post("/v0/events?name=others", content='{"id": "a"}').status_code == 403
        assert http.get("/v0/sql?q=select+*+from+things").status_code == 403


def test_a_body_above_ten_megabytes_is_413_and_the_server_goes_on(things: Workspace) -> None:
    row = json.dumps({**ROW, "id": "x" * 1000}) + "\n"
    answer = things.send("things", row * 10_000)
    assert answer.status_code == 413
    assert "10000000 bytes" in error(answer)
    assert things.rows("select count() as rows from things") == [{"rows": 0}]


def test_a_small_body_that_unpacks_to_a_huge_one_is_413(things: Workspace) -> None:
    bomb = gzip.compress(b"\0" * 200_000_000)
    headers = {"Content-Encoding": "gzip"}
    answer = things.http.post("/v0/events?name=things", content=bomb, headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[]", b"null", b"\0" * 100, b'{"id": "\xc3'])
def test_no_body_stops_the_server(things: Workspace, body: bytes) -> None:
    answer = things.send("things", body)
    assert answer.status_code in (200, 400)
    assert things.http.get("/v0/health").status_code == 200
