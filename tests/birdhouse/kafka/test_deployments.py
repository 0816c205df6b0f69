"""Consumers follow what is live."""

from __future__ import annotations

import pytest
from tests.birdhouse.kafka.test_resume import linker, state
from tests.broker import Broker, connection, datasource, wait_for
from tests.server import Workspace

N = "`n` Int32 `json:$.n`"


@pytest.fixture
def topic(broker: Broker) -> str:
    return broker.topic()


def project(broker: Broker, text: str, name: str = "birds") -> dict[str, str]:
    return {f"{name}.datasource": text, "broker.connection": connection(broker.address)}


def numbers(workspace: Workspace, column: str = "n", table: str = "birds") -> list[int]:
    found = workspace.rows(f"SELECT {column} AS x FROM {table} ORDER BY x FORMAT JSON")
    return [row["x"] for row in found]


def test_staging_consumes_nothing_and_misses_nothing(
    broker: Broker, topic: str, workspace: Workspace
) -> None:
    workspace.deploy(project(broker, datasource(topic, N)))
    broker.send(topic, {"n": 1})
    wait_for(lambda: numbers(workspace) == [1])
    wider = datasource(topic, f"{N}, `m` Int32 DEFAULT n + 10")
    wider = wider.replace("ENGINE_SORTING_KEY tuple()", "ENGINE_SORTING_KEY n")
    wider += "\nFORWARD_QUERY >\n    SELECT n, n + 10 AS m\n"
    more = project(broker, wider) | project(broker, datasource(topic, N, group="new"), "other")
    workspace.deploy(more, auto_promote="false")
    broker.send(topic, {"n": 2})
    wait_for(lambda: numbers(workspace) == [1, 2])
    assert workspace.http.get("/v0/datasources/other").status_code == 404
    promoted = workspace.http.post("/v1/deployments/2/set-live")
    assert promoted.status_code == 200, promoted.text
    broker.send(topic, {"n": 3})
    wait_for(lambda: numbers(workspace) == [1, 2, 3])
    assert numbers(workspace, "m") == [11, 12, 13]
    wait_for(lambda: numbers(workspace, table="other") == [1, 2, 3])


def test_a_removed_data_source_is_read_no_more(
    broker: Broker, topic: str, workspace: Workspace
) -> None:
    workspace.build(project(broker, datasource(topic, N)))
    broker.send(topic, {"n": 1})
    wait_for(lambda: numbers(workspace) == [1])
    wait_for(lambda: sum(filter(lambda o: o > 0, broker.committed(topic, "birds"))) == 1)
    without = datasource(topic, N).partition("KAFKA_")[0]
    workspace.build(project(broker, without))
    broker.send(topic, {"n": 2})
    assert linker(workspace) == {}
    workspace.build(project(broker, datasource(topic, N)))
    wait_for(lambda: numbers(workspace) == [1, 2])


def test_a_data_source_is_stopped_and_started(
    broker: Broker, topic: str, workspace: Workspace
) -> None:
    workspace.build(project(broker, datasource(topic, N)))
    wait_for(lambda: state(workspace) == "running")
    assert workspace.http.post("/v0/datasources/birds/stop").status_code == 200
    broker.send(topic, {"n": 1})
    assert state(workspace) == "stopped"
    assert numbers(workspace) == []
    assert workspace.http.post("/v0/datasources/birds/start").status_code == 200
    wait_for(lambda: numbers(workspace) == [1])
    assert state(workspace) == "running"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("KAFKA_VALUE_FORMAT avro", "KAFKA_VALUE_FORMAT avro is not served here"),
        ("KAFKA_STORE_HEADERS maybe", "KAFKA_STORE_HEADERS is True or False"),
    ],
)
def test_settings_that_are_not_served_are_named(
    broker: Broker, topic: str, workspace: Workspace, changed: str, said: str
) -> None:
    workspace.build(project(broker, datasource(topic, N, changed)))
    assert state(workspace) == "error"
    assert said in linker(workspace)["message"]


def test_a_deleted_workspace_is_read_no_more(
    broker: Broker, topic: str, workspace: Workspace
) -> None:
    workspace.build(project(broker, datasource(topic, N)))
    broker.send(topic, {"n": 1})
    wait_for(lambda: numbers(workspace) == [1])
    server = workspace.server
    with server.client(server.user_token) as http:
        gone = http.delete(
            f"/v0/workspaces/{workspace.id}", params={"confirmation": workspace.name}
        )
        assert gone.status_code == 200, gone.text
    log = (server.data_dir.with_name(f"{server.data_dir.name}.log")).read_text()
    assert "is over" not in log


def test_the_log_of_kafka_counts_messages(broker: Broker, topic: str, workspace: Workspace) -> None:
    workspace.build(project(broker, datasource(topic, N)))
    broker.send(topic, *({"n": n} for n in range(8)), {"n": "x"})
    wait_for(lambda: len(numbers(workspace)) == 8)
    sql = (
        "SELECT sum(processed_messages) AS messages, sum(committed_messages) AS committed, "
        "argMax(lag, timestamp) AS lag FROM tinybird.kafka_ops_log "
        f"WHERE topic = '{topic}' FORMAT JSON"
    )
    wait_for(lambda: workspace.rows(sql)[0]["messages"] == 9)
    assert workspace.rows(sql)[0]["committed"] == 9
    sql = (
        "SELECT sum(rows) AS rows, sum(rows_quarantine) AS bad FROM tinybird.datasources_ops_log "
        "WHERE event_type = 'append-kafka' FORMAT JSON"
    )
    wait_for(lambda: workspace.rows(sql) == [{"rows": 8, "bad": 1}])
