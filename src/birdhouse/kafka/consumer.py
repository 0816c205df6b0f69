"""One topic into one data source, on a thread of its own.

The order is what makes each message count once: rows and position are stored as one batch, then
the broker is told. Whatever the broker remembers, reading goes on at the stored position; the
broker's is asked only for a partition that has none.

All partitions are read here, outside the broker's group balancing: nobody else fills this table,
and a restart need not wait until the group has noticed.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Literal

import confluent_kafka as kafka
import msgspec

from birdhouse.errors import (
    BirdhouseError,
    EngineError,
    NotFound,
    PartlyIngested,
    Unavailable,
)
from birdhouse.ingest import Receipt
from birdhouse.ingest.messages import Message, message_source
from birdhouse.ingest.queue import ShuttingDown
from birdhouse.ingest.rows import Source
from birdhouse.kafka.metadata import COLUMNS, message_of
from birdhouse.kafka.subscription import Subscription
from birdhouse.workspace.activity import Messages
from birdhouse.workspace.positions import Position, Positions

log = logging.getLogger("birdhouse.kafka")

_POLL = 0.2
"""Seconds that messages are gathered for."""
_ASK = 1.0
"""Seconds that the broker has for an answer; stopping may have to wait for it."""
_LOOK = 30.0
"""Seconds between two looks for new partitions."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_BATCH_BYTES = 8 * 1024 * 1024
_BATCH_MESSAGES = 10_000
_CHANGING = re.compile(r" \(after .*\)")
_SETTINGS = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "queued.max.messages.kbytes": 16 * 1024,
    "reconnect.backoff.max.ms": 5000,
    "log_level": 0,  # what matters of it comes as errors
}


class Status(msgspec.Struct, frozen=True):
    """How a consumer is, for a person to read."""

    state: Literal["starting", "running", "waiting", "stopped", "error"]
    message: str = ""
    lag: int = 0
    """Messages that are in the topic and not stored yet."""


Append = Callable[[Source, Position], Receipt]
Report = Callable[[Messages], None]


