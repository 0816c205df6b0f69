"""How close ingestion comes to the engine underneath: `python bench/ingest.py [--stream MILLIONS]`.

Everything is measured in one run, the engine alone and birdhouse in turns, and what counts is the
ratio: the rates themselves drift with the machine, and with other work on it the ratio of times
does, too, while that of CPU time stays. Nothing goes over HTTP.
"""

from __future__ import annotations

import asyncio
import json
import random
import resource
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from birdhouse.engine import Engine, quote_name, quote_text
from birdhouse.ingest import Ingestion, Landing, Receipt
from birdhouse.workspace.resources import Column, DataSource

ROWS = 40_000
ROUNDS = 15
CLIENTS = 64
SECONDS = 4.0

LOW = "LowCardinality(String)"
TYPES = {
    "event_id": "String",
    "event_type": LOW,
    "user_id": "String",
    "session_id": "String",
    "timestamp": "DateTime",
    "platform": LOW,
    "app_version": LOW,
    "device_type": LOW,
    "os": LOW,
    "country": LOW,
    "properties": "String",
}
EVENTS = DataSource(
    id="events",
    name="events",
    table="events",
    columns=tuple(Column(name, type_, f"$.{name}") for name, type_ in TYPES.items()),
)
STRUCTURE = ", ".join(f"{quote_name(name)} {type_}" for name, type_ in TYPES.items())


def event(number: int, random_: random.Random, shape: str = "plain") -> bytes:
    """An event as the tutorials send it, some 300 bytes, or in another shape."""
    row: dict[str, object] = {
        "event_id": f"ev_{number}",
        "event_type": random_.choice(["page_view", "click", "signup", "purchase"]),
        "user_id": f"user_{random_.randrange(10_000)}",
        "session_id": f"sess_{random_.randrange(50_000)}",
        "timestamp": f"2025-05-{random_.randint(1, 28):02d} {random_.randrange(24):02d}:"
        f"{random_.randrange(60):02d}:{random_.randrange(60):02d}",
        "platform": random_.choice(["android", "ios", "web"]),
        "app_version": random_.choice(["3.5.4", "3.5.5", "3.6.0"]),
        "device_type": random_.choice(["phone", "tablet", "desktop"]),
        "os": random_.choice(["Windows", "macOS", "Linux", "iOS", "Android"]),
        "country": random_.choice(["FR", "ES", "US", "DE", "BR"]),
        "properties": json.dumps({"referrer": "twitter", "value": number}),
    }
    if shape == "objects":
        row["timestamp"] = 1_746_057_600 + number
        row["properties"] = {"referrer": "twitter", "value": number}
    elif shape == "nested":
        row["user"] = {"id": row.pop("user_id")}
    return json.dumps(row).encode()


