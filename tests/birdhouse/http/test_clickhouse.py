"""The ClickHouse interface over HTTP: who may, what is answered, how errors look."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.server import Server, Workspace

THINGS = (
    "SCHEMA >\n    id String `json:$.id`,\n    n Int32 `json:$.n`\n\n"
    "ENGINE MergeTree\nENGINE_SORTING_KEY id\n"
)
ENDPOINT = "NODE rows\nSQL >\n    select id from things where n > 1\n\nTYPE endpoint\n"


@pytest.fixture(scope="module")
def things(server: Server) -> Iterator[Workspace]:
    """A workspace with a data source, two rows and an endpoint."""
    workspace = server.workspace()
    with workspace.http:
        workspace.build({"things.datasource": THINGS, "big_things.pipe": ENDPOINT})
        workspace.send("things", '{"id": "a", "n": 1}\n{"id": "b", "n": 2}')
        yield workspace


@pytest.fixture(scope="module")
def interface(server: Server, things: Workspace) -> Iterator[httpx.Client]:
    """A client of the interface that sends the admin token of that workspace."""
    headers = {"X-ClickHouse-User": things.name, "X-ClickHouse-Key": things.token}
    with httpx.Client(base_url=server.clickhouse_url, headers=headers) as client:
        yield client


@pytest.fixture
def anonymous(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.clickhouse_url) as client:
        yield client


def asked(interface: httpx.Client, query: str, **params: str) -> str:
    """What a statement gives. Fails when it is refused."""
    answer = interface.get("/", params={"query": query, **params})
    assert answer.status_code == 200, answer.text
    return answer.text


def refused(answer: httpx.Response, status: int, code: int, name: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["X-ClickHouse-Exception-Code"] == str(code)
    assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert answer.text.endswith(f". ({name})\n")
    assert answer.text.count(f"({name})") == 1


def test_it_is_there_for_who_has_no_token(anonymous: httpx.Client) -> None:
    for path in ("/", "/ping", "/replicas_status"):
        assert anonymous.get(path).text == "Ok.\n"
    assert anonymous.get("/play").status_code == 404


def test_a_query_may_come_by_get_by_post_or_in_two_parts(interface: httpx.Client) -> None:
    query = "select id from things order by id"
    assert interface.get("/", params={"query": query}).text == "a\nb\n"
    assert interface.post("/", content=query).text == "a\nb\n"
    assert interface.post("/", params={"query": query}, content="format CSV").text == '"a"\n"b"\n'
    assert interface.post("/", files={"query": (None, query)}).text == "a\nb\n"


def test_the_answer_says_what_it_is_and_what_it_cost(interface: httpx.Client) -> None:
    params = {"query": "select id from things", "query_id": "mine"}
    answer = interface.get("/", params=params)
    assert answer.headers["X-ClickHouse-Format"] == "TabSeparated"
    assert answer.headers["X-ClickHouse-Query-Id"] == "mine"
    assert answer.headers["X-ClickHouse-Timezone"] == "UTC"
    summary = json.loads(answer.headers["X-ClickHouse-Summary"])
    assert summary["result_rows"] == summary["read_rows"] == "2"
    assert summary["result_bytes"] == str(len(answer.content))


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"default_format": "CSVWithNames"}, '"id"\n"a"\n'),
        ({"default_format": "CSVWithNames", "query": "{} format JSONEachRow"}, '{"id":"a"}\n'),
    ],
)
def test_the_format_is_the_one_asked_for(
    interface: httpx.Client, params: dict[str, str], expected: str
) -> None:
    query = "select id from things where n = 1"
    asking = {**params, "query": params.get("query", "{}").format(query)}
    assert interface.get("/", params=asking).text == expected


def test_a_header_names_the_format_too(interface: httpx.Client) -> None:
    headers = {"X-ClickHouse-Format": "JSONEachRow"}
    answer = interface.get("/", params={"query": "select 1 as x"}, headers=headers)
    assert answer.text == '{"x":1}\n'


@pytest.mark.parametrize("text", ["it's", "tab\tnew\nline", "back\\slash", "ünï", "", "\\N", "'"])
def test_parameters_arrive_as_they_were_sent(interface: httpx.Client, text: str) -> None:
    escaped = text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
    query = "select {x:String} as x format JSONEachRow"
    assert json.loads(asked(interface, query, param_x=escaped)) == {"x": text}


def test_a_parameter_without_a_value_is_named(interface: httpx.Client) -> None:
    answer = interface.get("/", params={"query": "select {x:UInt8}"})
    assert answer.status_code == 400
    assert "`x` is not set" in answer.text


def test_tables_and_pipes_are_the_workspaces(interface: httpx.Client, things: Workspace) -> None:
    assert asked(interface, "show tables") == "things\n"
    assert asked(interface, "show databases") == f"{things.name}\n"
    assert asked(interface, "exists table things") == "1\n"
    assert asked(interface, "exists nothing") == "0\n"
    assert asked(interface, "describe table things").startswith("id\tString")
    assert asked(interface, "select id from big_things") == "b\n"
    assert asked(interface, f"select count() from {things.name}.things") == "2\n"
    named = "select name, type from system.columns where table = 'things' and database = {d:String}"
    assert asked(interface, named, param_d=things.name) == "id\tString\nn\tInt32\n"


def test_the_session_is_the_workspaces(interface: httpx.Client, things: Workspace) -> None:
    assert (
        asked(interface, "select currentDatabase(), 'version()'") == f"{things.name}\tversion()\n"
    )
    assert asked(interface, "select 1", database=things.name) == "1\n"
    assert asked(interface, "select 1", database="default") == "1\n"
    answer = interface.get("/", params={"query": "select 1", "database": "other"})
    refused(answer, 404, 81, "UNKNOWN_DATABASE")


def test_settings_print_numbers_as_asked_and_are_left_aside_otherwise(
    interface: httpx.Client,
) -> None:
    query = "select toUInt64(1) as x format JSONEachRow"
    assert asked(interface, query) == '{"x":1}\n'
    quoted = {"output_format_json_quote_64bit_integers": "1", "wait_end_of_query": "1"}
    assert asked(interface, query, **quoted) == '{"x":"1"}\n'


@pytest.mark.parametrize("way", ["headers", "basic", "params", "bearer"])
def test_the_password_is_the_token_wherever_it_comes(
    anonymous: httpx.Client, things: Workspace, way: str
) -> None:
    ways: dict[str, dict[str, Any]] = {
        "headers": {"headers": {"X-ClickHouse-User": "me", "X-ClickHouse-Key": things.token}},
        "basic": {"auth": ("me", things.token)},
        "params": {"params": {"user": "me", "password": things.token}},
        "bearer": {"headers": {"Authorization": f"Bearer {things.token}"}},
    }
    assert anonymous.post("/", content="select 1", **ways[way]).text == "1\n"


@pytest.mark.parametrize("password", ["", "p.nothing", "default"])
def test_another_password_is_refused(anonymous: httpx.Client, password: str) -> None:
    answer = anonymous.post("/", content="select 1", auth=("default", password))
    refused(answer, 403, 516, "AUTHENTICATION_FAILED")
    assert "p.nothing" not in answer.text


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [("WORKSPACE:READ_ALL", True), ("TOKENS", False), ("DATASOURCES:READ:things", False)],
)
def test_the_token_has_to_read_everything(
    anonymous: httpx.Client, things: Workspace, scope: str, allowed: bool
) -> None:
    params = {"name": scope.replace(":", " "), "scope": scope}
    token = things.http.post("/v0/tokens", params=params).json()["token"]
    answer = anonymous.post("/", content="select count() from things", auth=("me", token))
    if allowed:
        assert answer.text == "2\n"
    else:
        refused(answer, 403, 497, "ACCESS_DENIED")


@pytest.mark.parametrize(
    ("query", "status", "code", "name"),
    [
        ("select * from nothing", 404, 60, "UNKNOWN_TABLE"),
        ("select nope from things", 404, 47, "UNKNOWN_IDENTIFIER"),
        ("selekt 1", 400, 62, "SYNTAX_ERROR"),
        ("select 1 format Nope", 404, 73, "UNKNOWN_FORMAT"),
        ("select throwIf(1)", 400, 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("insert into things values ('c', 3)", 403, 164, "READONLY"),
        ("create table x (y Int8) engine = Memory", 403, 164, "READONLY"),
        ("drop table things", 403, 164, "READONLY"),
        ("set max_threads = 1", 403, 164, "READONLY"),
        ("system shutdown", 403, 164, "READONLY"),
    ],
)
def test_errors_are_clickhouses(
    interface: httpx.Client, query: str, status: int, code: int, name: str
) -> None:
    refused(interface.get("/", params={"query": query}), status, code, name)
    assert asked(interface, "select count() from things") == "2\n"


@pytest.mark.parametrize(
    "query",
    [
        "select * from system.users",
        "select * from system.query_log",
        "select * from system.{t:Identifier}",
        "select * from {t:Identifier}",
        "select * from file('/etc/passwd', 'LineAsString')",
        "select * from url('http://127.0.0.1/', 'LineAsString')",
        "select sleep(3)",
        "select 1; select 2",
        "select 1 settings readonly = 0",
        "select 1 into outfile '/tmp/birdhouse-outfile'",
    ],
)
def test_nothing_outside_of_the_workspace_is_read(interface: httpx.Client, query: str) -> None:
    answer = interface.get("/", params={"query": query, "param_t": "tables"})
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["X-ClickHouse-Exception-Code"].isdigit()
    assert "root:" not in answer.text


def test_other_workspaces_are_not_seen(interface: httpx.Client, reading: Workspace) -> None:
    assert reading.name not in asked(interface, "select name from system.databases")
    query = f"select count() from {reading.name}.visits"
    refused(interface.get("/", params={"query": query}), 404, 60, "UNKNOWN_TABLE")


def test_what_is_not_supported_says_so(interface: httpx.Client) -> None:
    answer = interface.get("/", params={"query": "select 1", "compress": "1"})
    refused(answer, 501, 48, "NOT_IMPLEMENTED")
    external = {"rows": ("rows", b"1\n")}
    answer = interface.post("/", params={"query": "select * from rows"}, files=external)
    refused(answer, 501, 48, "NOT_IMPLEMENTED")


def test_a_query_that_is_too_long_is_refused(interface: httpx.Client) -> None:
    answer = interface.post("/", content=f"select '{'x' * 300_000}'")
    refused(answer, 413, 229, "QUERY_IS_TOO_LARGE")
