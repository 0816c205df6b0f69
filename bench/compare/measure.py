"""The times of one system with so many rows."""

from __future__ import annotations

import asyncio
import itertools
import math
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
from bench.compare import rows
from bench.compare.client import Connection, connected, until
from bench.compare.process import Memory, processor_seconds, resident
from bench.compare.rows import Check, Work
from bench.compare.system import System
from bench.compare.truth import Rows
from bench.compare.work import (
    EVERYONE,
    LIVE_PERIOD,
    QUESTIONS,
    Draw,
    Tenant,
    asked_about,
    live_events,
)

CLIENTS = 16
WRITERS = 16
BATCHERS = 2
BATCH = 1000
READERS = 4


class Times(msgspec.Struct):
    """Calls, and milliseconds of them."""

    calls: int
    p50: float
    p95: float
    cpu: float = 0
    """Of all cores for one call; only with a client alone."""


class Crowd(msgspec.Struct):
    """Many clients that ask all questions in turns."""

    per_second: float
    p50: float
    p95: float
    questions: dict[str, Times]


class Arrival(msgspec.Struct):
    """Rows that arrive while others ask."""

    rows_per_second: float
    p50: float
    p99: float
    reads_per_second: float
    read_p95: float
    acknowledged: int
    stored: int


class Crash(msgspec.Struct):
    """Killed while rows arrive, and started again."""

    acknowledged: int
    stored: int
    restart_seconds: float


class Measured(msgspec.Struct):
    """Everything about one system with so many rows."""

    system: str
    label: str
    promise: str
    version: str
    events: int
    tenants: dict[str, int]
    """Rows of `events` that the tenant of each size has."""
    load_seconds: float
    settle_seconds: float
    bytes: int
    load_peak: int
    start_seconds: float
    rest: int
    read_peak: int
    checks: int
    wrong: list[str]
    alone: dict[str, dict[str, Times]]
    """Tenant size, then question."""
    crowds: dict[str, Crowd] = {}
    single: Arrival | None = None
    batches: Arrival | None = None
    write_peak: int = 0
    crash: Crash | None = None


class Pace(msgspec.Struct):
    """How long is looked at what."""

    alone: float
    """Seconds for each question."""
    fewest: int
    """Calls of each question, however long they take."""
    crowd: float
    """For each tenant, and for each way in which rows arrive."""


def milliseconds(took: list[float]) -> Times:
    ordered = sorted(took)
    return Times(len(ordered), statistics.median(ordered) * 1000, percentile(ordered, 0.95) * 1000)


def percentile(ordered: list[float], part: float) -> float:
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


async def measure(system: System, folder: Path, pace: Pace, whole: bool) -> Measured:
    """Load the rows of the folder and ask; with `whole`, in all ways that there are."""
    work = rows.read(folder)
    files = {table: rows.files(folder, table) for table in ("events", "user_sessions")}
    system.start()
    with Memory(system.roots) as loading:
        load_seconds = await timed(system.load(files))
        settle_seconds = await timed(system.settle())
    size = await system.size()
    system.stop()
    start_seconds = await timed(started(system, work))
    await asyncio.sleep(min(2.0, pace.crowd))
    found = Measured(
        system=system.name,
        label=system.label,
        promise=system.promise,
        version=system.version(),
        events=work.events,
        tenants={size: tenant.rows for size, tenant in work.tenants.items()},
        load_seconds=load_seconds,
        settle_seconds=settle_seconds,
        bytes=size,
        load_peak=loading.peak,
        start_seconds=start_seconds,
        rest=resident(system.roots()),
        read_peak=0,
        checks=len(work.checks),
        wrong=await wrong(system, work.checks),
        alone={},
    )
    with Memory(system.roots) as reading:
        for size_name in (*work.tenants, EVERYONE):
            found.alone[size_name] = await alone(system, work, size_name, pace)
        for size_name in (*work.tenants, EVERYONE) if whole else ():
            found.crowds[size_name] = await crowd(system, work, size_name, pace)
    found.read_peak = reading.peak
    if whole:
        numbered = live_events()
        with Memory(system.roots) as writing:
            found.single = await arrive(system, work, numbered, WRITERS, 1, pace)
            found.batches = await arrive(system, work, numbered, BATCHERS, BATCH, pace)
        found.write_peak = writing.peak
        found.crash = await crash(system, work, numbered, pace)
    system.stop()
    return found


def tenant(work: Work, size: str) -> Tenant:
    return work.tenants["largest" if size == EVERYONE else size]


async def timed(act: Awaitable[object]) -> float:
    began = time.perf_counter()
    await act
    return time.perf_counter() - began


async def started(system: System, work: Work) -> None:
    """Up, and its first answer read."""
    await asyncio.to_thread(system.start)
    check = work.checks[0]
    async with connected(system.port, system.headers) as connection:
        await connection.ask(system.question(check.question, check.params))


async def wrong(system: System, checks: list[Check]) -> list[str]:
    """The answers that are not what they have to be."""
    found = []
    async with connected(system.port, system.headers) as connection:
        for check in checks:
            body = await connection.ask(system.question(check.question, check.params))
            if not same(system.rows(check.question, body), check.rows):
                found.append(f"{check.question} {check.params}")
    return found