def create(engine: Engine, table: str, shape: str = "plain") -> Landing:
    columns = EVENTS.columns
    if shape == "nested":
        columns = tuple(
            Column(c.name, c.type, "$.user.id") if c.name == "user_id" else c for c in columns
        )
    datasource = DataSource(id=table, name=table, table=table, columns=columns)
    engine.execute(
        f"CREATE TABLE ws_bench.{table} ({STRUCTURE}) ENGINE = MergeTree "
        "PARTITION BY toYYYYMM(timestamp) ORDER BY (timestamp, event_type, user_id)"
    )
    fields = ", ".join(f"{quote_name(c.name)} {c.type}" for c in datasource.quarantine_columns)
    engine.execute(
        f"CREATE TABLE ws_bench.{datasource.quarantine} ({fields}) "
        "ENGINE = MergeTree ORDER BY insertion_date"
    )
    return Landing("ws_bench", datasource)


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bulk(engine: Engine, ingestion: Ingestion, folder: Path, shape: str) -> None:
    """Bodies of 10 MB: the engine reads them from a file, birdhouse takes them from a client.

    `plain` rows; `objects`: an object for a String and seconds for a DateTime; `nested`: one
    column's path has two steps.
    """
    random_ = random.Random(1)
    body = b"\n".join(event(number, random_, shape) for number in range(ROWS))
    with_bad_row = body + b'\n{"event_id": "bad"}'
    file = folder / "body.ndjson"
    file.write_bytes(body)
    landing, plain = create(engine, f"bulk_{shape}", shape), create(engine, f"engine_{shape}")
    names = picked = ", ".join(map(quote_name, TYPES))
    structure = STRUCTURE
    if shape == "nested":
        picked = picked.replace("user_id", "user`.`id")
        structure = structure.replace("`user_id` String", "`user` Tuple(id String)")
    insert = (
        f"INSERT INTO ws_bench.{plain.datasource.table} ({names}) SELECT {picked} "
        f"FROM file({quote_text(str(file))}, 'JSONEachRow', {quote_text(structure)})"
    )

    def clients(count: int) -> None:
        def send() -> None:
            ingestion.append(landing, body).result()

        threads = [threading.Thread(target=send) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    ways: dict[str, tuple[int, Callable[[], object]]] = {
        "engine, INSERT SELECT FROM file()": (1, lambda: engine.execute(insert)),
        "birdhouse, 1 client": (1, lambda: ingestion.append(landing, body).result()),
        "birdhouse, 1 client, a bad row": (
            1,
            lambda: ingestion.append(landing, with_bad_row).result(),
        ),
        "birdhouse, 4 clients": (4, lambda: clients(4)),
    }
    times: dict[str, list[float]] = {way: [] for way in ways}
    cores: dict[str, list[float]] = {way: [] for way in ways}
    for round_ in range(ROUNDS + 2):
        for way, (count, work) in ways.items():
            cpu = time.process_time()
            spent = timed(work) / count
            if round_ >= 2:
                times[way].append(spent)
                cores[way].append((time.process_time() - cpu) / count)
        for table in (landing, plain):
            engine.execute(f"TRUNCATE TABLE ws_bench.{table.datasource.table} SYNC")
    print(f"\nBodies of {len(body) / 1e6:.1f} MB, {ROWS} rows x {len(TYPES)} columns, {shape}")
    engine_way = "engine, INSERT SELECT FROM file()"
    base, work_of_engine = (statistics.median(each[engine_way]) for each in (times, cores))
    for way, seconds in times.items():
        middle, spent = statistics.median(seconds), statistics.median(cores[way])
        print(
            f"  {way:36} {middle * 1e3:7.1f} ms {len(body) / 1e6 / middle:7.1f} MB/s "
            f"{ROWS / middle / 1e3:7.0f} krows/s {base / middle:7.0%}"
            f"  {spent * 1e3:7.1f} ms CPU {work_of_engine / spent:7.0%}"
        )


def small(engine: Engine, ingestion: Ingestion) -> None:
    """Single events from many clients, and the same with an insert for each of them."""
    random_ = random.Random(2)
    bodies = [event(number, random_) for number in range(1000)]
    landing, plain = create(engine, "small"), create(engine, "one_by_one")
    names = ", ".join(map(quote_name, TYPES))
    table = f"ws_bench.{plain.datasource.table}"

    def insert_one(number: int) -> None:
        row = bodies[number % len(bodies)].decode()
        engine.execute(
            f"INSERT INTO {table} ({names}) SETTINGS deduplicate_insert = 'disable' "
            f"FORMAT JSONEachRow {row}"
        )

    def append_one(number: int) -> Future[Receipt]:
        return ingestion.append(landing, bodies[number % len(bodies)])

    print(f"\nSingle events, {SECONDS:.0f} s each")
    rates = {}
    for way, clients in (
        ("one insert a request", CLIENTS),
        ("one insert a request", 1),
        ("birdhouse", 1),
        ("birdhouse", CLIENTS),
    ):
        if way == "birdhouse":
            latencies = asyncio.run(load_loop(clients, append_one))
        else:
            latencies = load(clients, insert_one)
        rates[way, clients] = rate = len(latencies) / SECONDS
        latencies.sort()
        p50, p99 = (latencies[int(len(latencies) * part)] * 1e3 for part in (0.5, 0.99))
        print(
            f"  {way:24} {clients:3} clients {rate:8.0f} /s  p50 {p50:6.1f} ms  p99 {p99:6.1f} ms"
            f"{rate / rates['one insert a request', CLIENTS]:8.1f} x"
        )
    for each in (landing, plain):
        engine.execute(f"TRUNCATE TABLE ws_bench.{each.datasource.table} SYNC")


def load(clients: int, work: Callable[[int], None]) -> list[float]:
    """The seconds that each call took while so many clients called without pause."""
    latencies: list[float] = []
    end = time.perf_counter() + SECONDS

    def run(client: int) -> None:
        number = client
        while (start := time.perf_counter()) < end:
            work(number)
            number += clients
            latencies.append(time.perf_counter() - start)

    threads = [threading.Thread(target=run, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return latencies


async def load_loop(clients: int, work: Callable[[int], Future[Receipt]]) -> list[float]:
    """The same with clients on an event loop, as the HTTP server has them."""
    latencies: list[float] = []
    end = time.perf_counter() + SECONDS

    async def run(client: int) -> None:
        number = client
        while (start := time.perf_counter()) < end:
            await asyncio.wrap_future(work(number))
            number += clients
            latencies.append(time.perf_counter() - start)

    await asyncio.gather(*map(run, range(clients)))
    return latencies


def stream(engine: Engine, ingestion: Ingestion, millions: int) -> None:
    """Resident memory while events stream in, in bodies of 10 MB from two clients."""
    random_ = random.Random(3)
    bodies = [b"\n".join(event(number, random_) for number in range(ROWS)) for _ in range(4)]
    landing = create(engine, "stream")
    left = threading.Semaphore(millions * 1_000_000 // ROWS)

    def run(client: int) -> None:
        number = client
        while left.acquire(blocking=False):
            ingestion.append(landing, bodies[number % len(bodies)]).result()
            number += 1

    threads = [threading.Thread(target=run, args=(client,)) for client in range(2)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    print(f"\n{millions} M events\n  {'s':>5} {'M rows':>7} {'RSS MB':>7}")
    while any(thread.is_alive() for thread in threads):
        time.sleep(2)
        rows = engine.query("SELECT count() FROM ws_bench.stream", "TSV").text().strip()
        seconds = time.perf_counter() - start
        print(f"  {seconds:5.0f} {int(rows) / 1e6:7.2f} {resident_mb():7.0f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  peak {peak:.0f} MB")


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="birdhouse-bench-") as name:
        folder = Path(name)
        engine = Engine(folder / "clickhouse")
        engine.execute("CREATE DATABASE ws_bench ENGINE = Atomic")
        ingestion = Ingestion(engine, folder / "ingest")
        if "--stream" in sys.argv:
            stream(engine, ingestion, int(sys.argv[sys.argv.index("--stream") + 1]))
        else:
            for shape in ("plain", "objects", "nested"):
                bulk(engine, ingestion, folder, shape)
            small(engine, ingestion)
        ingestion.close()
        engine.close()


if __name__ == "__main__":
    main()
