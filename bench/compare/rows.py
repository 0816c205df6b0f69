"""The rows of a comparison and the answers to them, made once: `python -m bench.compare.rows`.

Half of the rows are `events`, half are the same things as `user_sessions`. They are files of NDJSON
that the Events API takes whole. The same number of rows gives the same files.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from bench import traffic_sql
from bench.compare.truth import Event, Rows, Step, Totals, Truth
from bench.compare.work import QUESTIONS, Draw, Params, Tenant

FILE_SESSIONS = 2_500
"""20,000 rows, some 7 MB."""
CHECKS = 2
"""Sets of parameters for each question and tenant."""
SIZES = ("small", "middle", "largest")

Row = TypeVar("Row", Event, Step)


class Check(msgspec.Struct):
    """A question with its answer."""

    question: str
    tenant: str
    params: Params
    rows: Rows


class Work(msgspec.Struct):
    """What is known of the rows in a folder."""

    events: int
    """Rows of both tables together."""
    tenants: dict[str, Tenant]
    """One of each size."""
    checks: list[Check]


def prepare(folder: Path, events: int) -> None:
    """Write the rows and, at last, what is known of them."""
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder, events)
    work = describe(folder, events)
    (folder / "work.json").write_bytes(msgspec.json.encode(work))


def read(folder: Path) -> Work:
    return msgspec.json.decode((folder / "work.json").read_bytes(), type=Work)


def files(folder: Path, table: str) -> list[Path]:
    return sorted(folder.glob(f"{table}.*.ndjson"))


def write_rows(folder: Path, events: int) -> None:
    from birdhouse.engine import Engine  # not for those who only read

    total = max(1, events // 2 // traffic_sql.PER_SESSION)
    with tempfile.TemporaryDirectory() as scratch:
        engine = Engine(Path(scratch) / "clickhouse")
        for number, first in enumerate(range(0, total, FILE_SESSIONS)):
            count = min(FILE_SESSIONS, total - first)
            for table, select in (
                ("events", traffic_sql.events(first, count, total, "uuid")),
                ("user_sessions", traffic_sql.user_sessions(first, count, total)),
            ):
                file = folder / f"{table}.{number:05}.ndjson"
                file.unlink(missing_ok=True)
                engine.execute(
                    f"INSERT INTO FUNCTION file('{file}', 'JSONEachRow') SELECT * FROM ({select})"
                )
        engine.close()


def rows(folder: Path, table: str, type_: type[Row]) -> Iterator[Row]:
    decoder = msgspec.json.Decoder(type_)
    for file in files(folder, table):
        yield from decoder.decode_lines(file.read_bytes())


def describe(folder: Path, events: int) -> Work:
    totals = Totals()
    for step in rows(folder, "user_sessions", Step):
        totals.add(step)
    ranked = [name for name, _ in totals.events.most_common()]
    places = (len(ranked) // 2, len(ranked) // 20, 0)
    names = dict(zip(SIZES, (ranked[place] for place in places), strict=True))
    own_events: defaultdict[str, list[Event]] = defaultdict(list)
    own_steps: defaultdict[str, list[Step]] = defaultdict(list)
    for event in rows(folder, "events", Event):
        if event.tenant_id in names.values():
            own_events[event.tenant_id].append(event)
    for step in rows(folder, "user_sessions", Step):
        if step.tenant_id in names.values():
            own_steps[step.tenant_id].append(step)
    tenants, checks = {}, []
    for size, name in names.items():
        users = sorted({event.user_id for event in own_events[name]})[:2000]
        tenants[size] = Tenant(name, len(own_events[name]), users)
        truth, draw = Truth(own_events[name], own_steps[name]), Draw(tenants[size], seed=1)
        for question in QUESTIONS:
            for _ in range(CHECKS):
                params = draw(question)
                answer = (
                    totals.answer(params)
                    if question == "summary"
                    else truth.answer(question, params)
                )
                checks.append(Check(question, size, params, answer))
    return Work(events, tenants, checks)


if __name__ == "__main__":
    prepare(Path(sys.argv[1]), int(sys.argv[2]))
    print(json.dumps({"rows": int(sys.argv[2])}))
