"""`tb copy`."""

from __future__ import annotations

import pytest
from tests.server import Workspace
from tests.tb.cli import Cli
from tests.tb.projects import COPY, SMALL

pytestmark = pytest.mark.cli


def test_copy_run_fills_the_target(cli: Cli, small: Workspace) -> None:
    printed = cli("copy", "run", "take_snapshot", "--param", "at_least=2", "--wait")
    assert "Data copied to 'snapshot'" in printed
    assert small.rows("select * from snapshot") == [{"id": "b", "n": 2}]


def test_copy_run_replaces_when_asked_to(local: Cli, small: Workspace) -> None:
    for _ in range(2):
        local("copy", "run", "take_snapshot", "--mode", "replace", "--wait")
    assert small.rows("select count() as rows from snapshot") == [{"rows": 2}]


def test_copy_pause_and_resume(cli: Cli, small: Workspace) -> None:
    nightly = COPY + 'COPY_SCHEDULE "0 3 * * *"\n'
    small.build({**SMALL, "copies/nightly.pipe": nightly})
    assert "paused" in cli("copy", "pause", "nightly").lower()
    assert "resumed" in cli("copy", "resume", "nightly").lower()


def test_copy_pause_needs_a_schedule(local: Cli) -> None:
    assert "has no schedule" in local.fails("copy", "pause", "take_snapshot")


@pytest.mark.parametrize("command", ["run", "pause", "resume"])
def test_copy_of_nothing_says_so(local: Cli, command: str) -> None:
    assert "nothing" in local.fails("copy", command, "nothing")
