"""`tb job`."""

from __future__ import annotations

import pytest
from tests.server import Workspace
from tests.tb.cli import Cli
from tests.tb.projects import SMALL

pytestmark = pytest.mark.cli

ENDLESS = (
    "NODE rows\nSQL >\n    select 'x' as id, toInt32(max(sipHash64(number)) % 9) as n\n"
    "    from numbers(100000000000)\n\nTYPE copy\nTARGET_DATASOURCE snapshot\n"
)


@pytest.fixture
def job(small: Workspace) -> str:
    """The id of an import that is over."""
    content = '{"id": "c", "n": 3}'
    answer = small.http.post("/v1/datasources/things/append?format=ndjson", content=content)
    id: str = answer.json()["id"]
    return id


def test_ls_shows_jobs_by_status_and_kind(cli: Cli, job: str) -> None:
    assert job in cli("job", "ls")
    assert job in cli("job", "ls", "--status", "done", "--kind", "import")
    assert job not in cli("job", "ls", "--status", "error")
    assert job not in cli("job", "ls", "--kind", "copy")


def test_details_show_the_job(cli: Cli, job: str) -> None:
    printed = cli("job", "details", job)
    for text in (job, "import", "done", "things"):
        assert text in printed


def test_cancel_stops_a_copy(cli: Cli, small: Workspace) -> None:
    small.build({**SMALL, "copies/endless.pipe": ENDLESS})
    started = small.http.post("/v0/pipes/endless/copy").json()["job"]["id"]
    assert started in cli("job", "cancel", started)
    assert "cancelled" in cli("job", "details", started)


def test_a_job_that_is_over_cannot_be_cancelled(local: Cli, job: str) -> None:
    assert "it is done already" in local.fails("job", "cancel", job)


def test_retry_is_refused(cli: Cli, job: str) -> None:
    cli.refused("job", "retry", job, because="cannot be retried")


@pytest.mark.parametrize("command", ["details", "cancel", "retry"])
def test_a_job_that_is_none_is_refused(local: Cli, command: str) -> None:
    assert "nothing" in local.fails("job", command, "nothing")


def test_ls_of_an_empty_workspace_is_empty(empty: Cli) -> None:
    assert "kind" in empty("job", "ls")
