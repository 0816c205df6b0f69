"""What an engine finds in a snapshot of another one's folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.birdhouse.operations.command import python

MAKE = """
import sys
from pathlib import Path
from birdhouse.engine import Engine, snapshot

folder = Path(sys.argv[1])
engine = Engine(folder / "original" / "clickhouse")
run = engine.execute
run("CREATE DATABASE ws_a ENGINE = Atomic")
columns = "(id UInt32, text String)"
run(f"CREATE TABLE ws_a.t {columns} ENGINE = MergeTree ORDER BY id PARTITION BY id % 3")
run("CREATE TABLE ws_a.counts (n AggregateFunction(count)) ENGINE = MergeTree ORDER BY tuple()")
run("CREATE MATERIALIZED VIEW ws_a.v TO ws_a.counts AS SELECT countState() AS n FROM ws_a.t")
run(f"CREATE TABLE ws_a.j {columns} ENGINE = Join(ANY, LEFT, id)")
run("INSERT INTO ws_a.j VALUES (1, 'one')")
for number in range(20):
    rows = f"SELECT {number} + number * 20, 'x' FROM numbers(5)"
    run(f"INSERT INTO ws_a.t {rows}", settings={"insert_deduplication_token": f"token{number}"})
run("ALTER TABLE ws_a.t DELETE WHERE id = 7", settings={"mutations_sync": 2})
run("SYSTEM STOP MERGES ws_a.t")
run("ALTER TABLE ws_a.t UPDATE text = 'y' WHERE id = 8", settings={"mutations_sync": 0})
run("CREATE TABLE ws_a.gone (id UInt32) ENGINE = MergeTree ORDER BY id")
run("INSERT INTO ws_a.gone VALUES (1)")
run("DROP TABLE ws_a.gone")
snapshot(engine, folder / "copy")
run("INSERT INTO ws_a.t SELECT 1000, 'later'")
run("TRUNCATE TABLE ws_a.counts")
engine.close()
"""

LOOK = """
import json, shutil, sys
from pathlib import Path
from birdhouse.engine import Engine

folder = Path(sys.argv[1])
shutil.copytree(folder / "copy", folder / "restored" / "clickhouse")
engine = Engine(folder / "restored" / "clickhouse")
for statement in sys.argv[2:]:
    kind, _, _ = statement.partition(" ")
    if kind == "SELECT":
        print(json.dumps(json.loads(engine.execute(statement, fmt="JSONCompact").text())["data"]))
    else:
        token = {"insert_deduplication_token": "token3"}
        engine.execute(statement, settings={**token, "mutations_sync": 2})
engine.close()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("snapshot")
    python(MAKE, folder)
    return folder


def test_a_snapshot_is_a_data_folder(folder: Path) -> None:
    tables, rows, view, join, last = python(
        LOOK,
        folder,
        "SELECT name FROM system.tables WHERE database = 'ws_a' ORDER BY name",
        "SELECT count(), max(id) FROM ws_a.t",
        "SELECT countMerge(n) FROM ws_a.counts",
        "SELECT * FROM ws_a.j",
        # Inserted once before the snapshot: not again. Inserted anew: in the table and its view.
        "INSERT INTO ws_a.t SELECT 3 + number * 20, 'x' FROM numbers(5)",
        "ALTER TABLE ws_a.t DELETE WHERE 0",
        "SELECT (SELECT count() FROM ws_a.t), (SELECT countMerge(n) FROM ws_a.counts), "
        "(SELECT count() FROM ws_a.t WHERE text = 'y')",
    )
    assert tables == [["counts"], ["j"], ["t"], ["v"]]
    assert rows == [[99, 99]]
    assert view == [[100]]
    assert join == [[1, "one"]]
    assert last == [[99, 100, 1]]


def test_a_snapshot_shares_its_parts(folder: Path) -> None:
    files = (folder / "copy").rglob("checksums.txt")
    assert any(path.stat().st_nlink > 1 for path in files)


def test_a_snapshot_leaves_nothing_behind(folder: Path) -> None:
    shadow = folder / "original" / "clickhouse" / "shadow"
    assert [path.name for path in shadow.iterdir()] == ["increment.txt"]
