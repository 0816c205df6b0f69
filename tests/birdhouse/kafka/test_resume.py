"""Every message is stored once: through kills, a broker that forgets, and a broker that is away.

BIRDHOUSE_CRASH_ROUNDS sets the number of kills; the default is what fits in a test run.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.broker import (
    PARTITIONS,
    Broker,
    connection,
    datasource,
    wait_for,
)
from tests.server import Server, Workspace, running

ROUNDS = int(os.environ.get("BIRDHOUSE_CRASH_ROUNDS", "2"))
COLUMNS = "`n` Int32 `json:$.n`, `__partition` Int16, `__offset` Int64"
COUNTED = """
SCHEMA >
    `n` Int32,
    `times` SimpleAggregateFunction(sum, UInt64)

ENGINE AggregatingMergeTree
ENGINE_SORTING_KEY n
"""
COUNT = """
NODE rows
SQL >
    SELECT n, toUInt64(count()) AS times FROM birds GROUP BY n

TYPE materialized
DATASOURCE counted
"""


@pytest.fixture
def topic(broker: Broker) -> str:
    return broker.topic()


def project(broker: Broker, topic: str, more: str = "", **settings: str) -> dict[str, str]:
    return {
        "birds.datasource": datasource(topic, COLUMNS, more, **settings),
        "counted.datasource": COUNTED,
        "count_birds.pipe": COUNT,
        "broker.connection": connection(broker.address),
    }


class Birdhouse:
    """A birdhouse on one data dir, started again and again."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self._known: Workspace | None = None

    @contextmanager
    def running(self) -> Iterator[Workspace]:
        """Its workspace, while it runs."""
        with running(self.data_dir, "serve") as server:
            workspace = self._workspace(server)
            with workspace.http:
                yield workspace

    def _workspace(self, server: Server) -> Workspace:
        if self._known is None:
            self._known = server.workspace()
        return Workspace(server, self._known.name, self._known.id, self._known.token)


def stored(workspace: Workspace) -> Counter[int]:
    """How often each number is in the table."""
    found = workspace.rows("SELECT n, count() AS times FROM birds GROUP BY n FORMAT JSON")
    return Counter({row["n"]: int(row["times"]) for row in found})


def has_all(workspace: Workspace, numbers: range) -> None:
    """Wait until the numbers are stored, and check that each is so once, in the view too."""
    wait_for(lambda: stored(workspace).keys() >= set(numbers))
    once = Counter(dict.fromkeys(numbers, 1))
    assert stored(workspace) == once
    found = workspace.rows("SELECT n, sum(times) AS times FROM counted GROUP BY n FORMAT JSON")
    assert Counter({row["n"]: int(row["times"]) for row in found}) == once


def test_kills_lose_nothing_and_double_nothing(broker: Broker, topic: str, tmp_path: Path) -> None:
    birdhouse = Birdhouse(tmp_path / "data")
    random_ = random.Random()
    sent = 0
    for round_ in range(ROUNDS + 1):
        with birdhouse.running() as workspace:
            if round_ == 0:
                workspace.build(project(broker, topic))
            has_all(workspace, range(sent))
            if round_ == ROUNDS:
                return
            ended = threading.Event()

            def send(start: int, ended: threading.Event = ended) -> None:
                nonlocal sent
                while not ended.is_set():
                    numbers = range(sent, sent + random_.choice([1, 7, 400]))
                    broker.send(topic, *({"n": n} for n in numbers))
                    sent = numbers.stop

            sender = threading.Thread(target=send, args=(sent,))
            sender.start()
            time.sleep(random_.uniform(0.1, 1.2))
            workspace.server.kill()
            ended.set()
            sender.join()


