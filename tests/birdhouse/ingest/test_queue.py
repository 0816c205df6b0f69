"""Group commit, with a commit that the tests hold in their hands."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from tests.birdhouse.ingest.conftest import column

from birdhouse.errors import Unavailable
from birdhouse.ingest.landing import Landing, Receipt
from birdhouse.ingest.queue import Queue
from birdhouse.ingest.request import Request
from birdhouse.ingest.rows import json_source
from birdhouse.workspace.resources import DataSource

BODY = b'{"n": 1}'
COLUMNS = (column("n", "Int32"),)


def request(table: str = "t", *, token: str = "") -> Request:
    landing = Landing("d", DataSource(id=table, name=table, table=table, columns=COLUMNS))
    return Request(landing, json_source(BODY, "auto"), token=token)


class Engine:
    """Commits when it is let, and remembers the batches."""

    def __init__(self) -> None:
        self.batches: list[list[Request]] = []
        self.gate = threading.Event()
        self.started = threading.Semaphore(0)
        self.broken: Exception | None = None

    def commit(self, requests: list[Request]) -> None:
        self.batches.append(requests)
        self.started.release()
        assert self.gate.wait(10)
        if self.broken is not None:
            raise self.broken
        for one in requests:
            one.future.set_result(Receipt(1, 0, one.size, one.import_id))

    def wait_for_start(self) -> None:
        assert self.started.acquire(timeout=10)


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def queue(engine: Engine) -> Iterator[Queue]:
    queue = Queue(engine.commit, 2, 10 * len(BODY), 4 * len(BODY), 3)
    yield queue
    engine.gate.set()
    queue.close()


def put(queue: Queue, one: Request) -> Request:
    queue.reserve(one.size)
    one.future.add_done_callback(lambda _: queue.release(one.size))
    queue.put(one)
    return one


def test_what_waits_is_committed_together(queue: Queue, engine: Engine) -> None:
    first = put(queue, request())
    engine.wait_for_start()
    others = [put(queue, request()) for _ in range(3)]
    engine.gate.set()
    for one in (first, *others):
        assert one.future.result(10).successful_rows == 1
    assert engine.batches == [[first], others]


def test_batches_are_bounded(queue: Queue, engine: Engine) -> None:
    put(queue, request())
    engine.wait_for_start()
    others = [put(queue, request()) for _ in range(7)]
    engine.gate.set()
    others[-1].future.result(10)
    assert [len(batch) for batch in engine.batches] == [1, 3, 3, 1]


def test_a_request_with_a_token_is_a_batch_of_its_own(queue: Queue, engine: Engine) -> None:
    put(queue, request())
    engine.wait_for_start()
    others = [put(queue, request(token=token)) for token in ("", "a", "b", "", "")]
    engine.gate.set()
    others[-1].future.result(10)
    assert [len(batch) for batch in engine.batches] == [1, 1, 1, 1, 2]


def test_tables_do_not_wait_for_each_other(queue: Queue, engine: Engine) -> None:
    one, other = put(queue, request("one")), put(queue, request("other"))
    engine.wait_for_start()
    engine.wait_for_start()
    engine.gate.set()
    assert one.future.result(10).successful_rows == 1
    assert other.future.result(10).successful_rows == 1
    assert sorted(map(len, engine.batches)) == [1, 1]


def test_one_batch_at_a_time_for_a_table(queue: Queue, engine: Engine) -> None:
    put(queue, request())
    engine.wait_for_start()
    put(queue, request())
    assert not engine.started.acquire(timeout=0.1)


def test_refuses_what_does_not_fit(queue: Queue, engine: Engine) -> None:
    waiting = [put(queue, request()) for _ in range(10)]
    with pytest.raises(Unavailable, match="Too much data waits") as error:
        queue.reserve(len(BODY))
    assert error.value.retry_after == 1
    engine.gate.set()
    waiting[-1].future.result(10)
    put(queue, request()).future.result(10)


def test_a_single_large_request_is_let_in_when_nothing_waits(queue: Queue, engine: Engine) -> None:
    queue.reserve(1000 * len(BODY))
    with pytest.raises(Unavailable):
        queue.reserve(1)
    queue.release(1000 * len(BODY))


def test_an_importer_waits_for_room(queue: Queue, engine: Engine) -> None:
    for _ in range(10):
        put(queue, request())
    waiter = threading.Thread(target=queue.reserve, args=(len(BODY),), kwargs={"wait": True})
    waiter.start()
    waiter.join(0.1)
    assert waiter.is_alive()
    engine.gate.set()
    waiter.join(10)
    assert not waiter.is_alive()


def test_a_request_that_is_cancelled_in_time_is_not_committed(queue: Queue, engine: Engine) -> None:
    first = put(queue, request())
    engine.wait_for_start()
    second, third = put(queue, request()), put(queue, request())
    assert second.future.cancel()
    assert not first.future.cancel()
    engine.gate.set()
    third.future.result(10)
    assert engine.batches == [[first], [third]]


def test_an_error_reaches_every_request_of_the_batch(queue: Queue, engine: Engine) -> None:
    engine.broken = RuntimeError("broken")
    first = put(queue, request())
    engine.wait_for_start()
    others = [put(queue, request()) for _ in range(2)]
    engine.gate.set()
    for one in (first, *others):
        with pytest.raises(RuntimeError, match="broken"):
            one.future.result(10)
    engine.broken = None
    put(queue, request()).future.result(10)


def test_hold_waits_for_commits_and_starts_no_other(queue: Queue, engine: Engine) -> None:
    first = put(queue, request())
    engine.wait_for_start()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with queue.hold():
            held.set()
            assert done.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    assert not held.wait(0.1)
    engine.gate.set()
    assert held.wait(10)
    assert first.future.done()
    second, third = put(queue, request()), put(queue, request("other"))
    time.sleep(0.05)
    assert not second.future.done()
    done.set()
    holder.join(10)
    assert second.future.result(10).successful_rows == 1
    assert third.future.result(10).successful_rows == 1


def test_close_finishes_what_was_taken(engine: Engine) -> None:
    queue = Queue(engine.commit, 1, 1000, 1000, 1)
    waiting = [put(queue, request()) for _ in range(5)]
    engine.gate.set()
    queue.close()
    assert all(one.future.done() for one in waiting)
    with pytest.raises(Unavailable, match="shutting down"):
        queue.reserve(1)
