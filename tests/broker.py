"""A broker to test against: librdkafka's mock cluster, which speaks Kafka's protocol on a port of
the loopback address, or the one that BIRDHOUSE_TEST_KAFKA names (`host:port`, plaintext)."""

from __future__ import annotations

import json
import os
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import confluent_kafka as kafka
from confluent_kafka.admin import AdminClient, NewTopic

REAL = os.environ.get("BIRDHOUSE_TEST_KAFKA", "")
PARTITIONS = 4
"""What the mock cluster gives each topic."""
ASK = 30.0


class Broker:
    """Topics of its own, and what their consumers have committed."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._config = {"bootstrap.servers": address, "log_level": 0}
        self._producer = kafka.Producer(self._config)

    def topic(self) -> str:
        """A new topic."""
        name = f"test-{uuid.uuid4().hex}"
        if REAL:
            created = AdminClient(self._config).create_topics([NewTopic(name, PARTITIONS, 1)])
            created[name].result(ASK)
        found = self._producer.list_topics(name, ASK).topics[name]  # the mock makes it on demand
        assert len(found.partitions) == PARTITIONS
        return name

    def send(
        self,
        topic: str,
        *values: Mapping[str, Any] | bytes | None,
        key: bytes | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Append messages, to its partitions in turn; they are there when this returns."""
        for number, value in enumerate(values):
            body = json.dumps(value).encode() if isinstance(value, Mapping) else value
            self._producer.produce(
                topic, body, key, partition=number % PARTITIONS, headers=list(headers)
            )
            self._producer.poll(0)
        assert self._producer.flush(ASK) == 0

    def committed(self, topic: str, group: str) -> list[int]:
        """The offset that the group has committed for each partition."""
        with self._member(group) as member:
            asked = [kafka.TopicPartition(topic, p) for p in range(PARTITIONS)]
            return [found.offset for found in member.committed(asked, timeout=ASK)]

    def rewind(self, topic: str, group: str) -> None:
        """Let the broker forget how far the group is."""
        with self._member(group) as member:
            begin = [kafka.TopicPartition(topic, p, 0) for p in range(PARTITIONS)]
            member.commit(offsets=begin, asynchronous=False)

    @contextmanager
    def _member(self, group: str) -> Iterator[kafka.Consumer]:
        member = kafka.Consumer({**self._config, "group.id": group})
        try:
            yield member
        finally:
            member.close()


@contextmanager
def mock_address() -> Iterator[str]:
    """The address of a mock cluster, which lives as long as the block runs."""
    client = kafka.Producer({"bootstrap.servers": "-", "test.mock.num.brokers": 1, "log_level": 0})
    brokers = client.list_topics(timeout=ASK).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)


@contextmanager
def broker_to_test() -> Iterator[Broker]:
    """The broker that the environment names, else a mock cluster."""
    if REAL:
        yield Broker(REAL)
        return
    with mock_address() as address:
        yield Broker(address)


def connection(address: str) -> str:
    return f"TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS {address}\nKAFKA_SECURITY_PROTOCOL PLAINTEXT\n"


def datasource(topic: str, columns: str, more: str = "", group: str = "birds") -> str:
    return (
        f"SCHEMA >\n    {columns}\n\nENGINE MergeTree\nENGINE_SORTING_KEY tuple()\n\n"
        f"KAFKA_CONNECTION_NAME broker\nKAFKA_TOPIC {topic}\nKAFKA_GROUP_ID {group}\n"
        f"KAFKA_AUTO_OFFSET_RESET earliest\n{more}"
    )


def wait_for(found: Callable[[], Any], within: float = 20.0) -> Any:
    """What it gives as soon as that is true."""
    end = time.monotonic() + within
    while not (value := found()):
        assert time.monotonic() < end, "nothing came of it"
        time.sleep(0.05)
    return value
