"""What clients ask about statements, tags and what flows where."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.server import Workspace


@pytest.mark.parametrize(
    ("sql", "more", "tables"),
    [
        ("select * from a join b.c using x", {}, [["b", "c"], ["", "a"]]),
        ("select 1", {}, []),
        ("select * from numbers(3), a", {}, [["", "a"]]),
        ("select * from numbers(3)", {"table_functions": "true"}, [["", "numbers"]]),
        ("selekt", {"raising": "false"}, []),
    ],
)
def test_the_tables_of_a_statement(
    workspace: Workspace, sql: str, more: dict[str, str], tables: list[list[str]]
) -> None:
    answer = workspace.http.post("/v0/sql_tables", data={"q": sql, **more})
    assert sorted(answer.json()["tables"]) == sorted(tables)


def test_a_statement_that_cannot_be_read_is_refused_when_asked_to(workspace: Workspace) -> None:
    data = {"q": "selekt", "raising": "true"}
    assert workspace.http.post("/v0/sql_tables", data=data).status_code == 400


@pytest.mark.parametrize(
    ("sql", "laid_out"),
    [("select  1,2", "SELECT\n    1,\n    2"), ("% select {{x}}", "% select {{x}}")],
)
def test_the_layout_of_a_statement(workspace: Workspace, sql: str, laid_out: str) -> None:
    assert workspace.http.get("/v0/sql_format", params={"q": sql}).json() == {"q": laid_out}
    assert workspace.http.post("/v0/sql_format", data={"q": sql}).json() == {"q": laid_out}


def test_the_tables_of_a_statement_replaced(workspace: Workspace) -> None:
    data = {"q": "select * from a, b", "replacements": json.dumps({"a": "c"})}
    found = workspace.http.post("/v0/sql_replace", data=data).json()["query"]
    assert found.split() == ["SELECT", "*", "FROM", "c", "AS", "a,", "b"]
    broken = workspace.http.post("/v0/sql_replace", data={**data, "replacements": "x"})
    assert broken.status_code == 400


@pytest.mark.parametrize("path", ["sql_tables", "sql_format"])
def test_a_statement_is_required(workspace: Workspace, path: str) -> None:
    answer = workspace.http.get(f"/v0/{path}")
    assert answer.status_code == 400
    assert "'q' is required" in answer.json()["error"]


SOURCE = 'TAGS "raw"\nSCHEMA >\n    n Int32\n\nENGINE "MergeTree"\n'
TARGET = 'SCHEMA >\n    n Int32\n\nENGINE "MergeTree"\n'


def view(source: str, target: str) -> str:
    sql = f"NODE rows\nSQL >\n    select n from {source}\n\n"
    return f'TAGS "raw"\n\n{sql}TYPE materialized\nDATASOURCE {target}\n'


@pytest.fixture
def chain(workspace: Workspace) -> Workspace:
    """A workspace where rows flow from a through b to c."""
    files = {f"{name}.datasource": SOURCE if name == "a" else TARGET for name in "abc"}
    workspace.build({**files, "a_to_b.pipe": view("a", "b"), "b_to_c.pipe": view("b", "c")})
    return workspace


def dependencies(workspace: Workspace, **params: str) -> dict[str, Any]:
    found: dict[str, Any] = workspace.http.get("/v0/dependencies", params=params).json()
    return found


def test_what_views_fill(chain: Workspace) -> None:
    found = dependencies(chain, datasource="a")
    assert found["dependencies"] == {"b": [{"pipe": "a_to_b", "node": "rows"}]}
    assert found["incompatible_datasources"] == {}
    assert {*dependencies(chain, datasource="a", recursive="true")["dependencies"]} == {"b", "c"}
    assert dependencies(chain, datasource="c")["dependencies"] == {}
    assert chain.http.get("/v0/dependencies?datasource=none").status_code == 404


def test_tags_come_from_the_datafiles(chain: Workspace) -> None:
    (tag,) = chain.http.get("/v0/tags").json()["tags"]
    named = {(entry["type"], entry["name"]) for entry in tag["resources"]}
    assert tag["name"] == "raw"
    assert named == {("datasource", "a"), ("pipe", "a_to_b"), ("pipe", "b_to_c")}
    for method, path in (("POST", ""), ("PUT", "/raw"), ("DELETE", "/raw")):
        refused = chain.http.request(method, f"/v0/tags{path}", json={"name": "other"})
        assert refused.status_code == 400
        assert "datafiles" in refused.json()["error"]
