"""A writer to be killed: `python -m tests.birdhouse.ingest.crash FOLDER [--check | --once]`.

It opens the engine, finishes what the last kill interrupted, compares what is stored with what was
acknowledged, prints one line, and then appends until it is killed. With `--check` it stops there,
with `--once` it appends one request and dies before the request leaves the journal.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import sys
import threading
from collections import Counter
from pathlib import Path

from birdhouse.engine import Engine, quote_name
from birdhouse.errors import BirdhouseError
from birdhouse.ingest import Ingestion, Landing
from birdhouse.ingest.journal import Journal
from birdhouse.workspace.resources import Column, DataSource

DATABASE = "ws_crash"
THREADS = 6

EVENTS = DataSource(
    id="events",
    name="events",
    table="events",
    columns=(
        Column("request", "String", "$.request"),
        Column("id", "UInt64", "$.id"),
        Column("day", "Date", "$.day"),
        Column("text", "String", "$.text"),
    ),
)

SCHEMA = [
    f"CREATE DATABASE {DATABASE} ENGINE = Atomic",
    """CREATE TABLE ws_crash.events (request String, id UInt64, day Date, text String)
       ENGINE = MergeTree PARTITION BY toYYYYMM(day) ORDER BY id""",
    f"CREATE TABLE ws_crash.{EVENTS.quarantine} ("
    + ", ".join(f"{quote_name(c.name)} {c.type}" for c in EVENTS.quarantine_columns)
    + ") ENGINE = MergeTree ORDER BY insertion_date",
    # A view that copies, one that aggregates, one behind that, and one that is mostly empty.
    """CREATE TABLE ws_crash.copied (request String, id UInt64) ENGINE = MergeTree
       PARTITION BY id % 3 ORDER BY id""",
    """CREATE TABLE ws_crash.requests (request String, rows UInt64)
       ENGINE = SummingMergeTree ORDER BY request""",
    """CREATE TABLE ws_crash.total (one UInt8, rows SimpleAggregateFunction(sum, UInt64))
       ENGINE = AggregatingMergeTree ORDER BY one""",
    "CREATE TABLE ws_crash.rare (id UInt64) ENGINE = MergeTree ORDER BY id",
    """CREATE MATERIALIZED VIEW ws_crash.to_copied TO ws_crash.copied
       AS SELECT request, id FROM ws_crash.events""",
    """CREATE MATERIALIZED VIEW ws_crash.to_requests TO ws_crash.requests
       AS SELECT request, count() AS rows FROM ws_crash.events GROUP BY request""",
    """CREATE MATERIALIZED VIEW ws_crash.to_total TO ws_crash.total
       AS SELECT 1 AS one, sum(rows) AS rows FROM ws_crash.requests GROUP BY one""",
    """CREATE MATERIALIZED VIEW ws_crash.to_rare TO ws_crash.rare
       AS SELECT id FROM ws_crash.events WHERE id % 100 = 0""",
]


def rows_of(number: int, process: str, random_: random.Random) -> list[str]:
    """The lines of a request: some good, some bad, over several partitions."""
    size = random_.choice([1, 1, 1, 2, 5, 20, 3000])
    request = f"{process}-{number}"
    lines = []
    for place in range(size):
        row = {
            "request": request,
            "id": random_.getrandbits(60),
            "day": f"2025-{random_.randint(1, 4):02d}-01",
            "text": "x" * random_.choice([0, 10, 100]),
        }
        if random_.random() < 0.02 or (place and random_.random() < 0.01):
            row["id"] = -1
        lines.append(json.dumps(row))
    return lines


class Log:
    """Lines that are on disk when `write` returns, as far as a killed process is concerned."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def write(self, line: str) -> None:
        os.write(self._file, line.encode() + b"\n")


def counted(engine: Engine, sql: str) -> Counter[str]:
    rows = json.loads(engine.query(sql, "JSONCompact").text())["data"]
    return Counter({str(key): int(count) for key, count in rows})


