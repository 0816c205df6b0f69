"""The official CLI, run as its users run it, against a birdhouse."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.server import Server, Workspace, running
from tests.tb.cli import Cli, environment
from tests.tb.projects import ROWS, SMALL, write

PROJECT = Path(__file__).resolve().parents[2]
FOLDERS = ("datasources", "materializations", "copies", "pipes", "endpoints", "fixtures")

Tb = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data_dir = tmp_path_factory.mktemp("birdhouse") / "data"
    with running(data_dir, "serve", "--allow-private-urls") as server:
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
    return Cli(project, environment(server, project.parent)).run


def _cli(server: Server, workspace: Workspace, folder: Path, mode: str) -> Cli:
    """The CLI in a folder that was told of the workspace."""
    if mode == "local":
        (folder / ".tinyb").write_text(json.dumps({"name": workspace.name, "id": workspace.id}))
        return Cli(folder, environment(server, folder.parent), mode, ("--local",))
    options = ("--cloud", "--host", f"http://localhost:{server.port}", "--token", workspace.token)
    return Cli(folder, environment(server, folder.parent), mode, options)


@pytest.fixture(params=["local", "cloud"])
def mode(request: pytest.FixtureRequest) -> str:
    """Both ways to aim the CLI at a workspace of birdhouse."""
    found: str = request.param
    return found


@pytest.fixture
def workspace(server: Server) -> Iterator[Workspace]:
    """A new, empty workspace."""
    workspace = server.workspace()
    with workspace.http:
        yield workspace


@pytest.fixture
def small(workspace: Workspace) -> Workspace:
    """A workspace with the small project live and two rows in it."""
    workspace.build(SMALL)
    assert workspace.send("things", ROWS).json() == {"successful_rows": 2, "quarantined_rows": 0}
    return workspace


@pytest.fixture
def cli(server: Server, small: Workspace, tmp_path: Path, mode: str) -> Cli:
    """The CLI in the small project's folder, on the workspace where it is live."""
    return _cli(server, small, write(tmp_path / "project", SMALL), mode)


@pytest.fixture
def local(server: Server, small: Workspace, tmp_path: Path) -> Cli:
    """As `cli`, with `--local` alone."""
    return _cli(server, small, write(tmp_path / "project", SMALL), "local")


@pytest.fixture
def cloud(server: Server, small: Workspace, tmp_path: Path) -> Cli:
    """As `cli`, with `--cloud --host --token` alone."""
    return _cli(server, small, write(tmp_path / "project", SMALL), "cloud")


@pytest.fixture
def empty(server: Server, workspace: Workspace, tmp_path: Path, mode: str) -> Cli:
    """The CLI in an empty folder, on an empty workspace."""
    return _cli(server, workspace, write(tmp_path / "project", {}), mode)


@pytest.fixture
def clipboard(tmp_path: Path) -> Path:
    """The file that whatever the CLI copies to the clipboard goes to."""
    copied = tmp_path / "clipboard"
    for program in ("pbcopy", "wl-copy", "xclip", "xsel"):
        path = write(tmp_path / "bin", {program: f"#!/bin/sh\nexec cat > '{copied}'\n"}) / program
        path.chmod(0o755)
    return copied
