"""`tb connection`."""

from __future__ import annotations

import pytest
from tests.server import Workspace
from tests.tb.cli import Cli
from tests.tb.projects import SMALL, write

pytestmark = pytest.mark.cli

S3 = (
    'TYPE s3\nS3_REGION "us-east-1"\nS3_ACCESS_KEY {{ tb_secret("access_key") }}\n'
    'S3_SECRET {{ tb_secret("secret_key") }}\n'
)


@pytest.fixture
def connected(cli: Cli, small: Workspace) -> Cli:
    """The CLI where a connection is live."""
    for name in ("access_key", "secret_key"):
        created = small.http.post("/v0/variables", data={"name": name, "value": f"very-{name}"})
        assert created.status_code == 200
    files = {**SMALL, "connections/bucket.connection": S3}
    write(cli.folder, files)
    small.build(files)
    return cli


def test_ls_shows_the_connections_and_no_secret(connected: Cli) -> None:
    for service in ((), ("--service", "s3")):
        printed = connected("connection", "ls", *service)
        assert "bucket" in printed
        assert "very-" not in printed
    assert "bucket" not in connected("connection", "ls", "--service", "kafka")


def test_ls_of_an_empty_workspace_is_empty(empty: Cli) -> None:
    assert "service" in empty("connection", "ls")


def test_pull_brings_the_connection_with_its_secrets_by_name(connected: Cli) -> None:
    (connected.folder / "connections/bucket.connection").unlink()
    connected("pull")
    assert (connected.folder / "connections/bucket.connection").read_text() == S3


def test_data_is_refused(connected: Cli) -> None:
    uri = ("--s3-bucket-uri", "s3://bucket/*.csv", "--s3-sample-file-uri", "s3://bucket/a.csv")
    because = "'bucket' has no preview here"
    connected.refused("connection", "data", "bucket", *uri, because=because)


def test_data_of_nothing_says_so(local: Cli) -> None:
    assert "nothing not found" in local.fails("connection", "data", "nothing")
