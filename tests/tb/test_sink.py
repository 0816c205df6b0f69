"""`tb sink run`, to S3-compatible storage."""

from __future__ import annotations

import gzip
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import httpx
import pytest
from tests.server import Server, Workspace, running
from tests.tb.cli import Cli
from tests.tb.projects import SMALL, write

pytestmark = pytest.mark.cli

BUCKET = "exports"
CONNECTION = (
    'TYPE s3\nS3_REGION "us-east-1"\nS3_ACCESS_KEY {{ tb_secret("access_key") }}\n'
    'S3_SECRET {{ tb_secret("secret_key") }}\n'
)
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
    "nowhere": SINK.format(template="x", more="EXPORT_FORMAT csv\n").replace(BUCKET + "/", "none/"),
}
FILES = {
    **SMALL,
    "connections/exports.connection": CONNECTION,
    **{f"sinks/{name}.pipe": text for name, text in PIPES.items()},
}


@pytest.fixture(scope="module")
def storage() -> Iterator[str]:
    """The address of an S3-compatible storage."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [str(Path(sys.executable).with_name("moto_server")), "-p", str(port)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            assert any("Running on" in line for line in process.stderr)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def server(storage: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A birdhouse that finds its buckets there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", storage)
        with running(tmp_path_factory.mktemp("sinks") / "data", "serve") as server:
            yield server


@pytest.fixture
def bucket(storage: str) -> Iterator[Any]:
    """A client of the storage, with the bucket empty."""
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    client = boto3.client("s3", endpoint_url=storage, **keys)
    client.create_bucket(Bucket=BUCKET)
    yield client
    httpx.post(f"{storage}/moto-api/reset")
    client.close()


@pytest.fixture
def sinks(cli: Cli, small: Workspace) -> Cli:
    """The CLI where the sink pipes are live."""
    for name in ("access_key", "secret_key"):
        small.http.post("/v0/variables", data={"name": name, "value": "a"})
    write(cli.folder, FILES)
    small.build(FILES)
    return cli


def stored(bucket: Any) -> dict[str, bytes]:
    """The files of the bucket."""
    keys = [entry["Key"] for entry in bucket.list_objects_v2(Bucket=BUCKET).get("Contents", [])]
    return {key: bucket.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}


def test_ls_shows_the_sinks(sinks: Cli) -> None:
    printed = sinks("sink", "ls", "--match", "whole")
    assert "whole" in printed
    assert "take_snapshot" not in printed


def test_run_writes_a_file(sinks: Cli, bucket: Any) -> None:
    assert "Data exported" in sinks("sink", "run", "whole", "--param", "at_least=2", "--wait")
    assert stored(bucket) == {"daily/things.csv": b'"id","n","day"\n"b",2,"2024-02-01"\n'}
    sinks.lacks("sink run", "to S3-compatible storage alone, on demand alone")


def test_run_adds_a_file_or_replaces_it(sinks: Cli, bucket: Any, small: Workspace) -> None:
    sinks("sink", "run", "whole", "--wait")
    sinks("sink", "run", "whole", "--wait", "--param", "at_least=2")
    added = stored(bucket)
    assert sorted(len(body.splitlines()) for body in added.values()) == [2, 3]
    sinks("sink", "run", "whole", "--wait", "--param", "at_least=2", "--mode", "replace")
    replaced = stored(bucket)
    assert replaced.keys() == added.keys()
    assert len(replaced["daily/things.csv"].splitlines()) == 2
    jobs = small.http.get("/v0/jobs?kind=sink").json()["jobs"]
    assert {file for job in jobs for file in job["files"]} == replaced.keys()


def test_run_writes_a_file_for_each_value(sinks: Cli, bucket: Any) -> None:
    sinks("sink", "run", "by_day", "--wait")
    assert stored(bucket) == {
        "daily/2024/a.ndjson": b'{"id":"a","n":1,"day":"2024-01-01"}\n',
        "daily/2024/b.ndjson": b'{"id":"b","n":2,"day":"2024-02-01"}\n',
    }


def test_run_compresses(sinks: Cli, bucket: Any) -> None:
    sinks("sink", "run", "packed", "--wait")
    body = stored(bucket)["daily/packed.ndjson.gz"]
    assert gzip.decompress(body).count(b"\n") == 2


def test_run_writes_parquet(sinks: Cli, bucket: Any) -> None:
    sinks("sink", "run", "columnar", "--wait")
    assert stored(bucket)["daily/columnar.parquet"].startswith(b"PAR1")


def test_a_bucket_that_is_none_fails_the_job(sinks: Cli, bucket: Any, small: Workspace) -> None:
    assert "NoSuchBucket" in sinks.fails("sink", "run", "nowhere", "--wait")
    (job,) = small.http.get("/v0/jobs?kind=sink&status=error").json()["jobs"]
    assert "The bucket 'none' refuses" in job["error"]
    assert stored(bucket) == {}


@pytest.mark.parametrize(("pipe", "said"), [("nothing", "not found"), ("all_things", "no sink")])
def test_what_is_no_sink_is_refused(sinks: Cli, pipe: str, said: str) -> None:
    assert said.replace("no sink", "is not a sink pipe") in sinks.fails("sink", "run", pipe)