class Consumer:
    """Reads from `start` to `stop`. `append` stores a batch, `report` is told of it."""

    def __init__(
        self, subscription: Subscription, positions: Positions, append: Append, report: Report
    ) -> None:
        self.subscription = subscription
        self.status = Status("starting")
        self._positions = positions
        self._append = append
        self._report = report
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"kafka {subscription.name}")
        self._assigned: dict[int, int] = {}
        """The next offset of each partition that is read."""
        self._look_at = 0.0
        self._pause = _FIRST_PAUSE
        self._ask_for = 100
        self._reason = ""
        """What the client has said last about the broker."""

    def start(self) -> None:
        self._thread.start()

    def ask_to_stop(self) -> None:
        self._stopping.set()

    def join(self) -> None:
        """Wait until the batch under way is stored and the thread is over."""
        self._thread.join()

    # the thread

    def _run(self) -> None:
        config = {
            **dict(self.subscription.security),
            **_SETTINGS,
            "group.id": self.subscription.group,
            # Where to begin is settled before: this is for messages that the topic has dropped.
            "auto.offset.reset": "earliest",
            "error_cb": self._heard,
            "on_commit": self._committed,
        }
        try:
            consumer = kafka.Consumer(config)
        except (kafka.KafkaException, ValueError) as error:
            self._fail(f"the settings of the connection are refused: {_told(error)}")
            return
        try:
            while not self._stopping.is_set():
                self._step(consumer)
            self.status = Status("stopped")
        except (ShuttingDown, NotFound):
            self.status = Status("stopped")
        except Exception as error:
            log.exception("the consumer of %s is over", self.subscription.name)
            self._fail(str(error))
        finally:
            consumer.close()

    def _step(self, consumer: Any) -> None:
        if time.monotonic() >= self._look_at:
            self._look(consumer)
        if not self._assigned:
            self._stopping.wait(max(self._look_at - time.monotonic(), 0.0))
            return
        started = time.perf_counter()
        found = consumer.consume(self._ask_for, timeout=_POLL)
        read = time.perf_counter() - started
        messages = [message for message in found if message.error() is None]
        for message in found:
            if message.error() is not None:
                self._wait(message.error().str())
        if messages:
            self._take(consumer, messages, read)

    def _heard(self, error: kafka.KafkaError) -> None:
        if error.code() == kafka.KafkaError._ALL_BROKERS_DOWN:
            self._look_at = min(self._look_at, time.monotonic() + self._pause)
        else:
            self._reason = _CHANGING.sub("", error.str())

    def _committed(self, error: kafka.KafkaError | None, _: object) -> None:
        """No row depends on it: the broker's tools alone show an old position."""
        if error is not None and not self._stopping.is_set():
            self._note("warning", f"the broker does not keep the position: {error.str()}")

    def _look(self, consumer: Any) -> None:
        """Find the topic's partitions, and whether the broker answers at all."""
        topic = self.subscription.topic
        try:
            metadata = consumer.list_topics(topic, timeout=_ASK).topics[topic]
            if metadata.error is not None:
                raise kafka.KafkaException(metadata.error)
            new = sorted(metadata.partitions.keys() - self._assigned.keys())
            if new:
                self._assign(consumer, new)
        except kafka.KafkaException as error:
            if not self._assigned:
                consumer.poll(0)  # lets the client say why
            self._wait(self._reason or _told(error))
            return
        if self.status.state != "running":
            log.info("%s reads the topic %s", self.subscription.name, topic)
            self.status = Status("running", lag=self.status.lag)
        self._reason, self._pause = "", _FIRST_PAUSE
        self._look_at = time.monotonic() + _LOOK

    def _assign(self, consumer: Any, partitions: Sequence[int]) -> None:
        topic, stream = self.subscription.topic, self.subscription.stream
        known = self._positions.of(self.subscription.workspace, stream)
        asked = [kafka.TopicPartition(topic, p) for p in partitions if p not in known]
        committed = {p.partition: p.offset for p in consumer.committed(asked, timeout=_ASK)}
        first = {}
        for partition in asked:
            low, high = consumer.get_watermark_offsets(partition, timeout=_ASK)
            begin = committed[partition.partition]
            if begin < 0:
                # A partition that the topic got later is read from its beginning.
                begin = high if self.subscription.reset == "latest" and not known else low
            first[partition.partition] = begin
        if first:
            # Remembered before anything is read: `latest` is then the same after a crash.
            self._positions.move(Position(self.subscription.workspace, stream, first))
        offsets = {p: known.get(p, first.get(p, 0)) for p in partitions}
        consumer.incremental_assign(
            [kafka.TopicPartition(topic, p, offset) for p, offset in offsets.items()]
        )
        self._assigned |= offsets

    def _wait(self, reason: str) -> None:
        """Look again after a while; say so when that is news."""
        topic = self.subscription.topic
        self._look_at = time.monotonic() + self._pause
        if (self.status.state, self.status.message) != ("waiting", reason):
            log.warning("%s waits for the topic %s: %s", self.subscription.name, topic, reason)
            self._note("warning", reason)
        self.status = Status("waiting", reason, self.status.lag)
        self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    def _fail(self, reason: str) -> None:
        log.error(
            "%s does not read %s: %s", self.subscription.name, self.subscription.topic, reason
        )
        self._note("error", reason)
        self.status = Status("error", reason)

    def _note(self, type_: Literal["warning", "error"], text: str) -> None:
        wanted = self.subscription
        self._report(
            Messages(
                workspace_id=wanted.workspace,
                datasource_id=wanted.datasource,
                topic=wanted.topic,
                msg_type=type_,
                msg=text,
            )
        )

    # a batch

    def _take(self, consumer: Any, found: Sequence[Any], read: float) -> None:
        messages = [message_of(message, self.subscription) for message in found]
        size = sum(len(message.value or b"") for message in messages)
        self._ask_for = max(1, min(_BATCH_MESSAGES, _BATCH_BYTES * len(found) // max(size, 1)))
        started = time.perf_counter()
        if not self._store(messages):
            return
        written = time.perf_counter() - started
        next_offsets = self._next(messages)
        self._assigned |= next_offsets
        topic = self.subscription.topic
        commits = [kafka.TopicPartition(topic, p, offset) for p, offset in next_offsets.items()]
        consumer.commit(offsets=commits, asynchronous=True)
        self._tell(consumer, messages, read, written)

    @staticmethod
    def _next(messages: Sequence[Message]) -> dict[int, int]:
        return {m.metadata["__partition"]: m.metadata["__offset"] + 1 for m in messages}

    def _store(self, messages: Sequence[Message], refused: str = "") -> bool:
        """Store messages and where they end; False when told to stop before that.

        A batch that the engine fails on is tried by halves; the message that it fails on alone
        goes to quarantine.
        """
        position = Position(
            self.subscription.workspace, self.subscription.stream, self._next(messages)
        )
        while not self._stopping.is_set():
            try:
                self._append(message_source(messages, COLUMNS, refused), position)
                return True
            except PartlyIngested as error:
                log.error("%s: %s", self.subscription.name, error)
                self._note("error", str(error))
                return True
            except ShuttingDown:
                raise
            except Unavailable as error:
                self._say_it_waits(str(error))
                self._stopping.wait(error.retry_after)
            except EngineError as error:
                if refused:
                    raise
                if len(messages) == 1:
                    return self._store(messages, str(error))
                middle = len(messages) // 2
                return self._store(messages[:middle]) and self._store(messages[middle:])
            except NotFound:
                raise
            except BirdhouseError as error:
                self._say_it_waits(str(error))
                self._stopping.wait(_LONGEST_PAUSE)
        return False

    def _say_it_waits(self, reason: str) -> None:
        log.warning("%s waits with its messages: %s", self.subscription.name, reason)
        self._note("warning", reason)
        self.status = Status("waiting", reason, self.status.lag)
        self._look_at = 0.0

    def _tell(
        self, consumer: Any, messages: Sequence[Message], read: float, written: float
    ) -> None:
        wanted, lags = self.subscription, {}
        for partition, offset in self._assigned.items():
            at = kafka.TopicPartition(wanted.topic, partition)
            _, high = consumer.get_watermark_offsets(at, cached=True)
            lags[partition] = max(high - offset, 0)
        self.status = Status("running", lag=sum(lags.values()))
        for partition in self._next(messages):
            mine = [m for m in messages if m.metadata["__partition"] == partition]
            self._report(
                Messages(
                    workspace_id=wanted.workspace,
                    datasource_id=wanted.datasource,
                    topic=wanted.topic,
                    partition=partition,
                    lag=lags[partition],
                    processed_messages=len(mine),
                    processed_bytes=sum(len(m.value or b"") for m in mine),
                    committed_messages=len(mine),
                    time_read=read,
                    time_write=written,
                )
            )


def _told(error: Exception) -> str:
    """The reason that the client gives."""
    inner = error.args[0] if error.args else error
    return str(inner.str() if isinstance(inner, kafka.KafkaError) else inner)
