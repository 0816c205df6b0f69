"""What published endpoints answer, and how they refuse."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.birdhouse.reading import endpoint, error_of
from tests.server import Workspace


def test_rows_come_with_their_types_and_costs(reading: Workspace) -> None:
    body = endpoint(reading.http, "recent", tenant="bee", limit=2).json()
    assert body["meta"] == [
        {"name": "id", "type": "UInt64"},
        {"name": "tenant", "type": "String"},
        {"name": "user", "type": "String"},
        {"name": "at", "type": "DateTime"},
    ]
    assert [row["id"] for row in body["data"]] == [1, 4]
    assert body["rows"] == 2
    assert body["rows_before_limit_at_least"] == 30
    assert body["statistics"].keys() == {"elapsed", "rows_read", "bytes_read"}


@pytest.mark.parametrize(
    "sent",
    [
        {"params": {"tenant": "ant", "limit": "1"}},
        {"data": {"tenant": "ant", "limit": "1"}},
        {"json": {"tenant": "ant", "limit": 1}},
        {"params": {"tenant": "bee"}, "data": {"tenant": "ant", "limit": "1"}},
    ],
    ids=["query string", "form", "JSON", "the body wins"],
)
def test_parameters_come_in_any_form(reading: Workspace, sent: dict[str, Any]) -> None:
    answer = reading.http.post("/v0/pipes/recent.json", **sent)
    assert [row["tenant"] for row in answer.json()["data"]] == ["ant"]


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ({"params": {"items": "x,y"}}, ["x", "y"]),
        ({"params": [("items", "x"), ("items", "y")]}, ["x", "y"]),
        ({"json": {"items": ["x", "y"]}}, ["x", "y"]),
        ({}, ["a", "b"]),
    ],
    ids=["by commas", "the key twice", "a JSON list", "default"],
)
def test_lists_come_in_any_form(
    reading: Workspace, sent: dict[str, Any], expected: list[str]
) -> None:
    answer = reading.http.post("/v0/pipes/echo.json", **sent)
    assert answer.json()["data"][0]["items"] == expected


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({}, "Required parameter is not defined. Check the parameters first and second. "),
        ({"first": "x"}, "Required parameter is not defined. Check the parameters first and "),
        ({"first": "x", "second": "1000"}, "Error validating '1000' to type Int8"),
        ({"first": "x", "second": ""}, "Error validating '' to type Int8"),
        ({"first": "x", "second": "1.5"}, "Error validating '1.5' to type Int8"),
    ],
)
def test_bad_parameters_are_refused_as_tinybird_does(
    reading: Workspace, given: dict[str, str], text: str
) -> None:
    answer = endpoint(reading.http, "required", **given)
    assert answer.status_code == 400
    assert error_of(answer).startswith(f"Template Syntax Error: {text}")


def test_a_template_refuses_in_its_own_words(reading: Workspace) -> None:
    plain = endpoint(reading.http, "refusing", plain="1")
    assert (plain.status_code, error_of(plain)) == (400, "plainly no")
    custom = endpoint(reading.http, "refusing", code="418")
    assert (custom.status_code, custom.json()) == (418, {"reason": "because", "code": 7})


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("nope.json", 404, "The pipe 'nope' does not exist"),
        ("inner.json", 404, "The pipe 'inner' does not have an endpoint yet"),
        ("recent.xml", 400, "Unknown format 'xml': use one of json, csv"),
    ],
)
def test_what_is_no_endpoint_is_said(reading: Workspace, path: str, status: int, text: str) -> None:
    answer = endpoint(reading.http, path)
    assert answer.status_code == status
    assert error_of(answer).startswith(text)


def test_q_runs_over_the_result(reading: Workspace) -> None:
    query = "select max(id) as newest from _ format CSVWithNames"
    answer = endpoint(reading.http, "recent", q=query, tenant="cat")
    assert answer.text == '"newest"\n89\n'
    assert answer.headers["content-type"].startswith("text/csv")


def test_q_and_parameters_may_be_long_in_a_body(reading: Workspace) -> None:
    long = "x" * 6000
    form = {"q": f"select * from _ where user = '{long}'", "tenant": long}
    answer = reading.http.post("/v0/pipes/recent.json", data=form)
    assert answer.json()["data"] == []
    answer = reading.http.post("/v0/pipes/recent.json", data={"q": f"select '{'x' * 9000}'"})
    assert error_of(answer) == "The query is longer than 8192 bytes"


RESERVED = {
    "cli_version": "5.0.2",
    "__tb__semver": "0.0.1",
    "__tb__deployment": "1",
    "__tb__client": "mcp",
    "__tb__csv_header": "1",
    "from": "python-sdk",
    "playground": "p",
    "debug": "1",
    "debug_source_tables": "1",
    "tag": "t",
    "query_id": "x",
    "template_parameters": "{}",
    "release_replacements": "true",
    "finalize_aggregations": "true",
    "output_format_json_quote_64bit_integers": "0",
    "output_format_json_quote_denormals": "0",
    "output_format_parquet_string_as_string": "1",
}


@pytest.mark.parametrize("name", RESERVED)
def test_what_clients_add_changes_nothing(reading: Workspace, name: str) -> None:
    plain = endpoint(reading.http, "recent", limit=1).json()
    added = endpoint(reading.http, "recent", limit=1, **{name: RESERVED[name]}).json()
    assert added["data"] == plain["data"]


def test_a_pipe_gives_its_parameters_to_the_pipes_below(reading: Workspace) -> None:
    body = endpoint(reading.http, "over_recent", tenant="bee").json()
    assert body["data"] == [{"tenant": "bee", "visits": 30}]
    assert body["statistics"]["rows_read"] == 90


def test_the_same_request_gives_the_same_bytes(reading: Workspace) -> None:
    answers = [endpoint(reading.http, "recent.ndjson", limit=90).content for _ in range(20)]
    assert len(set(answers)) == 1


def test_a_secret_is_compared_and_never_shown(reading: Workspace) -> None:
    assert endpoint(reading.http, "guarded", guess="x").json()["data"] == [{"right": 0}]
    right = endpoint(reading.http, "guarded", guess="top-secret-value").json()
    assert right["data"] == [{"right": 1}]


def test_head_has_the_headers_alone(reading: Workspace) -> None:
    answer = reading.http.head("/v0/pipes/recent.json")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.content == b""


def test_a_large_answer_arrives_whole(reading: Workspace) -> None:
    rows = 100_000
    for encoding in ("identity", "gzip"):
        headers = {"accept-encoding": encoding}
        params = {"rows": str(rows)}
        answer = reading.http.get("/v0/pipes/large.csv", params=params, headers=headers)
        lines = answer.text.splitlines()
        assert len(lines) == rows + 1
        assert lines[-1] == f'{rows - 1},"{"x" * 100}"'
        assert answer.headers.get("content-encoding") == ("gzip" if encoding == "gzip" else None)


def test_a_small_answer_is_not_compressed(reading: Workspace) -> None:
    answer = reading.http.get("/v0/pipes/echo.csv", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in answer.headers
    assert int(answer.headers["content-length"]) == len(answer.content)


def test_a_name_in_an_engine_error_is_the_data_source(reading: Workspace) -> None:
    answer = reading.http.get("/v0/sql", params={"q": "select nope from visits"})
    assert error_of(answer) == (
        "[Error] Unknown expression identifier `nope`. (UNKNOWN_IDENTIFIER)"
    )
    assert answer.headers["x-db-exception-code"] == "47"


def test_a_pipe_is_found_by_its_id(reading: Workspace) -> None:
    id = reading.http.get("/v0/pipes/recent").json()["id"]
    assert endpoint(reading.http, f"{id}.json", limit=1).json()["rows"] == 1


def test_answers_carry_an_id_of_their_own(reading: Workspace) -> None:
    answers: list[httpx.Response] = [endpoint(reading.http, "echo") for _ in range(2)]
    assert len({answer.headers["x-request-id"] for answer in answers}) == 2