def same(given: Rows, wanted: Rows) -> bool:
    return len(given) == len(wanted) and all(
        len(one) == len(other) and all(map(equal, one, other))
        for one, other in zip(given, wanted, strict=True)
    )


def equal(given: object, wanted: object) -> bool:
    if isinstance(given, float | int) and isinstance(wanted, float | int):
        return math.isclose(given, wanted, rel_tol=1e-9)
    return given == wanted


async def alone(system: System, work: Work, size: str, pace: Pace) -> dict[str, Times]:
    """One client, question by question."""
    draw = Draw(tenant(work, size), seed=2)
    found = {}
    async with connected(system.port, system.headers) as connection:
        for question in asked_about(size):

            async def ask(question: str = question) -> None:
                await connection.ask(system.question(question, draw(question)))

            await ask()
            before = processor_seconds(system.roots())
            took = await until(time.perf_counter() + pace.alone, ask)
            for _ in range(pace.fewest - len(took)):
                took.append(await timed(ask()))
            found[question] = milliseconds(took)
            spent = processor_seconds(system.roots()) - before
            found[question].cpu = spent * 1000 / len(took)
    return found


async def crowd(system: System, work: Work, size: str, pace: Pace) -> Crowd:
    """All clients at once, each with the questions in turns."""
    names = asked_about(size)
    took: dict[str, list[float]] = {question: [] for question in QUESTIONS}
    began = time.perf_counter()
    async with connections(system, CLIENTS) as clients:
        end = began + pace.crowd
        await asyncio.gather(
            *(
                dashboard(system, client, Draw(tenant(work, size), 100 + n), names, n, end, took)
                for n, client in enumerate(clients)
            )
        )
    spent = time.perf_counter() - began
    every = sorted(itertools.chain(*took.values()))
    return Crowd(
        len(every) / spent,
        statistics.median(every) * 1000,
        percentile(every, 0.95) * 1000,
        {question: milliseconds(found) for question, found in took.items() if found},
    )


async def dashboard(
    system: System,
    client: Connection,
    draw: Draw,
    questions: list[str],
    first: int,
    end: float,
    took: dict[str, list[float]],
) -> None:
    """Ask one question after the other until that time."""
    names = itertools.islice(itertools.cycle(questions), first % len(questions), None)
    while (began := time.perf_counter()) < end:
        question = next(names)
        await client.ask(system.question(question, draw(question)))
        took[question].append(time.perf_counter() - began)


async def arrive(
    system: System, work: Work, events: Iterator[bytes], writers: int, batch: int, pace: Pace
) -> Arrival:
    """Rows arrive, so many in a request, while readers ask about the middle tenant."""
    before, names = await stored(system), asked_about("middle")
    reads: dict[str, list[float]] = {question: [] for question in QUESTIONS}
    async with connections(system, writers + READERS) as clients:
        began = time.perf_counter()
        end = began + pace.crowd

        async def write(client: Connection) -> list[float]:
            async def send() -> None:
                await client.ask(system.ingest(b"\n".join(itertools.islice(events, batch))))

            return await until(end, send)

        readers = [
            dashboard(system, client, Draw(work.tenants["middle"], 200 + n), names, n, end, reads)
            for n, client in enumerate(clients[writers:])
        ]
        took, _ = await asyncio.gather(
            asyncio.gather(*map(write, clients[:writers])), asyncio.gather(*readers)
        )
        spent = time.perf_counter() - began
    sent = sorted(itertools.chain(*took))
    read = sorted(itertools.chain(*reads.values()))
    return Arrival(
        len(sent) * batch / spent,
        statistics.median(sent) * 1000,
        percentile(sent, 0.99) * 1000,
        len(read) / spent,
        percentile(read, 0.95) * 1000,
        len(sent) * batch,
        await stored(system) - before,
    )


async def crash(system: System, work: Work, events: Iterator[bytes], pace: Pace) -> Crash:
    """Kill everything while rows arrive one by one; what was acknowledged has to be there."""
    before, acknowledged = await stored(system), 0

    async def write(client: Connection) -> None:
        nonlocal acknowledged
        while True:
            await client.ask(system.ingest(next(events)))
            acknowledged += 1

    async with connections(system, WRITERS) as clients:
        writing = asyncio.gather(*map(write, clients), return_exceptions=True)
        await asyncio.sleep(min(1.5, pace.crowd))
        await asyncio.to_thread(system.kill)
        for ended in await writing:
            if isinstance(ended, BaseException) and not isinstance(ended, OSError):
                raise ended
    restart = await timed(started(system, work))
    return Crash(acknowledged, await stored(system) - before, restart)


async def stored(system: System) -> int:
    """The rows that have arrived so far."""
    async with connected(system.port, system.headers) as connection:
        body = await connection.ask(system.question("stats", LIVE_PERIOD))
    return sum(row[1] for row in system.rows("stats", body))


@asynccontextmanager
async def connections(system: System, count: int) -> AsyncIterator[list[Connection]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(connected(system.port, system.headers))
            for _ in range(count)
        ]
