"""Clients that others wrote, from the package index, in environments of their own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.birdhouse.reading import fill
from tests.server import Server, Workspace


@pytest.fixture
def filled(server: Server) -> Iterator[Workspace]:
    """A workspace with the reading project that a test may change."""
    workspace = server.workspace()
    with workspace.http:
        fill(workspace)
        yield workspace


def from_index(*arguments: str) -> None:
    """Run pip; the test is skipped where no package index can be reached."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"the package index cannot be reached: {done.stderr.strip()[-200:]}")


@pytest.fixture(scope="session")
def sdk_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with tinybird-sdk, whose pins disagree with birdhouse's."""
    folder = tmp_path_factory.mktemp("sdk") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    from_index("--python", str(python), "install", "--no-compile", "tinybird-sdk==0.4.0")
    return python


@pytest.fixture(scope="session")
def verdin_source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source of verdin with its tests, as it is published."""
    folder = tmp_path_factory.mktemp("verdin")
    from_index("download", "--no-deps", "--no-binary=:all:", "--dest", str(folder), "verdin==0.5.3")
    (archive,) = folder.glob("verdin-*.tar.gz")
    subprocess.run(["tar", "xzf", str(archive), "-C", str(folder)], check=True)
    return folder / "verdin-0.5.3"