def test_the_stored_position_counts_whatever_the_broker_remembers(
    broker: Broker, topic: str, tmp_path: Path
) -> None:
    """A kill after the rows are durable and before the offsets are committed looks like this. A
    group that begins with the latest message begins where it was deployed, in spite of the kill."""
    birdhouse = Birdhouse(tmp_path / "data")
    late = datasource(topic, "`n` Int32 `json:$.n`", group="late").replace("earliest", "latest")
    broker.send(topic, *({"n": n} for n in range(20)))
    with birdhouse.running() as workspace:
        workspace.build({**project(broker, topic), "late.datasource": late})
        has_all(workspace, range(20))
        wait_for(lambda: broker.committed(topic, "birds") == [5] * PARTITIONS)
        wait_for(lambda: {link["state"] for link in linkers(workspace)} == {"running"})
        workspace.server.kill()
    broker.rewind(topic, "birds")
    broker.send(topic, *({"n": n} for n in range(20, 28)))
    with birdhouse.running() as workspace:
        has_all(workspace, range(28))
        wait_for(lambda: broker.committed(topic, "birds") == [7] * PARTITIONS)
        sql = "SELECT n FROM late ORDER BY n FORMAT JSON"
        wait_for(lambda: [row["n"] for row in workspace.rows(sql)] == list(range(20, 28)))


def test_a_group_goes_on_where_it_is_and_another_begins_anew(
    broker: Broker, topic: str, workspace: Workspace
) -> None:
    broker.send(topic, *({"n": n} for n in range(8)))
    workspace.build(project(broker, topic))
    has_all(workspace, range(8))
    wait_for(lambda: broker.committed(topic, "birds") == [2] * PARTITIONS)
    again = datasource(topic, COLUMNS)
    workspace.build({**project(broker, topic, group="other"), "again.datasource": again})
    broker.send(topic, {"n": 8})
    wait_for(lambda: stored(workspace)[8] == 1)
    wait_for(lambda: stored(workspace) == Counter({**dict.fromkeys(range(8), 2), 8: 1}))
    found = workspace.rows("SELECT n FROM again FORMAT JSON")
    assert [row["n"] for row in found] == [8]


def linkers(workspace: Workspace) -> list[dict[str, str]]:
    """What is said of the consumers of the data sources."""
    connections = workspace.http.get("/v0/connectors?service=kafka").json()["connectors"]
    return [link for found in connections for link in found["linkers"]]


def linker(workspace: Workspace) -> dict[str, str]:
    """What is said of the only one, if there is one."""
    found = linkers(workspace)
    return found[0] if found else {}


def state(workspace: Workspace) -> str:
    return linker(workspace).get("state", "")


def test_what_is_absent_is_waited_for(broker: Broker, topic: str, tmp_path: Path) -> None:
    """A broker and a topic. It shows, it keeps neither start nor stop waiting, and nothing is
    lost."""
    birdhouse = Birdhouse(tmp_path / "data")
    lost = datasource(topic, COLUMNS).replace(topic, "no topic at all")
    lost = lost.replace("KAFKA_CONNECTION_NAME broker", "KAFKA_CONNECTION_NAME present")
    files = {
        **project(broker, topic),
        "broker.connection": connection("127.0.0.1:9"),
        "lost.datasource": lost,
        "present.connection": connection(broker.address),
    }
    with birdhouse.running() as workspace:
        workspace.build(files)
        wait_for(lambda: [link["state"] for link in linkers(workspace)] == ["waiting"] * 2)
        messages = [link["message"] for link in linkers(workspace)]
        assert any("127.0.0.1:9" in message for message in messages)
        assert any("topic" in message.lower() for message in messages)
        sql = "SELECT msg FROM tinybird.kafka_ops_log WHERE msg_type = 'warning' FORMAT JSON"
        assert {row["msg"] for row in workspace.rows(sql)} >= set(messages)
        workspace.server.process.terminate()
        assert workspace.server.process.wait(20) == 0
    log = (tmp_path / "data.log").read_text()
    assert "birds waits for the topic" in log
    assert "lost waits for the topic" in log
    broker.send(topic, {"n": 0})
    with birdhouse.running() as workspace:
        workspace.build(project(broker, topic))
        has_all(workspace, range(1))
