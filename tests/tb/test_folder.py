"""Commands about the folder: `tb pull`, `tb fmt`, `tb info`, `tb project archive`."""

from __future__ import annotations

import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from tests.server import Workspace
from tests.tb.cli import Cli
from tests.tb.projects import SMALL, write

pytestmark = pytest.mark.cli


def test_pull_brings_every_file_back(cli: Cli, tmp_path: Path) -> None:
    other = write(tmp_path / "other", {})
    if cli.mode == "local":
        (other / ".tinyb").write_text((cli.folder / ".tinyb").read_text())
    pulling = Cli(other, cli.environment, cli.mode, cli.options)
    pulling("pull")
    found = {
        str(path.relative_to(other)): path.read_text()
        for path in other.rglob("*.*")
        if path.name != ".tinyb"
    }
    assert found == SMALL


def test_pull_keeps_what_was_changed_unless_forced(local: Cli) -> None:
    write(local.folder, {"endpoints/all_things.pipe": "changed"})
    local("pull", "--force")
    assert (local.folder / "endpoints/all_things.pipe").read_text() == SMALL[
        "endpoints/all_things.pipe"
    ]


def test_fmt_puts_a_file_into_its_form_and_leaves_it_there(local: Cli, small: Workspace) -> None:
    name = "endpoints/all_things.pipe"
    path = local.folder / name
    assert "+TYPE ENDPOINT" in local.run("fmt", name, "--diff", "--no-color").stdout
    assert path.read_text() == SMALL[name]
    local("fmt", name, "--yes")
    formatted = path.read_text()
    assert "TYPE ENDPOINT" in formatted
    local("fmt", name, "--yes")
    assert path.read_text() == formatted
    local("build")
    assert small.http.get("/v0/pipes/all_things.json").json()["rows"] == 2


def test_info_tells_of_the_workspace_and_the_folder(cloud: Cli, small: Workspace) -> None:
    found = json.loads(cloud("--output", "json", "info", "--skip-local"))
    assert found["cloud"]["workspace_name"] == small.name
    assert found["cloud"]["workspace_id"] == small.id
    assert found["project"]["project"] == str(cloud.folder)
    assert found["branches"]["count"] == 0
    assert "error" not in found["branches"]


def test_info_tells_of_the_local_workspace(cloud: Cli, small: Workspace) -> None:
    cloud("workspace", "current")  # leaves the host in .tinyb
    found = json.loads(Cli(cloud.folder, cloud.environment, "local")("--output", "json", "info"))
    assert found["local"]["workspace_name"] == small.name
    assert found["local"]["api"].endswith(cloud.environment["TB_LOCAL_PORT"])


def test_project_archive_holds_the_datafiles(local: Cli, tmp_path: Path) -> None:
    target = tmp_path / "project.tar.gz"
    local("project", "archive", "--output", str(target))
    if zipfile.is_zipfile(target):
        names = zipfile.ZipFile(target).namelist()
    else:
        with tarfile.open(target) as archive:
            names = archive.getnames()
    assert {*SMALL} <= {*names}
