"""The folder that `make dashboard` writes."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

import dashboard


def test_the_folder_stands_by_itself(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    count = dashboard.write(folder)
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert len(found) == count
    assert {"index.html", "app.js", "lib/Chart.bundle.js", "lib/LICENSE-chart.js.txt"} <= found
    page = (folder / "index.html").read_text()
    assert "//" not in page.replace("http://localhost", "").replace("http://127.0.0.1", "")
    (folder / "old.js").write_text("")
    assert dashboard.write(folder) == count
    assert not (folder / "old.js").exists()


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letters.txt").write_text("mine")
    with pytest.raises(click.UsageError, match="something else"):
        dashboard.write(tmp_path)
    assert (tmp_path / "letters.txt").read_text() == "mine"
