"""clickhouse-connect, ClickHouse's own Python client, on the ClickHouse interface."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import clickhouse_connect
import httpx
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError
from tests.server import Server, Workspace

from birdhouse.engine import CLICKHOUSE_VERSION

VISITS = (
    "SCHEMA >\n    id UInt64 `json:$.id`,\n    at DateTime64(3) `json:$.at`,\n"
    "    page LowCardinality(String) `json:$.page`,\n    tags Array(String) `json:$.tags[:]`,\n"
    "    price Nullable(Decimal(18, 2)) `json:$.price`\n\n"
    "ENGINE MergeTree\nENGINE_SORTING_KEY id\n"
)
ROWS = (
    '{"id": 1, "at": "2024-01-01 00:00:00.500", "page": "a", "tags": ["x", "y"], "price": "1.50"}\n'
    '{"id": 18446744073709551615, "at": "2024-01-02 00:00:00.000", "page": "b", "tags": []}\n'
)


@pytest.fixture(scope="module")
def visits(server: Server) -> Iterator[Workspace]:
    workspace = server.workspace()
    with workspace.http:
        workspace.build({"visits.datasource": VISITS})
        workspace.send("visits", ROWS)
        yield workspace


def connect(server: Server, workspace: Workspace, **options: Any) -> Client:
    url = httpx.URL(server.clickhouse_url)
    given = {"username": workspace.name, "password": workspace.token, **options}
    return clickhouse_connect.get_client(host=url.host, port=url.port, **given)


@pytest.fixture(scope="module")
def client(server: Server, visits: Workspace) -> Iterator[Client]:
    with connect(server, visits) as client:
        yield client


@pytest.mark.parametrize("compress", [False, True, "gzip"])
def test_it_connects(server: Server, visits: Workspace, compress: bool | str) -> None:
    with connect(server, visits, database=visits.name, compress=compress) as client:
        assert client.ping()
        assert client.server_version == CLICKHOUSE_VERSION
        numbers = client.query("select number from numbers(10000)").result_columns[0]
        assert numbers == [*range(10_000)]


def test_it_lists_databases_tables_and_columns(client: Client, visits: Workspace) -> None:
    assert client.command("SHOW TABLES") == "visits"
    assert client.command("SHOW DATABASES") == visits.name
    tables = client.query("select database, name, engine from system.tables").result_rows
    assert tables == [(visits.name, "visits", "MergeTree")]
    described = client.query("DESCRIBE TABLE visits").result_rows
    assert [row[:2] for row in described][:2] == [("id", "UInt64"), ("at", "DateTime64(3)")]
    columns = "select name, type from system.columns where table = {t:String} order by position"
    found = client.query(columns, parameters={"t": "visits"}).result_rows
    assert found[2] == ("page", "LowCardinality(String)")


def test_it_reads_values_of_every_kind(client: Client) -> None:
    first, second = client.query("select * from visits order by id").result_rows
    assert first[0] == 1
    assert str(first[1]) == "2024-01-01 00:00:00.500000"
    assert first[2:4] == ("a", ["x", "y"])
    assert str(first[4]) == "1.50"
    assert second[0] == 2**64 - 1
    assert second[2:] == ("b", [], None)


@pytest.mark.parametrize("text", ["it's", "tab\tback\\slash\nline", "ünï {x:Int8}", ""])
def test_it_sends_parameters(client: Client, text: str) -> None:
    given = {"text": text, "list": [1, 2], "day": date(2024, 2, 29)}
    query = "select {text:String}, {list:Array(UInt8)}, {day:Date}"
    assert client.query(query, parameters=given).result_rows == [(text, [1, 2], given["day"])]


def test_it_sends_parameters_in_a_form(server: Server, visits: Workspace) -> None:
    with connect(server, visits, form_encode_query_params=True) as client:
        query = "select count() from visits where page = {page:String}"
        assert client.command(query, parameters={"page": "a"}) == 1


def test_it_streams_blocks_and_raw_bytes(client: Client) -> None:
    with client.query_row_block_stream("select number from numbers(200000)") as blocks:
        assert sum(len(block) for block in blocks) == 200_000
    assert client.raw_query("select 1 as x", fmt="CSVWithNames") == b'"x"\n1\n'


def test_it_gets_an_empty_answer(client: Client) -> None:
    found = client.query("select id, page from visits where id = 5")
    assert found.result_rows == []


def test_it_raises_what_clickhouse_says(client: Client) -> None:
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        client.query("select * from nothing")
    with pytest.raises(DatabaseError, match="READONLY"):
        client.command("drop table visits")
    with pytest.raises(DatabaseError):
        client.insert("visits", [[3]], column_names=["id"])
    assert client.command("select count() from visits") == 2


def test_another_token_does_not_connect(server: Server, visits: Workspace) -> None:
    with pytest.raises(DatabaseError, match="AUTHENTICATION_FAILED"):
        connect(server, visits, password="p.nothing")
