"""Analyze API: the schema that is guessed for a file takes the rows of the file."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.server import Workspace

Analyse = Callable[[str | bytes], dict[str, Any]]


@pytest.fixture
def analysed(workspace: Workspace) -> Analyse:
    def analyse(body: str | bytes) -> dict[str, Any]:
        answer = workspace.http.post("/v0/analyze", content=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    return analyse


def ndjson(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        ([1, -32768], "Int16"),
        ([1, 32768], "Int32"),
        ([1, 2**31], "Int64"),
        ([2**63], "String"),
        ([1, 1.5], "Float64"),
        ([True, False], "Bool"),
        ([1, True], "String"),
        (["a", 1], "String"),
        (["2024-01-01"], "Date"),
        (["2024-01-01 00:00:00", "2024-01-01T00:00:00Z"], "DateTime"),
        (["2024-01-01 00:00:00", "2024-01-01 00:00:00.123"], "DateTime64(3)"),
        (["2024-01-01", "2024-01-01 00:00:00"], "String"),
        ([1, None], "Nullable(Int16)"),
        ([None], "Nullable(String)"),
        ([[1, 2], []], "Array(Int16)"),
        ([["a", 1]], "Array(String)"),
        ([[{"b": 1}]], "String"),
        ([[1], 1], "String"),
        ([{}], "String"),
    ],
)
def test_json_values_have_the_narrowest_type_that_holds_them(
    analysed: Analyse, values: list[Any], type_: str
) -> None:
    found = analysed(ndjson(*({"a": value} for value in values)))
    path = "$.a[:]" if type_.startswith("Array") else "$.a"
    assert found["analysis"]["schema"] == f"a {type_} `json:{path}`"
    (column,) = found["analysis"]["columns"]
    assert column["present_pct"] == (
        0.5 if None in values and len(values) > 1 else None not in values
    )


def test_names_and_paths_come_from_the_keys(analysed: Analyse) -> None:
    row = {"b": {"c": {"d": 1}}, "user-agent": "x", "1st": 2, "a.b": 3, "not this": 4}
    assert analysed(ndjson(row))["analysis"]["schema"] == (
        "b_c_d Int16 `json:$.b.c.d`, user_agent String `json:$.user-agent`, "
        "_1st Int16 `json:$.1st`, a_b Int16 `json:$['a.b']`"
    )


def test_a_key_that_is_missing_may_be_null(analysed: Analyse) -> None:
    found = analysed(ndjson({"a": 1}, {"a": 1, "b": "x"}))["analysis"]
    assert [(c["name"], c["present_pct"]) for c in found["columns"]] == [("a", 1), ("b", 0.5)]
    assert "b Nullable(String)" in found["schema"]


def test_a_line_that_was_cut_is_left_out(analysed: Analyse) -> None:
    found = analysed('{"a": 1}\n{"a": 2}\n{"a": "unfinis')
    assert found["analysis"]["schema"] == "a Int16 `json:$.a`"
    assert found["preview"]["data"] == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize(
    ("text", "schema", "delimiter"),
    [
        ("id,n\na,1\nb,2\n", "id String, n Int16", ","),
        ("id;at\na;2024-01-01\n", "id String, at Date", ";"),
        ("Id\tUser name\na\t\n", "id String, user_name Nullable(String)", "\t"),
        ("1,2\n3,4\n", "column_0 Int16, column_1 Int16", ","),
        ('"a, b",c\r\n"x",1.5\r\n', "a_b String, c Float64", ","),
    ],
)
def test_csv_is_read_with_its_dialect(
    analysed: Analyse, text: str, schema: str, delimiter: str
) -> None:
    found = analysed(text)
    assert found["analysis"]["schema"] == schema
    assert found["dialect"]["delimiter"] == delimiter


def test_compressed_files_and_forms_are_read(workspace: Workspace, analysed: Analyse) -> None:
    text = ndjson({"a": 1})
    expected = analysed(text)
    assert analysed(gzip.compress(text.encode())) == expected
    sent = workspace.http.post("/v0/analyze", files={"file": ("rows.ndjson", text)})
    assert sent.json() == expected


@pytest.mark.parametrize("body", ["", "\n", "[]", "{}", '{"a b": 1}', "[1, 2]"])
def test_a_file_without_rows_is_refused(workspace: Workspace, body: str) -> None:
    answer = workspace.http.post("/v0/analyze", content=body)
    assert answer.status_code == 400, answer.text
    assert "There is no row to analyse" in answer.json()["error"]


def test_the_schema_takes_the_rows(workspace: Workspace, analysed: Analyse) -> None:
    rows = ndjson(
        {"id": 1, "at": "2024-01-01T10:00:00Z", "tags": ["x"], "deep": {"er": None}, "ok": True},
        {"id": 2, "at": "2024-01-02 10:00:00", "tags": [], "deep": {"er": 1.5}, "ok": False},
    )
    schema = analysed(rows)["analysis"]["schema"].replace(", ", ",\n    ")
    workspace.build({"found.datasource": f'SCHEMA >\n    {schema}\n\nENGINE "MergeTree"\n'})
    assert workspace.send("found", rows).json() == {"successful_rows": 2, "quarantined_rows": 0}


def test_a_url_of_a_private_network_is_refused(workspace: Workspace) -> None:
    url = f"{workspace.server.url}/v0/health"
    answer = workspace.http.post("/v0/analyze", params={"url": url})
    assert answer.status_code == 400
    assert "private network" in answer.json()["error"]


def test_a_token_that_may_not_create_is_refused(workspace: Workspace) -> None:
    params = {"name": "reader", "scope": "WORKSPACE:READ_ALL"}
    token = workspace.http.post("/v0/tokens", params=params).json()["token"]
    with workspace.server.client(token) as http:
        assert http.post("/v0/analyze", content='{"a": 1}').status_code == 403
