"""A large table is read on its share of the cores, a small one in the same order every time."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from birdhouse.engine import Engine
from birdhouse.query import Limits, Plan, format_named, run

CORES = os.cpu_count() or 1


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = Engine(tmp_path_factory.mktemp("threads") / "clickhouse")
    engine.execute("CREATE DATABASE ws_a ENGINE = Atomic")
    for table, rows in (("small", 10_000), ("large", 1_000_000)):
        engine.execute(f"CREATE TABLE ws_a.{table} (id UInt64) ENGINE = MergeTree ORDER BY id")
        engine.execute(f"INSERT INTO ws_a.{table} SELECT number FROM numbers({rows})")
    yield engine
    engine.close()


def threads(engine: Engine, table: str, **hints: int) -> int:
    """How many threads aggregate the rows of a table."""
    sql = f"EXPLAIN PIPELINE SELECT id % 7, count() FROM ws_a.{table} GROUP BY 1"
    plan = Plan(sql=sql, hints=hints, params={}, tables=frozenset({("ws_a", table)}))
    answer = run(engine, plan, format_named("TSV"), Limits())
    lines = answer.result.text().splitlines()
    transform = next(line.split() for line in lines if "AggregatingTransform" in line)
    return int(transform[-1]) if len(transform) > 1 else 1


def test_a_small_table_is_read_on_one_thread(engine: Engine) -> None:
    assert threads(engine, "small") == 1


def test_a_large_table_alone_is_read_on_every_core(engine: Engine) -> None:
    assert threads(engine, "large") == CORES


def test_beside_others_it_is_read_on_its_share_of_the_cores(engine: Engine) -> None:
    with engine._connection({}, ""):
        assert threads(engine, "large") == max(1, CORES // 2)
        assert threads(engine, "small") == 1
    assert threads(engine, "large") == CORES


def test_a_template_decides_for_itself(engine: Engine) -> None:
    assert threads(engine, "large", max_threads=1) == 1
    assert threads(engine, "large", max_threads=10_000) == CORES
