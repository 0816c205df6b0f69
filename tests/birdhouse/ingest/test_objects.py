"""Documents that the engine reads as they were sent: what paths go down to, absent and odd keys."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.birdhouse.ingest.conftest import MakeTable, Table, column

from birdhouse.ingest.plan import plan_for
from birdhouse.ingest.rows import read_documents, read_rows
from birdhouse.ingest.statements import INLINE_LIMIT

COLUMNS = (
    column("id", "String", "$.user.id"),
    column("plan", "LowCardinality(String)", "$.user.account.plan", "upper('free')"),
    column("age", "Nullable(Int16)", "$.user.age"),
    column("tags", "Array(String)", "$.user.tags[:]"),
    column("at", "DateTime", "$.at"),
    column("kind", "String", "$.kind", "'view'"),
    column("codes", "Array(Int32)", "$.codes[:]"),
)
FULL: dict[str, Any] = {
    "user": {"id": "u1", "account": {"plan": "pro"}, "age": 41, "tags": ["a", "b"], "x": {"y": 1}},
    "at": 1_700_000_000,
    "kind": "click",
    "codes": [1, 2],
    "unwanted": '{"text \\u00fc": "with \\"quotes\\": "}',
}
STORED = {
    "id": "u1",
    "plan": "pro",
    "age": 41,
    "tags": ["a", "b"],
    "at": "2023-11-14 22:13:20",
    "kind": "click",
    "codes": [1, 2],
}


@pytest.fixture
def table(make_table: MakeTable) -> Table:
    return make_table(*COLUMNS)


def user(**changes: Any) -> dict[str, Any]:
    """The full document with another `user`; a key of it is left out when it is ..."""
    found = {**FULL["user"], **changes}
    return {**FULL, "user": {key: value for key, value in found.items() if value is not ...}}


STORES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    (FULL, {}),
    (user(age=...), {"age": None}),
    (user(age=None), {"age": None}),
    (user(account=...), {"plan": "FREE"}),
    (user(account={}), {"plan": "FREE"}),
    (user(account={"plan": None}), {"plan": "FREE"}),
    (user(tags=...), {"tags": []}),
    (user(tags=None), {"tags": []}),
    (user(id={"a": [1, "ü"]}), {"id": '{"a": [1, "\\u00fc"]}'}),
    (user(id="say \":\" and \\ 'x'\n"), {"id": "say \":\" and \\ 'x'\n"}),
    (user(age="7"), {"age": 7}),
    (user(tags='["x"]'), {"tags": ["x"]}),
    ({key: FULL[key] for key in ("user", "at")}, {"kind": "view", "codes": []}),
]
"""A document, and what is stored of it otherwise than of the full one."""

REJECTS = [
    (user(id=...), "id"),
    (user(id=None), "id"),
    ({**FULL, "user": None}, "id"),
    ({**FULL, "user": "u1"}, "id"),
    ({**FULL, "user": [{"id": "u1"}]}, "id"),
    (user(age=40_000), "age"),
    (user(tags=[None]), "tags"),
    ({**FULL, "codes": 1}, "codes"),
    ({**FULL, "codes": [1, None]}, "codes"),
    ({**FULL, "at": "soon"}, "at"),
]
"""A document, and the column for which it goes to quarantine."""


def test_these_documents_are_not_written_anew() -> None:
    plan = plan_for(COLUMNS)
    body = "\n".join(json.dumps(FULL) for _ in range(3)).encode()
    assert read_rows(plan, body, "auto").chunks == (body,)
    assert not read_rows(plan, body, "auto").checked


@pytest.mark.parametrize(("document", "changes"), STORES)
def test_what_is_stored(table: Table, document: dict[str, Any], changes: dict[str, Any]) -> None:
    receipt = table.append(json.dumps(document))
    assert (receipt.successful_rows, receipt.quarantined_rows) == (1, 0)
    assert table.rows() == [{**STORED, **changes}]


def test_many_rows_are_stored_like_few(table: Table) -> None:
    """They come to the engine in a file; few stand in the statement."""
    lines = [json.dumps(document) for document, _ in STORES] * 100
    assert len("".join(lines)) > INLINE_LIMIT
    table.append("\n".join(lines))
    expected = [{**STORED, **changes} for _, changes in STORES] * 100
    assert sorted(map(str, table.rows())) == sorted(map(str, expected))


@pytest.mark.parametrize(("document", "changes"), STORES)
def test_reading_value_by_value_stores_the_same(
    table: Table, document: dict[str, Any], changes: dict[str, Any]
) -> None:
    plan = plan_for(COLUMNS)
    (found,) = read_documents(plan, [json.dumps(document).encode()], strict=True).chunks
    table.append(bytes(found))
    assert table.rows() == [{**STORED, **changes}]


@pytest.mark.parametrize(("document", "refused"), REJECTS)
def test_what_goes_to_quarantine(table: Table, document: dict[str, Any], refused: str) -> None:
    receipt = table.append("\n".join(map(json.dumps, [FULL, document, FULL])))
    assert (receipt.successful_rows, receipt.quarantined_rows) == (2, 1)
    (row,) = table.quarantine()
    assert refused in row["c__error_column"]
    assert table.rows() == [STORED] * 2


def test_keys_may_be_escaped_and_come_twice(table: Table) -> None:
    text = json.dumps(FULL)
    table.append(text.replace('"id"', '"\\u0069d"'))
    table.append(text.replace('"plan"', '"pl\\u0061n" '))
    table.append(text.replace('"user"', '"us\\u0065r"'))
    table.append(text.replace('"id": "u1"', '"id": "u0", "id": "u1"'))
    table.append(text.replace('"at"', '"user": {"id": 1}, "\\u0061t"').replace("u1", "u0"))
    assert table.rows("id DESC")[:4] == [STORED] * 4
    assert table.rows("id")[0]["id"] == "1"


def test_odd_keys(make_table: MakeTable) -> None:
    table = make_table(
        column("a", "String", "$.['der Größe'].['x-y']"),
        column("b", "Int32", "$.['der Größe'].`back`"),
        column("c", "String", "$.['it\\'s'].c"),
    )
    assert plan_for(table.landing.datasource.columns).typed is not None
    table.append(json.dumps({"der Größe": {"x-y": "é", "`back`": 3}, "it's": {"c": "'"}}))
    assert table.rows() == [{"a": "é", "b": 3, "c": "'"}]


@pytest.mark.parametrize(
    "columns",
    [
        (column("all", "String", "$.user"), column("id", "String", "$.user.id")),
        (column("a", "String", "$.user.id"), column("b", "String", "$.user.id")),
        (column("a", "Array(String)", "$.users[:].id"),),
        (column("a", "Nullable(String)", "$.user.id", "'x'"),),
        (column("a", "String", "$.user.id", "b"), column("b", "String", "$.user.b")),
        (column("a", "String", "$.user.['x.y']"),),
    ],
)
def test_other_schemas_are_read_value_by_value(columns: tuple[Any, ...]) -> None:
    assert plan_for(columns).typed is None


def test_a_default_may_read_what_the_document_holds(make_table: MakeTable) -> None:
    table = make_table(
        column("kind", "String"),
        column("label", "String", "$.more.label", "concat(kind, '!')"),
    )
    assert plan_for(table.landing.datasource.columns).typed is not None
    table.append('{"kind": "a"}\n{"kind": "b", "more": {"label": "c"}}')
    assert table.rows("kind") == [{"kind": "a", "label": "a!"}, {"kind": "b", "label": "c"}]
