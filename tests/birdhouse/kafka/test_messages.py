"""What becomes of a message: its value, what Kafka says of it, and what is wrong with it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.broker import Broker, connection, datasource, wait_for
from tests.server import Workspace

META = (
    "`__topic` LowCardinality(String), `__partition` Int16, `__offset` Int64,\n"
    "    `__timestamp` DateTime, `__key` String, `__value` String,\n"
    "    `__headers` Map(String, String)"
)
STORED = "KAFKA_STORE_RAW_VALUE True\nKAFKA_STORE_HEADERS True\n"


def rows(workspace: Workspace, count: int, table: str = "birds") -> list[dict[str, Any]]:
    """The rows, when there are so many of them."""
    sql = f"SELECT * FROM {table} FORMAT JSON"

    def found() -> list[dict[str, Any]]:
        stored = workspace.rows(sql)
        return stored if len(stored) >= count else []

    stored: list[dict[str, Any]] = wait_for(found)
    assert len(stored) == count
    return stored


def build(workspace: Workspace, broker: Broker, columns: str, more: str = "") -> str:
    """Make a data source `birds` of a new topic live; gives the topic."""
    topic = broker.topic()
    files = {"birds.datasource": datasource(topic, columns, more)}
    workspace.build({**files, "broker.connection": connection(broker.address)})
    return topic


def test_a_message_is_a_row_with_its_metadata(workspace: Workspace, broker: Broker) -> None:
    columns = f"`n` Int32 `json:$.n`, `deep` String `json:$.a.b`, `all` String `json:$`, {META}"
    topic = build(workspace, broker, columns, STORED)
    before = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    body = b'{"n": 1, "a": {"b": "x"}, "__offset": 77}'
    broker.send(topic, body, key=b"k", headers=[("h", b"1"), ("h", b"2"), ("none", b"")])
    (row,) = rows(workspace, 1)
    moment = datetime.fromisoformat(row.pop("__timestamp"))
    assert before <= moment <= datetime.now(UTC).replace(tzinfo=None)
    assert row == {
        "n": 1,
        "deep": "x",
        "all": body.decode(),
        "__topic": topic,
        "__partition": 0,
        "__offset": 0,
        "__key": "k",
        "__value": body.decode(),
        "__headers": {"h": "2", "none": ""},
    }


def test_value_and_headers_are_stored_on_demand_alone(workspace: Workspace, broker: Broker) -> None:
    topic = build(workspace, broker, f"`n` Int32 `json:$.n`, {META}")
    broker.send(topic, {"n": 1}, headers=[("h", b"1")])
    (row,) = rows(workspace, 1)
    assert (row["n"], row["__value"], row["__headers"]) == (1, "", {})


def test_a_value_that_no_column_wants_may_be_anything(workspace: Workspace, broker: Broker) -> None:
    topic = build(workspace, broker, "`__value` String, `__offset` Int64", STORED)
    broker.send(topic, b"no JSON", {"n": 1}, b"\xff", None)
    values = {row["__value"] for row in rows(workspace, 4)}
    assert values == {"no JSON", '{"n": 1}', "\\xff", ""}


def test_bad_messages_go_to_quarantine_alone(workspace: Workspace, broker: Broker) -> None:
    topic = build(workspace, broker, f"`n` Int32 `json:$.n`, {META}", STORED)
    broker.send(topic, {"n": 1}, {"n": "x"}, b"no JSON", b"[1]", None, {"n": 2}, {})
    assert {row["n"] for row in rows(workspace, 2)} == {1, 2}
    bad = {
        (int(row["__partition"]), int(row["__offset"])): row
        for row in rows(workspace, 5, "birds_quarantine")
    }
    errors = {place: row["c__error"] for place, row in bad.items()}
    assert bad.keys() == {(1, 0), (2, 0), (3, 0), (0, 1), (2, 1)}
    assert errors[1, 0] == ["value 'x' on column 'n' is not Int32"]
    assert "value 'no JSON' on column '$' is not a JSON object" in errors[2, 0][0]
    assert "not a JSON object" in errors[3, 0][0]
    assert "the message has no value" in errors[0, 1][0]
    assert bad[2, 0]["__value"] == "no JSON"
    assert bad[2, 0]["__topic"] == topic


def test_a_message_that_the_engine_fails_on_takes_no_other_with_it(
    workspace: Workspace, broker: Broker
) -> None:
    topic = broker.topic()
    text = datasource(topic, "`n` Int32 `json:$.n`").replace(
        "ENGINE MergeTree\n", "ENGINE MergeTree\nENGINE_PARTITION_KEY intDiv(100, n)\n"
    )
    broker.send(topic, *({"n": n} for n in range(-3, 4)))
    workspace.build({"birds.datasource": text, "broker.connection": connection(broker.address)})
    assert {row["n"] for row in rows(workspace, 6)} == {-3, -2, -1, 1, 2, 3}
    (bad,) = rows(workspace, 1, "birds_quarantine")
    assert "Division by zero" in bad["c__error"][0]


def test_messages_reach_the_views(workspace: Workspace, broker: Broker) -> None:
    topic = broker.topic()
    landing = datasource(topic, "`n` Int32 `json:$.n`").replace("MergeTree", "Null", 1)
    landing = landing.replace("ENGINE_SORTING_KEY tuple()\n", "")
    kept = "SCHEMA >\n    `n` Int32\n\nENGINE MergeTree\nENGINE_SORTING_KEY n\n"
    view = "NODE rows\nSQL >\n    SELECT n FROM landing\n\nTYPE materialized\nDATASOURCE birds\n"
    workspace.build(
        {
            "landing.datasource": landing,
            "birds.datasource": kept,
            "keep.pipe": view,
            "broker.connection": connection(broker.address),
        }
    )
    broker.send(topic, {"n": 1}, {"n": 2})
    assert {row["n"] for row in rows(workspace, 2)} == {1, 2}
