"""The wheel: what is in it, and that an environment with it and its dependencies works."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from importlib import metadata
from pathlib import Path

import httpx
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import lock

ROOT = Path(__file__).resolve().parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
CACHES = {"__pycache__", ".mypy_cache"}
ELSEWHERE = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
"""An environment that says nothing of this tree."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built as pip builds it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True)
    (found,) = folder.glob("*.whl")
    return found


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    about = f"birdhouse-{VERSION}.dist-info"
    sources = ROOT / "src"
    wanted = {
        path.relative_to(sources).as_posix()
        for path in sources.rglob("*")
        if path.is_file() and not CACHES & set(path.parts)
    }
    with zipfile.ZipFile(wheel) as archive:
        found = {name for name in archive.namelist() if not CACHES & set(name.split("/"))}
    assert {name for name in found if not name.startswith(about)} == wanted
    assert f"{about}/licenses/LICENSE" in found
    assert wheel.name == f"birdhouse-{VERSION}-py3-none-any.whl"


def needed(wheel: Path) -> set[str]:
    """The installed packages that the wheel needs, with what those need."""
    with zipfile.ZipFile(wheel) as archive:
        about = next(name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        declared = message_from_bytes(archive.read(about)).get_all("Requires-Dist", [])
    installed = {
        str(canonicalize_name(found.name)): {"requires_dist": found.requires or []}
        for found in metadata.distributions()
    }
    roots = [Requirement(line) for line in declared if "extra ==" not in line]
    return lock.reachable(roots, installed)


def link(name: str, target: Path) -> None:
    """Give an environment an installed package, without a copy."""
    distribution = metadata.distribution(name)
    for path in distribution.files or []:
        top = path.parts[0]
        if top not in ("..", "__pycache__") and not (target / top).exists():
            (target / top).symlink_to(Path(str(distribution.locate_file(top))))


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with the wheel and what it declares, and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for name in needed(wheel):
        link(name, packages)
    command = [sys.executable, "-m", "pip", "--quiet", "--python", str(folder / "bin" / "python")]
    command += ["install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(command, check=True)
    return folder


@pytest.fixture(scope="module")
def url(environment: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that the environment's command has started."""
    folder = tmp_path_factory.mktemp("wheel-server")
    (folder / "things.datasource").write_text("SCHEMA >\n    id UInt32 `json:$.id`\n")
    command = [str(environment / "bin" / "birdhouse"), "up", str(folder), "--port", "0"]
    command += ["--data-dir", str(folder / "data")]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=folder, env=ELSEWHERE
    ) as process:
        try:
            assert process.stdout is not None
            started = next((line for line in process.stdout if " listens on " in line), None)
            assert started is not None
            yield started.split()[-1]
        finally:
            process.terminate()


def test_the_command_is_that_of_the_wheel(environment: Path) -> None:
    python = environment / "bin" / "python"
    where = "import birdhouse; print(birdhouse.__file__)"
    command = [str(python), "-c", where]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=ELSEWHERE)
    assert said.stdout.startswith(str(environment))
    command = [str(environment / "bin" / "birdhouse"), "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=ELSEWHERE)
    assert VERSION in said.stdout


def test_rows_go_in_and_come_out(url: str) -> None:
    token = {"token": httpx.get(f"{url}/tokens").json()["workspace_admin_token"]}
    row = httpx.post(f"{url}/v0/events", params={"name": "things", **token}, content='{"id": 7}')
    assert row.status_code == 202
    found = httpx.get(f"{url}/v0/sql", params={"q": "select id from things", **token})
    assert found.json()["data"] == [{"id": 7}]
