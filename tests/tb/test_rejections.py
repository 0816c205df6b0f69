"""What the packaged parsers refuse, the build refuses: each file, with line and reason, at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.birdhouse.project.rejected import FILES
from tests.server import Workspace
from tests.tb.cli import Cli
from tests.tb.projects import write

pytestmark = pytest.mark.cli


def of_file(printed: str, path: str) -> str:
    """What is printed of one file: from its name to the next one's."""
    assert path in printed
    rest = printed.partition(path)[2]
    ends = [found for other in FILES if (found := rest.find(f"\n{other}")) >= 0]
    return rest[: min(ends, default=len(rest))]


@pytest.mark.parametrize("command", ["build", "deploy"])
def test_every_faulty_file_is_told_of(local: Cli, small: Workspace, command: str) -> None:
    write(local.folder, {path: rejected.text for path, rejected in FILES.items()})
    printed = local.fails(command)
    for path, rejected in FILES.items():
        told = of_file(printed, path)
        assert rejected.reason in told, path
        if rejected.line:
            assert f"Line {rejected.line}:" in told, path
    assert "\x1b" not in printed
    assert small.http.get("/v0/pipes/all_things.json").json()["rows"] == 2


def test_the_good_files_of_a_faulty_project_are_not_told_of(local: Cli) -> None:
    write(local.folder, {path: rejected.text for path, rejected in FILES.items()})
    printed = local.fails("build")
    for path in ("datasources/things.datasource", "endpoints/all_things.pipe"):
        assert (local.folder / path).exists()
        assert f"\n{path}" not in printed, Path(path).name
