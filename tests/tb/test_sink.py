"""`tb sink run`, to S3-compatible storage."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Iterator

import pytest
from tests.server import Server, Workspace, running
from tests.storage import CONNECTION, KEYS, TestBucket, storage
from tests.tb.cli import Cli
from tests.tb.projects import SMALL, write

pytestmark = pytest.mark.cli

BUCKET = f"exports-{uuid.uuid4().hex}"
SINK = (
    "NODE rows\nSQL >\n    %\n"
    "    select id, n, day from things where n >= {{{{Int32(at_least, 0)}}}} order by id\n\n"
    "TYPE sink\nEXPORT_CONNECTION_NAME exports\nEXPORT_SCHEDULE @on-demand\n"
    f"EXPORT_BUCKET_URI s3://{BUCKET}/daily\nEXPORT_FILE_TEMPLATE {{template}}\n{{more}}"
)
PIPES = {
    "whole": SINK.format(template="things", more="EXPORT_FORMAT csv\n"),
    "by_day": SINK.format(template="{day, '%Y'}/{id}", more="EXPORT_FORMAT ndjson\n"),
    "packed": SINK.format(
        template="packed", more="EXPORT_FORMAT ndjson\nEXPORT_COMPRESSION gzip\n"
    ),
    "columnar": SINK.format(template="columnar", more="EXPORT_FORMAT parquet\n"),
    "nowhere": SINK.format(template="x", more="EXPORT_FORMAT csv\n").replace(
        BUCKET, f"{BUCKET}-none"
    ),
}
FILES = {
    **SMALL,
    "connections/exports.connection": CONNECTION,
    **{f"sinks/{name}.pipe": text for name, text in PIPES.items()},
}


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with storage() as address:
        yield address


@pytest.fixture(scope="module")
def server(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A birdhouse that finds its buckets there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", address)
        with running(tmp_path_factory.mktemp("sinks") / "data", "serve") as server:
            yield server


@pytest.fixture
def bucket(address: str) -> Iterator[TestBucket]:
    """The bucket, empty."""
    bucket = TestBucket(address, BUCKET)
    yield bucket
    bucket.close()


@pytest.fixture
def sinks(cli: Cli, small: Workspace) -> Cli:
    """The CLI where the sink pipes are live."""
    for name, value in KEYS.items():
        small.http.post("/v0/variables", data={"name": name, "value": value})
    write(cli.folder, FILES)
    small.build(FILES)
    return cli


def test_ls_shows_the_sinks(sinks: Cli) -> None:
    printed = sinks("sink", "ls", "--match", "whole")
    assert "whole" in printed
    assert "take_snapshot" not in printed


def test_run_writes_a_file(sinks: Cli, bucket: TestBucket) -> None:
    assert "Data exported" in sinks("sink", "run", "whole", "--param", "at_least=2", "--wait")
    assert bucket.files() == {"daily/things.csv": b'"id","n","day"\n"b",2,"2024-02-01"\n'}
    sinks.lacks("sink run", "to S3-compatible storage alone")


def test_run_adds_a_file_or_replaces_it(sinks: Cli, bucket: TestBucket, small: Workspace) -> None:
    sinks("sink", "run", "whole", "--wait")
    sinks("sink", "run", "whole", "--wait", "--param", "at_least=2")
    added = bucket.files()
    assert sorted(len(body.splitlines()) for body in added.values()) == [2, 3]
    sinks("sink", "run", "whole", "--wait", "--param", "at_least=2", "--mode", "replace")
    replaced = bucket.files()
    assert replaced.keys() == added.keys()
    assert len(replaced["daily/things.csv"].splitlines()) == 2
    jobs = small.http.get("/v0/jobs?kind=sink").json()["jobs"]
    assert {file for job in jobs for file in job["files"]} == replaced.keys()


def test_run_writes_a_file_for_each_value(sinks: Cli, bucket: TestBucket) -> None:
    sinks("sink", "run", "by_day", "--wait")
    assert bucket.files() == {
        "daily/2024/a.ndjson": b'{"id":"a","n":1,"day":"2024-01-01"}\n',
        "daily/2024/b.ndjson": b'{"id":"b","n":2,"day":"2024-02-01"}\n',
    }


def test_run_compresses(sinks: Cli, bucket: TestBucket) -> None:
    sinks("sink", "run", "packed", "--wait")
    body = bucket.files()["daily/packed.ndjson.gz"]
    assert gzip.decompress(body).count(b"\n") == 2


def test_run_writes_parquet(sinks: Cli, bucket: TestBucket) -> None:
    sinks("sink", "run", "columnar", "--wait")
    assert bucket.files()["daily/columnar.parquet"].startswith(b"PAR1")


def test_a_bucket_that_is_none_fails_the_job(
    sinks: Cli, bucket: TestBucket, small: Workspace
) -> None:
    assert "NoSuchBucket" in sinks.fails("sink", "run", "nowhere", "--wait")
    (job,) = small.http.get("/v0/jobs?kind=sink&status=error").json()["jobs"]
    assert f"The bucket '{BUCKET}-none' refuses" in job["error"]
    assert bucket.files() == {}


@pytest.mark.parametrize(("pipe", "said"), [("nothing", "not found"), ("all_things", "no sink")])
def test_what_is_no_sink_is_refused(sinks: Cli, pipe: str, said: str) -> None:
    assert said.replace("no sink", "is not a sink pipe") in sinks.fails("sink", "run", pipe)
