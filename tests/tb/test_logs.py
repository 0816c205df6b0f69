"""`tb logs`."""

from __future__ import annotations

import pytest
from tests.server import Workspace
from tests.tb.cli import Cli

pytestmark = pytest.mark.cli

# Times have seconds, and the end is left out: what happened in this very second would be too.
SPAN = ("--start=-1h", "--end=2100-01-01T00:00:00Z", "--expand")


def test_logs_show_requests_appends_and_jobs(cli: Cli, small: Workspace) -> None:
    small.http.get("/v0/pipes/all_things.json?at_least=1")
    small.http.post("/v1/datasources/things/append?format=ndjson", content='{"id": "c", "n": 3}')
    printed = cli("logs", *SPAN)
    for text in ("all_things", "things", "import"):
        assert text in printed


@pytest.mark.parametrize(
    "source", ["endpoint_errors", "block_log", "kafka_ops_log", "sinks_ops_log", "llm_usage"]
)
def test_logs_of_one_source(local: Cli, small: Workspace, source: str) -> None:
    small.http.get("/v0/pipes/all_things.json?at_least=x")
    printed = local("logs", "--source", f"tinybird.{source}", *SPAN)
    assert ("at_least" in printed or "Int32" in printed) == (source == "endpoint_errors")


def test_logs_of_an_empty_workspace_are_empty(empty: Cli) -> None:
    empty("logs")
