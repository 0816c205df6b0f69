"""The Query API: the forms of a request, what it may read, and its limits."""

from __future__ import annotations

from typing import Any

import pytest
from tests.birdhouse.reading import endpoint, error_of, pipe_scope, sign, sql
from tests.server import Workspace

STATEMENT = "select count() as c, 'a+b&c=d' as t from visits"


@pytest.mark.parametrize(
    ("method", "sent"),
    [
        ("GET", {"params": {"q": STATEMENT}}),
        ("POST", {"params": {"q": STATEMENT}}),
        ("POST", {"content": STATEMENT}),
        ("POST", {"content": STATEMENT, "headers": {"content-type": "text/plain"}}),
        (
            "POST",
            {
                "content": STATEMENT,
                "headers": {"content-type": "application/x-www-form-urlencoded"},
            },
        ),
        ("POST", {"data": {"q": STATEMENT}}),
        ("POST", {"json": {"q": STATEMENT}}),
        ("POST", {"files": {"q": (None, STATEMENT)}}),
        ("POST", {"content": f"\n  {STATEMENT} ;\n"}),
        ("POST", {"content": f"-- what follows\n{STATEMENT}"}),
    ],
    ids=[
        "query string",
        "query string of a POST",
        "raw body",
        "plain text",
        "raw body that says it is a form",
        "form",
        "JSON",
        "multipart",
        "space around",
        "comment in front",
    ],
)
def test_a_statement_comes_in_any_form(
    reading: Workspace, method: str, sent: dict[str, Any]
) -> None:
    answer = reading.http.request(method, "/v0/sql", **sent)
    assert answer.json()["data"] == [{"c": 90, "t": "a+b&c=d"}]


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("select count() as c from recent", 90),
        ("select count() as c from recent r join visits v using id", 90),
        ("select count(recent.id) as c from visits join recent on visits.id = recent.id", 90),
        ("select count(recent.id) as c from recent where recent.id = recent.id", 90),
        ("with x as (select * from recent) select count() as c from x", 90),
        ("(select count() as c from visits)", 90),
        ("from visits select count() as c", 90),
        ("select count() as c from visits_quarantine", 0),
        ("select count() as c from inner", 90),
    ],
)
def test_data_sources_and_pipes_are_tables(reading: Workspace, statement: str, rows: int) -> None:
    assert reading.rows(statement) == [{"c": rows}]


def test_a_workspace_may_name_itself(reading: Workspace) -> None:
    assert reading.rows(f"select count() as c from {reading.name}.visits") == [{"c": 90}]
    assert reading.rows(f"select count() as c from `{reading.name}`.recent") == [{"c": 90}]


def test_parameters_reach_templates_and_pipes(reading: Workspace) -> None:
    answer = sql(reading.http, "% select {{ Int32(n) }} as n, count() as c from recent", n="7")
    assert answer.json()["data"] == [{"n": 7, "c": 90}]
    answer = sql(reading.http, "select count() as c from recent", tenant="bee")
    assert answer.json()["data"] == [{"c": 30}]


def test_the_nodes_of_a_pipeline_are_tables(reading: Workspace) -> None:
    for table in ("_", "of_tenant", "all_visits"):
        answer = sql(reading.http, f"select count() as c from {table}", pipeline="recent")
        assert answer.json()["data"] == [{"c": 90}]
    answer = sql(reading.http, "select 1", pipeline="nope")
    assert (answer.status_code, error_of(answer)) == (404, "Pipe 'nope' not found")


@pytest.mark.parametrize("table", ["visits", "recent", "(select * from recent)"])
def test_describe(reading: Workspace, table: str) -> None:
    rows = reading.rows(f"describe {table}")
    assert [row["name"] for row in rows][:2] == ["id", "tenant"]


def test_explain_is_for_those_who_may_read_everything(reading: Workspace) -> None:
    for statement in ("explain select * from recent", "EXPLAIN PLAN indexes = 1 select 1"):
        assert reading.rows(statement)
    assert sql(reading.http, "select * from recent", explain="true").json()["rows"] > 1
    with reading.server.client(sign(reading, pipe_scope("recent"))) as http:
        assert sql(http, "explain select * from recent").status_code == 403
        assert sql(http, "select * from recent", explain="true").status_code == 403


