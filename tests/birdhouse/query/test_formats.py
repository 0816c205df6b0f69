"""Every format, byte for byte as ClickHouse writes it, and with its content type."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest
from tests.birdhouse.reading import endpoint, error_of, sql
from tests.server import Workspace

GOLDEN = Path(__file__).parent / "golden"
STATEMENT = (GOLDEN / "values.sql").read_text()
TYPES = {
    "JSON": "application/json; charset=utf-8",
    "JSONStrings": "application/json; charset=utf-8",
    "JSONCompact": "application/json; charset=utf-8",
    "JSONEachRow": "application/x-ndjson; charset=utf-8",
    "JSONCompactEachRow": "application/x-ndjson; charset=utf-8",
    "JSONCompactEachRowWithNamesAndTypes": "application/x-ndjson; charset=utf-8",
    "CSV": "text/csv; charset=utf-8",
    "CSVWithNames": "text/csv; charset=utf-8",
    "TSV": "text/plain",
    "TSVWithNames": "text/plain",
    "TabSeparatedWithNamesAndTypes": "text/plain",
    "PrettyCompact": "text/plain",
    "Markdown": "text/plain",
    "Parquet": "application/vnd.apache.parquet",
    "Native": "application/octet-stream",
    "RowBinaryWithNamesAndTypes": "application/octet-stream",
}
VALUES = {
    "datasources/nothing.datasource": "SCHEMA >\n    `a` String `json:$.a`\n",
    "endpoints/values.pipe": "NODE values_node\nSQL >\n"
    + "".join(f"    {line}\n" for line in STATEMENT.splitlines())
    + "\nTYPE ENDPOINT\n",
}
_ELAPSED = re.compile(rb'"elapsed": [0-9.e-]+|"(rows|bytes)_read": \d+')


def without_costs(answer: bytes) -> bytes:
    return _ELAPSED.sub(b"", answer)


@pytest.mark.parametrize("name", TYPES)
def test_the_query_api_writes_what_clickhouse_writes(reading: Workspace, name: str) -> None:
    answer = reading.http.post("/v0/sql", content=f"{STATEMENT} FORMAT {name}")
    assert answer.headers["content-type"] == TYPES[name]
    golden = (GOLDEN / f"values.{name}").read_bytes()
    assert without_costs(answer.content) == without_costs(golden)


@pytest.mark.parametrize(
    ("extension", "name"),
    [
        ("json", "JSON"),
        ("csv", "CSVWithNames"),
        ("csvwithnames", "CSVWithNames"),
        ("ndjson", "JSONEachRow"),
        ("parquet", "Parquet"),
    ],
)
def test_an_endpoint_writes_what_clickhouse_writes(
    workspace: Workspace, extension: str, name: str
) -> None:
    workspace.build(VALUES)
    answer = endpoint(workspace.http, f"values.{extension}")
    assert answer.headers["content-type"] == TYPES[name]
    golden = (GOLDEN / f"values.{name}").read_bytes()
    assert without_costs(answer.content) == without_costs(golden)


def test_prometheus_metrics(reading: Workspace) -> None:
    answer = endpoint(reading.http, "metrics.prometheus")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4"
    assert answer.text == (
        "# HELP visits Visits so far\n"
        "# TYPE visits counter\n"
        'visits{tenant="0"} 0\n'
        'visits{tenant="1"} 1\n'
        "\n"
    )


def test_prometheus_needs_its_columns(reading: Workspace) -> None:
    answer = endpoint(reading.http, "echo.prometheus")
    assert answer.status_code == 400
    assert "Prometheus" in error_of(answer)


@pytest.mark.parametrize(
    "clause", ["format csv", "FORMAT CSV;", "\nFormat\tCSV\n", "format CSV ; "]
)
def test_a_format_clause_is_found(reading: Workspace, clause: str) -> None:
    assert sql(reading.http, f"select 1 as a {clause}").text == "1\n"


@pytest.mark.parametrize(
    "statement",
    [
        "select 'a format CSV' as a",
        "select 1 as format",
        "select format from (select 1 as format) order by format",
        "select format from (select 1 as format) order by format desc",
    ],
)
def test_what_is_no_format_clause_stays(reading: Workspace, statement: str) -> None:
    answer = sql(reading.http, statement)
    assert answer.status_code == 200, answer.text
    assert answer.json()["rows"] == 1


def test_an_unknown_format_names_the_known_ones(reading: Workspace) -> None:
    answer = sql(reading.http, "select 1 format Nonsense")
    assert error_of(answer).startswith("Unknown format Nonsense. Allowed: JSON, ")


@pytest.mark.parametrize(
    ("setting", "column", "plain", "quoted"),
    [
        ("output_format_json_quote_64bit_integers", "toUInt64(1)", 1, "1"),
        ("output_format_json_quote_64bit_integers", "toInt64(-1)", -1, "-1"),
        ("output_format_json_quote_64bit_integers", "toUInt32(1)", 1, 1),
        ("output_format_json_quote_denormals", "nan", None, "nan"),
        ("output_format_json_quote_denormals", "-inf", None, "-inf"),
    ],
)
def test_how_values_are_printed_is_the_clients_choice(
    reading: Workspace, setting: str, column: str, plain: object, quoted: object
) -> None:
    def value(**params: str) -> object:
        return sql(reading.http, f"select {column} as x", **params).json()["data"][0]["x"]

    assert value() == value(**{setting: "0"}) == plain
    assert value(**{setting: "1"}) == quoted


def test_such_a_choice_is_0_or_1(reading: Workspace) -> None:
    params = {"output_format_json_quote_64bit_integers": "yes"}
    assert error_of(sql(reading.http, "select 1", **params)).endswith("must be 0 or 1")


def test_json_strings_quotes_everything(reading: Workspace) -> None:
    answer: httpx.Response = sql(reading.http, "select 1 as a, nan as b format JSONStrings")
    assert json.loads(answer.text)["data"] == [{"a": "1", "b": "nan"}]
