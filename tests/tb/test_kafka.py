"""Kafka as this project has it: off until its folder is copied in, then a way into `events`."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.broker import Broker, broker_to_test, connection, datasource, wait_for
from tests.server import Server, Workspace
from tests.tb.cli import Cli
from tests.tb.conftest import PROJECT, Tb
from tests.tb.projects import SMALL, write
from tests.tb.test_logs import SPAN

pytestmark = pytest.mark.cli

SECRETS = {"KAFKA_SECURITY_PROTOCOL": "PLAINTEXT", "KAFKA_GROUP_ID": "cli"}
EVENT = {
    "event_type": "page_view",
    "user_id": "u",
    "session_id": "s",
    "timestamp": "2031-05-05 10:00:00",
    "platform": "web",
    "app_version": "1",
    "device_type": "phone",
    "os": "ios",
    "country": "ES",
    "properties": {"page": "/"},
    "tenant_id": "from_kafka",
}


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with broker_to_test() as broker:
        yield broker


@pytest.fixture
def project(project: Path) -> Path:
    shutil.copytree(PROJECT / "connectors", project / "connectors")
    return project


def test_a_topic_feeds_events_when_it_is_switched_on(
    tb: Tb, project: Path, server: Server, broker: Broker
) -> None:
    built = tb("--local", "build")
    assert built.returncode == 0, built.stdout
    assert "kafka" not in built.stdout.lower()

    shutil.copytree(project / "connectors" / "kafka", project, dirs_exist_ok=True)
    topic = broker.topic()
    secrets = SECRETS | {"KAFKA_SERVERS": broker.address, "KAFKA_TOPIC": topic}
    (project / ".env.local").write_text("".join(f"{k}={v}\n" for k, v in secrets.items()))
    built = tb("--local", "build")
    assert built.returncode == 0, built.stdout
    assert "datasources/kafka_events.datasource created" in built.stdout

    good = [{**EVENT, "event_id": f"e{n}"} for n in range(5)]
    broker.send(topic, *good, good[0], {"event_id": "bad"})
    sql = "select uniqExact(event_id) ids from events final where tenant_id = 'from_kafka'"
    wait_for(lambda: tb("--local", "sql", sql).stdout.split()[-1] == "5")
    sql = "select event_id, __topic from kafka_events_quarantine"
    assert tb("--local", "sql", sql).stdout.split()[-2:] == ["bad", topic]
    assert "connected_datasources: kafka_events" in tb("--local", "connection", "ls").stdout
    logged = tb("--local", "logs", "--source", "tinybird.kafka_ops_log", *SPAN)
    assert topic in logged.stdout


def test_reading_is_stopped_and_started(cli: Cli, small: Workspace, broker: Broker) -> None:
    topic = broker.topic()
    files = {
        **SMALL,
        "connections/broker.connection": connection(broker.address),
        "datasources/birds.datasource": datasource(topic, "`n` Int32 `json:$.n`"),
    }
    write(cli.folder, files)
    small.build(files)
    cli("datasource", "stop", "birds")
    broker.send(topic, {"n": 1})
    assert small.rows("SELECT n FROM birds FORMAT JSON") == []
    cli("datasource", "start", "birds")
    wait_for(lambda: small.rows("SELECT n FROM birds FORMAT JSON") == [{"n": 1}])
