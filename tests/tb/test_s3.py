"""S3 as this project has it: off until its folder is copied in, then a way into and out of
`events`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.broker import wait_for
from tests.server import Server, Workspace, running
from tests.storage import KEYS, TestBucket, storage
from tests.tb.cli import Cli
from tests.tb.conftest import PROJECT, Tb
from tests.tb.projects import SMALL, write
from tests.tb.test_kafka import EVENT

pytestmark = pytest.mark.cli


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with storage() as address:
        yield address


@pytest.fixture(scope="module")
def server(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A birdhouse whose machine may use the storage."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL_S3", address)
        patch.setenv("AWS_ACCESS_KEY_ID", KEYS["access_key"])
        patch.setenv("AWS_SECRET_ACCESS_KEY", KEYS["secret_key"])
        with running(tmp_path_factory.mktemp("s3") / "data", "serve") as server:
            yield server


@pytest.fixture
def bucket(address: str) -> Iterator[TestBucket]:
    bucket = TestBucket(address)
    yield bucket
    bucket.close()


@pytest.fixture
def project(project: Path) -> Path:
    shutil.copytree(PROJECT / "connectors", project / "connectors")
    return project


def test_a_bucket_feeds_events_and_keeps_them(tb: Tb, project: Path, bucket: TestBucket) -> None:
    built = tb("--local", "build")
    assert built.returncode == 0, built.stdout
    assert "s3" not in built.stdout.lower()

    shutil.copytree(project / "connectors" / "s3", project, dirs_exist_ok=True)
    sink = project / "sinks" / "archive_events.pipe"
    sink.write_text(sink.read_text().replace("s3://events/", f"s3://{bucket.name}/"))
    pattern = f"s3://{bucket.name}/in/*.ndjson"
    (project / ".env.local").write_text(f"S3_EVENTS={pattern}\n")
    built = tb("--local", "build")
    assert built.returncode == 0, built.stdout
    assert "sinks/archive_events.pipe created" in built.stdout

    rows = [{**EVENT, "tenant_id": "from_s3", "event_id": f"e{n}"} for n in range(5)]
    bucket.put("in/a.ndjson", "\n".join(map(json.dumps, [*rows, rows[0]])))
    synced = tb("--local", "datasource", "sync", "s3_events", "--yes")
    assert synced.returncode == 0, synced.stdout
    sql = "select uniqExact(event_id) ids from events final where tenant_id = 'from_s3'"
    wait_for(lambda: tb("--local", "sql", sql).stdout.split()[-1] == "5")
    ran = tb("--local", "sink", "run", "archive_events", "--param", "day=2031-05-05", "--wait")
    assert ran.returncode == 0, ran.stdout
    archived = bucket.files()["archive/2031-05-05.parquet"]
    assert archived.startswith(b"PAR1")


def test_a_bucket_is_imported_on_demand(cli: Cli, small: Workspace, bucket: TestBucket) -> None:
    files = {
        **SMALL,
        "connections/storage.connection": 'TYPE s3\nS3_REGION "us-east-1"\nS3_ARN "role"\n',
        "datasources/found.datasource": (
            "SCHEMA >\n    `n` Int32 `json:$.n`\n\nENGINE MergeTree\nENGINE_SORTING_KEY n\n\n"
            f"IMPORT_CONNECTION_NAME storage\nIMPORT_BUCKET_URI s3://{bucket.name}/*\n"
            "IMPORT_SCHEDULE @on-demand\n"
        ),
    }
    write(cli.folder, files)
    small.build(files)
    for n in range(3):
        bucket.put(f"{n}.ndjson", f'{{"n": {n}}}')
    count = "SELECT count() AS c FROM found FORMAT JSON"
    cli("datasource", "sample", "found", "--max-files", "2", "--wait")
    assert small.rows(count) == [{"c": 2}]
    cli("datasource", "sync", "found", "--yes")
    wait_for(lambda: small.rows(count) == [{"c": 3}])