@pytest.mark.parametrize(
    ("statement", "status", "text"),
    [
        ("select * from nowhere", 400, "Resource 'nowhere' not found"),
        ("select * from a.b", 400, "Resource 'a.b' not found"),
        ("select nope from visits", 400, "[Error] Unknown expression identifier `nope`"),
        ("select toInt32(user) from visits", 400, "[Error] Cannot parse string 'user of ant 0'"),
        ("select * from url('x')", 400, "[Error] Usage of function url is restricted"),
        ("select * from s3('x')", 400, "[Error] Usage of function s3 is restricted"),
        ("selec 1", 400, "[Error] Syntax error"),
        ("", 400, "The parameter 'q' is required"),
        (f"select '{'x' * 8192}'", 400, "The query is longer than 8192 bytes"),
        ("select repeat('x', 1000000) from numbers(101)", 413, "[Error] The result is larger"),
    ],
)
def test_refusals(reading: Workspace, statement: str, status: int, text: str) -> None:
    answer = reading.http.post("/v0/sql", content=statement)
    assert answer.status_code == status, answer.text[:1000]
    assert error_of(answer).startswith(text)
    assert answer.json()["documentation"].startswith("https://")


def test_a_static_token_reads_what_its_scopes_name(reading: Workspace) -> None:
    (reader,) = [
        token
        for token in reading.http.get("/v0/tokens").json()["tokens"]
        if token["name"] == "reader"
    ]
    with reading.server.client(reader["token"]) as http:
        assert endpoint(http, "recent").status_code == 200
        assert sql(http, "select count() from recent").status_code == 200
        refused = sql(http, "select count() from visits")
        assert refused.status_code == 403
        assert error_of(refused) == "Not enough permissions for resource 'visits'"
        assert endpoint(http, "echo").status_code == 403


FRUITS = "plum,elderberry,fig,blackcurrant,quince,mirabelle plum of june,kiwi,watermelon,grape,date"
GROUPED = f"from (select arrayJoin(splitByChar(',', '{FRUITS},fig')) as fruit) group by fruit"


def test_groups_that_an_order_leaves_equal_come_in_tinybirds_order(reading: Workspace) -> None:
    answer = sql(reading.http, f"select fruit, count() as c {GROUPED} order by c desc limit 20")
    (first, *rest) = [row["fruit"] for row in answer.json()["data"]]
    assert first == "fig"
    # Tinybird's ClickHouse keeps text keys of up to 8, 16 and 24 bytes in tables of their own.
    assert sorted(rest, key=lambda fruit: (len(fruit) - 1) // 8) == rest
    assert {"quince", "plum"} < set(rest[:5])


def test_a_limit_alone_keeps_the_first_groups(reading: Workspace) -> None:
    every = sql(reading.http, f"select fruit {GROUPED}").json()["data"]
    few = sql(reading.http, f"select fruit {GROUPED} limit 3").json()["data"]
    assert few == every[:3]


def test_a_join_keeps_the_order_of_its_left_side(workspace: Workspace) -> None:
    columns = "SCHEMA >\n    `tree` UInt32 `json:$.tree`\n\nENGINE MergeTree\nENGINE_SORTING_KEY "
    files = {"trees.datasource": columns + "tree", "fruits.datasource": columns + "tuple()"}
    workspace.build(files)
    for name, trees in (("trees", range(5)), ("fruits", [9 - n % 10 for n in range(30)])):
        rows = "\n".join(f'{{"tree": {tree}}}' for tree in trees)
        assert workspace.send(name, rows).status_code == 200
    for kind in ("left", "inner"):
        found = workspace.rows(f"select tree from trees {kind} join fruits using tree")
        assert [row["tree"] for row in found] == [tree for tree in range(5) for _ in range(3)]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("toString(toTime(toDateTime('2040-05-06 07:08:09')))", "1970-01-02 07:08:09"),
        (
            "toString(JSONExtract('{\"at\": 2209500000123}', 'at', 'DateTime64(3)'))",
            "2040-01-06 22:00:00.123",
        ),
        ("groupArray(step) from (select runningDifference(id) as step from recent)", None),
        ("groupArray(next) from (select neighbor(id, 1) as next from recent)", None),
    ],
)
def test_functions_mean_what_they_meant(
    reading: Workspace, expression: str, value: str | None
) -> None:
    answer = sql(reading.http, f"select {expression}")
    assert answer.status_code == 200, answer.text
    (found,) = answer.json()["data"][0].values()
    assert found == value if value else len(found) == 90