def compare(engine: Engine, folder: Path) -> list[str]:
    """What is wrong: between promised and stored, and between the table and its views."""
    sent: dict[str, tuple[int, int]] = {}
    acknowledged: dict[str, tuple[int, int]] = {}
    for file, known in (("sent", sent), ("acknowledged", acknowledged)):
        path = folder / file
        for line in path.read_text().splitlines() if path.exists() else []:
            name, *counts = line.split()
            known[name] = (int(counts[0]), int(counts[1]))
    stored = counted(engine, "SELECT request, count() FROM ws_crash.events GROUP BY request")
    quarantine = f"{DATABASE}.{EVENTS.quarantine}"
    rejected = counted(engine, f"SELECT request, count() FROM {quarantine} GROUP BY request")
    wrong = []
    for request, (good, bad) in sent.items():
        found = (stored[request], rejected[request])
        whole, nothing = found == (good, bad), found == (0, 0)
        if not whole and (request in acknowledged or not nothing):
            wrong.append(f"{request}: sent {good}+{bad}, stored {found[0]}+{found[1]}")
    unknown = (stored.keys() | rejected.keys()) - sent.keys()
    wrong += [f"{request}: never sent" for request in unknown]
    views = {
        "copied": "SELECT request, count() FROM ws_crash.copied GROUP BY request",
        "requests": "SELECT request, sum(rows) FROM ws_crash.requests GROUP BY request",
    }
    for view, sql in views.items():
        in_view = counted(engine, sql)
        if in_view != stored:
            more, less = in_view - stored, stored - in_view
            wrong.append(f"{view}: {sum(more.values())} too many, {sum(less.values())} missing")
    total = counted(engine, "SELECT 1, sum(rows) FROM ws_crash.total")
    if total["1"] != sum(stored.values()):
        wrong.append(f"total: {total['1']} instead of {sum(stored.values())}")
    rare = counted(engine, "SELECT 1, count() FROM ws_crash.rare")["1"]
    expected = counted(engine, "SELECT 1, count() FROM ws_crash.events WHERE id % 100 = 0")["1"]
    if rare != expected:
        wrong.append(f"rare: {rare} instead of {expected}")
    return wrong


def append_forever(ingestion: Ingestion, folder: Path, seed: int) -> None:
    landing = Landing(DATABASE, EVENTS)
    sent, acknowledged = Log(folder / "sent"), Log(folder / "acknowledged")
    process = f"{seed:08x}"
    numbers = itertools.count()

    def work(seed: int) -> None:
        random_ = random.Random(seed)
        while True:
            number = next(numbers)
            lines = rows_of(number, process, random_)
            bad = sum('"id": -1' in line for line in lines)
            counts = f"{process}-{number} {len(lines) - bad} {bad}"
            sent.write(counts)
            try:
                receipt = ingestion.append(landing, "\n".join(lines).encode()).result()
            except BirdhouseError as error:
                print("refused:", error, flush=True)
                os._exit(3)
            if (receipt.successful_rows, receipt.quarantined_rows) != (len(lines) - bad, bad):
                print("wrong receipt:", receipt, flush=True)
                os._exit(3)
            acknowledged.write(counts)

    for offset in range(THREADS):
        threading.Thread(target=work, args=(seed + offset,), daemon=True).start()
    threading.Event().wait()


def append_once(engine: Engine, ingestion: Ingestion, folder: Path) -> None:
    """Die when all is stored and nobody knows; print the folder of the table."""
    Log(folder / "sent").write("once 2 1")
    Log(folder / "acknowledged").write("once 2 1")
    rows = [
        {"request": "once", "id": id, "day": f"2025-0{month}-01", "text": ""}
        for id, month in ((1, 1), (2, 2), (-1, 1))
    ]
    Journal.remove = die  # type: ignore[method-assign, assignment]
    table = f"database = '{DATABASE}' AND name = '{EVENTS.table}'"
    paths = engine.query(f"SELECT data_paths[1] FROM system.tables WHERE {table}", "TSV").text()
    print(paths.strip(), flush=True)
    body = "\n".join(map(json.dumps, rows)).encode()
    ingestion.append(Landing(DATABASE, EVENTS), body).result()


def die(*arguments: object) -> None:
    os._exit(9)


def main(folder: Path, mode: str) -> None:
    engine = Engine(folder / "clickhouse")
    if DATABASE not in engine.query("SHOW DATABASES", "TSV").text().split():
        for sql in SCHEMA:
            engine.execute(sql)
    ingestion = Ingestion(engine, folder / "ingest")
    replayed = ingestion.replay()
    wrong = compare(engine, folder)
    left = sorted(path.name for path in (folder / "ingest").iterdir() if path.is_file())
    if left:
        wrong.append(f"left in the journal: {left}")
    print(json.dumps({"replayed": replayed, "wrong": wrong}), flush=True)
    if mode == "--once":
        append_once(engine, ingestion, folder)
    if mode == "--check" or wrong:
        ingestion.close()
        engine.close()
        sys.exit(1 if wrong else 0)
    append_forever(ingestion, folder, random.SystemRandom().getrandbits(31))


if __name__ == "__main__":
    main(Path(sys.argv[1]), "".join(sys.argv[2:]))
