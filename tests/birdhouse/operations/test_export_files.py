"""The files of an export: how many, and that they show one moment."""

from __future__ import annotations

from pathlib import Path

from tests.birdhouse.operations.command import python

EXPORT = """
import io, json, sys, tarfile
from pathlib import Path
from birdhouse import export
from birdhouse.engine import Engine
from birdhouse.workspace.resources import Column, DataSource

folder = Path(sys.argv[1])
export._FILE_BYTES = 100_000
engine = Engine(folder / "clickhouse")
run = engine.execute
run("CREATE DATABASE ws_a ENGINE = Atomic")
run("CREATE TABLE ws_a.t (id UInt32, text String) ENGINE = MergeTree ORDER BY id")
rows = "SELECT number + {}, randomPrintableASCII(90) FROM numbers({})"
for first, count in ((0, 5000), (5000, 10), (5010, 10), (5020, 480)):
    run(f"INSERT INTO ws_a.t {rows.format(first, count)}")
columns = (Column("id", "UInt32"), Column("text", "String"))
datasource = DataSource(id="t", name="t", table="t", columns=columns, engine={"type": "MergeTree"})
pieces = export.export(engine, "ws_a", datasource)
content = next(pieces)
run("TRUNCATE TABLE ws_a.t")
run(f"INSERT INTO ws_a.t {rows.format(10_000, 5000)}")
content += b"".join(pieces)
with tarfile.open(fileobj=io.BytesIO(content)) as tar:
    tar.extractall(folder / "files")
found = f"SELECT count(), uniqExact(id), max(id) FROM file('{folder}/files/*.parquet', 'Parquet')"
print(json.dumps(json.loads(run(found, fmt="JSONCompact").text())["data"][0]))
sizes = f"SELECT _file, count() FROM file('{folder}/files/*.parquet') GROUP BY _file ORDER BY _file"
print(json.dumps(json.loads(run(sizes, fmt="JSONCompact").text())["data"]))
left = "SELECT count() FROM system.tables WHERE database = 'export'"
print(int(run(left, fmt="TSV").text()))
engine.close()
"""


def test_a_large_table_is_written_to_several_files_of_one_moment(tmp_path: Path) -> None:
    (count, distinct, last), sizes, left = python(EXPORT, tmp_path)
    assert (count, distinct, last) == (5500, 5500, 5499)
    assert [name for name, _ in sizes] == [f"t.{n:03d}.parquet" for n in range(len(sizes))]
    assert 5 <= len(sizes) <= 7
    assert left == 0
