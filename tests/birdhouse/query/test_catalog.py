"""`system` and `information_schema`: what a workspace sees of the engine."""

from __future__ import annotations

import pytest
from tests.birdhouse.reading import datasource_scope, pipe_scope, sign, sql
from tests.server import Workspace


def test_tables_are_the_data_sources(reading: Workspace) -> None:
    rows = reading.rows(
        "select database, name, engine, total_rows from system.tables order by name"
    )
    assert [(row["database"], row["name"]) for row in rows] == [
        (reading.name, "pages"),
        (reading.name, "visits"),
    ]
    assert rows[1]["total_rows"] == 90


def test_columns_are_theirs(reading: Workspace) -> None:
    rows = reading.rows("select name, type from system.columns where table = 'visits'")
    assert rows[0] == {"name": "id", "type": "UInt64"}
    assert len(rows) == 6


def test_there_is_one_database(reading: Workspace) -> None:
    assert reading.rows("select name from system.databases") == [{"name": reading.name}]
    rows = reading.rows("select schema_name from information_schema.schemata")
    assert rows == [{"schema_name": reading.name}]


@pytest.mark.parametrize("database", ["information_schema", "INFORMATION_SCHEMA"])
def test_the_information_schema_agrees(reading: Workspace, database: str) -> None:
    rows = reading.rows(
        f"select table_schema, table_name, column_name from {database}.columns "
        "where table_name = 'pages'"
    )
    assert rows == [{"table_schema": reading.name, "table_name": "pages", "column_name": "path"}]
    tables = reading.rows(f"select TABLE_NAME from {database}.tables order by 1")
    assert tables == [{"TABLE_NAME": "pages"}, {"TABLE_NAME": "visits"}]


@pytest.mark.parametrize("table", ["tables", "columns", "databases"])
def test_nothing_tells_of_the_machine(reading: Workspace, table: str) -> None:
    text = sql(reading.http, f"select * from system.{table} format JSONEachRow").text
    assert str(reading.server.data_dir) not in text
    assert "ws_" not in text
    assert "/store" not in text


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("select count() > 1000 as c from system.functions", 1),
        ("select count() > 1000 as c from system.settings", 1),
        ("select count() as c from system.settings where name = 'log_comment'", 0),
        ("select count() as c from system.one", 1),
        ("select count() as c from (select * from system.numbers limit 5)", 5),
    ],
)
def test_what_clients_ask_when_they_connect(reading: Workspace, statement: str, rows: int) -> None:
    assert reading.rows(statement) == [{"c": rows}]


def test_a_token_sees_the_tables_that_it_may_read(reading: Workspace) -> None:
    scopes = {
        "whole": (datasource_scope("pages"), ["pages"]),
        "filtered": (datasource_scope("visits", "tenant = 'ant'"), []),
        "a pipe": (pipe_scope("recent"), []),
    }
    for scope, expected in scopes.values():
        with reading.server.client(sign(reading, scope)) as http:
            rows = sql(http, "select name from system.tables").json()["data"]
            assert [row["name"] for row in rows] == expected


def test_an_empty_workspace_is_empty(workspace: Workspace) -> None:
    for table in ("tables", "columns"):
        assert workspace.rows(f"select * from system.{table}") == []
