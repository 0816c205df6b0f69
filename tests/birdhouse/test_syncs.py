"""Objects of buckets, into data sources: each once, whatever happens, in every format."""

from __future__ import annotations

import gzip
import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.server import Server, Workspace, running
from tests.storage import CONNECTION, KEYS, TestBucket, storage

from birdhouse.engine import Engine

ROUNDS = int(os.environ.get("BIRDHOUSE_CRASH_ROUNDS", "1"))
BIG = 100_000


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with storage() as address:
        yield address


@pytest.fixture(scope="module", autouse=True)
def endpoint(address: str) -> Iterator[None]:
    """Where every birdhouse of these tests finds its buckets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", address)
        yield


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, endpoint: None) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("syncs") / "data", "serve") as server:
        yield server


@pytest.fixture
def bucket(address: str) -> Iterator[TestBucket]:
    bucket = TestBucket(address)
    yield bucket
    bucket.close()


def things(bucket: TestBucket, pattern: str, *more: str, schedule: str = "@on-demand") -> str:
    return "\n".join(
        [
            "SCHEMA >\n    `n` Int32 `json:$.n`\n",
            "ENGINE MergeTree",
            "ENGINE_SORTING_KEY n",
            "",
            "IMPORT_CONNECTION_NAME storage",
            f"IMPORT_BUCKET_URI s3://{bucket.name}/{pattern}",
            f"IMPORT_SCHEDULE {schedule}",
            *more,
        ]
    )


def build(workspace: Workspace, text: str) -> None:
    for name, value in KEYS.items():
        workspace.http.post("/v0/variables", data={"name": name, "value": value})
    workspace.build({"things.datasource": text, "storage.connection": CONNECTION})


def until(found: Any, within: float = 30.0) -> None:
    end = time.monotonic() + within
    while not found():
        assert time.monotonic() < end, "nothing came of it"
        time.sleep(0.05)


def job(workspace: Workspace, id: str) -> dict[str, Any]:
    found: dict[str, Any] = workspace.http.get(f"/v0/jobs/{id}").json()
    return found


def sync(workspace: Workspace, path: str = "scheduling/runs", **body: int) -> dict[str, Any]:
    """The job of a sync, when it has ended."""
    started = workspace.http.post(f"/v0/datasources/things/{path}", content=json.dumps(body))
    assert started.status_code == 200, started.text
    id = started.json()["job_id"]
    until(lambda: job(workspace, id)["status"] in ("done", "error"))
    return job(workspace, id)


def numbers(workspace: Workspace) -> Counter[int]:
    found = workspace.rows("SELECT n, count() AS times FROM things GROUP BY n FORMAT JSON")
    return Counter({row["n"]: int(row["times"]) for row in found})


def once(*values: int) -> Counter[int]:
    return Counter(dict.fromkeys(values, 1))


def lines(*values: int) -> str:
    return "".join(f'{{"n": {n}}}\n' for n in values)


def parquet(n: int, folder: Path, address: str, bucket: TestBucket) -> None:
    """Put a Parquet file that the engine itself writes through its own S3 functions."""
    engine = Engine(folder)
    try:
        place = f"'{address}/{bucket.name}/in/{n}.parquet', '{KEYS['access_key']}'"
        engine.execute(
            f"INSERT INTO FUNCTION s3({place}, '{KEYS['secret_key']}', 'Parquet') "
            f"SELECT toInt32({n}) AS n"
        )
    finally:
        engine.close()


def test_every_format_is_imported_once(
    workspace: Workspace, bucket: TestBucket, address: str, tmp_path: Path
) -> None:
    bucket.put("in/a.csv", "n\n1\n2\n")
    bucket.put("in/a.ndjson.gz", gzip.compress(lines(3, 4).encode()))
    bucket.put("in/b.jsonl", lines(5))
    parquet(6, tmp_path / "engine", address, bucket)
    bucket.put("in/below/c.ndjson", lines(7))
    bucket.put("out/d.ndjson", lines(8))
    build(workspace, things(bucket, "in/*"))
    assert numbers(workspace) == once()
    done = sync(workspace)
    assert (done["status"], done["rows"]) == ("done", 6)
    assert done["files"] == ["in/6.parquet", "in/a.csv", "in/a.ndjson.gz", "in/b.jsonl"]
    assert numbers(workspace) == once(1, 2, 3, 4, 5, 6)
    bucket.put("in/later.ndjson", lines(9, 10) + '{"n": "x"}\n')
    again = sync(workspace)
    assert (again["files"], again["quarantine_rows"]) == (["in/later.ndjson"], 1)
    assert sync(workspace)["files"] == []
    assert numbers(workspace) == once(1, 2, 3, 4, 5, 6, 9, 10)
    bucket.put("in/b.jsonl", lines(11))
    assert sync(workspace)["files"] == ["in/b.jsonl"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("in/a.ndjson", {1}),
        ("in/?.ndjson", {1, 2}),
        ("in/*.ndjson", {1, 2, 3}),
        ("in/{a,cc}.ndjson", {1, 3}),
        ("in/[b-d].ndjson", {2}),
        ("in/**", {1, 2, 3, 4}),
        ("in/", {1, 2, 3, 4}),
        ("*/*/*.ndjson", {4}),
    ],
)
def test_a_pattern_chooses(
    workspace: Workspace, bucket: TestBucket, pattern: str, found: set[int]
) -> None:
    for n, key in enumerate(["in/a", "in/b", "in/cc", "in/below/d"], 1):
        bucket.put(f"{key}.ndjson", lines(n))
    build(workspace, things(bucket, pattern))
    sync(workspace)
    assert numbers(workspace).keys() == found


def test_auto_imports_what_there_is_and_what_comes(bucket: TestBucket, tmp_path: Path) -> None:
    bucket.put("a.ndjson", lines(1))
    with running(tmp_path / "data", "serve") as server:
        known = server.workspace()
        with known.http:
            build(known, things(bucket, "*", schedule="@auto"))
            until(lambda: numbers(known) == once(1))
            paused = known.http.put(
                "/v0/datasources/things/scheduling/state", content='{"state": "paused"}'
            )
            assert paused.json() == {"state": "paused"}
    bucket.put("b.ndjson", lines(2))
    with running(tmp_path / "data", "serve") as server:
        workspace = Workspace(server, known.name, known.id, known.token)
        with workspace.http:
            assert numbers(workspace) == once(1)
            path = "/v0/datasources/things/scheduling/state"
            assert workspace.http.get(path).json() == {"state": "paused"}
            workspace.http.put(path, content='{"state": "running"}')
            until(lambda: numbers(workspace) == once(1, 2))


def test_a_sample_is_some_of_it(workspace: Workspace, bucket: TestBucket) -> None:
    for n in range(4):
        bucket.put(f"{n}.ndjson", lines(n))
    build(workspace, things(bucket, "*"))
    assert sync(workspace, "sample", max_files=3)["files"] == ["0.ndjson", "1.ndjson", "2.ndjson"]
    assert sync(workspace)["files"] == ["3.ndjson"]
    assert numbers(workspace) == once(*range(4))


def test_old_objects_are_left_out(workspace: Workspace, bucket: TestBucket) -> None:
    bucket.put("a.ndjson", lines(1))
    build(workspace, things(bucket, "*", "IMPORT_FROM_TIMESTAMP 2100-01-01T00:00:00Z"))
    assert sync(workspace)["files"] == []


def test_an_object_that_fails_takes_no_other_with_it(
    workspace: Workspace, bucket: TestBucket
) -> None:
    bucket.put("a.xlsx", b"?")
    bucket.put("b.ndjson", lines(1))
    build(workspace, things(bucket, "*"))
    done = sync(workspace)
    assert (done["status"], done["files"]) == ("error", ["b.ndjson"])
    assert "a.xlsx: '.xlsx' is no format that is read here" in done["error"]


def test_a_bucket_that_refuses_fails_the_job(workspace: Workspace, bucket: TestBucket) -> None:
    text = things(bucket, "*").replace(bucket.name, f"{bucket.name}-none")
    build(workspace, text)
    done = sync(workspace)
    assert done["status"] == "error"
    assert f"The bucket '{bucket.name}-none' refuses" in done["error"]


@contextmanager
def started(data_dir: Path, known: Workspace | None) -> Iterator[Workspace]:
    with running(data_dir, "serve") as server:
        made = known or server.workspace()
        workspace = Workspace(server, made.name, made.id, made.token)
        with workspace.http:
            yield workspace


def test_kills_import_each_object_once(bucket: TestBucket, tmp_path: Path) -> None:
    random_ = random.Random()
    for n in range(4):
        bucket.put(f"{n}.ndjson", lines(*range(n * BIG, (n + 1) * BIG)))
    known: Workspace | None = None
    for round_ in range(ROUNDS + 1):
        with started(tmp_path / "data", known) as workspace:
            if known is None:
                build(workspace, things(bucket, "*"))
            known = workspace
            if round_ < ROUNDS:
                workspace.http.post("/v0/datasources/things/scheduling/runs")
                time.sleep(random_.uniform(0.1, 1.5))
                workspace.server.kill()
            else:
                assert sync(workspace)["status"] == "done"
                found = workspace.rows(
                    "SELECT count() AS c, uniqExact(n) AS u, max(n) AS m FROM things FORMAT JSON"
                )
                assert found == [{"c": 4 * BIG, "u": 4 * BIG, "m": 4 * BIG - 1}]


def test_a_sink_runs_on_schedule_and_leaves_a_record(
    workspace: Workspace, bucket: TestBucket, tmp_path: Path, address: str
) -> None:
    sink = (
        "NODE rows\nSQL >\n    SELECT n FROM things ORDER BY n\n\nTYPE sink\n"
        f"EXPORT_CONNECTION_NAME storage\nEXPORT_BUCKET_URI s3://{bucket.name}/out\n"
        'EXPORT_FILE_TEMPLATE all\nEXPORT_FORMAT parquet\nEXPORT_SCHEDULE "* * * * * *"\n'
        "EXPORT_WRITE_STRATEGY @replace\n"
    )
    build(workspace, things(bucket, "*"))
    workspace.send("things", lines(1, 2))
    workspace.build(
        {
            "things.datasource": things(bucket, "*"),
            "storage.connection": CONNECTION,
            "keep.pipe": sink,
        }
    )
    until(lambda: "out/all.parquet" in bucket.files())
    engine = Engine(tmp_path / "engine")
    try:
        place = f"'{address}/{bucket.name}/out/all.parquet', '{KEYS['access_key']}'"
        found = engine.execute(
            f"SELECT sum(n) FROM s3({place}, '{KEYS['secret_key']}', 'Parquet')", fmt="TSV"
        )
        assert found.text().strip() == "3"
    finally:
        engine.close()
    sql = (
        "SELECT result, written_rows, output FROM tinybird.sinks_ops_log "
        "WHERE pipe_name = 'keep' LIMIT 1 FORMAT JSON"
    )
    until(lambda: workspace.rows(sql) == [{"result": "ok", "written_rows": 2, "output": 1}])
    workspace.build({"things.datasource": things(bucket, "*"), "storage.connection": CONNECTION})
