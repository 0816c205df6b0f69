"""The official CLI, run as its users run it, against a birdhouse."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.server import Server, running

PROJECT = Path(__file__).resolve().parents[2]
FOLDERS = ("datasources", "endpoints", "pipes", "fixtures")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")

Tb = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("birdhouse") / "data", "serve") as server:
        yield server


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of this project: the CLI writes into the folder that it works on."""
    copy = tmp_path / "project"
    for name in FOLDERS:
        shutil.copytree(PROJECT / name, copy / name)
    (copy / "tests").mkdir()
    for path in (PROJECT / "tests").glob("*.yaml"):
        shutil.copy(path, copy / "tests")
    return copy


@pytest.fixture
def tb(server: Server, project: Path) -> Tb:
    """Run `tb ARGUMENTS` in the project; it ends with both outputs in `stdout`, uncoloured."""
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("TB_")},
        "HOME": str(project.parent),
        "TB_LOCAL_HOST": "localhost",
        "TB_LOCAL_PORT": str(server.port),
        "TB_CLI_TELEMETRY_OPTOUT": "1",
        "TB_VERSION_WARNING": "0",
    }
    command = str(Path(sys.executable).with_name("tb"))

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            [command, *arguments],
            cwd=project,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        ended.stdout = COLOURS.sub("", ended.stdout)
        return ended

    return run
