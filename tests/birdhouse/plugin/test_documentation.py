"""What docs/testing.md shows is so."""

from __future__ import annotations

import re
from pathlib import Path

from tests.birdhouse.plugin.conftest import Suite, write

from birdhouse.testing import Tinybird

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs" / "testing.md").read_text()
BLOCKS = re.findall(r"^```\w*\n(.*?)^```$", DOCUMENT, re.DOTALL | re.MULTILINE)


def named(path: str) -> str:
    """The block whose first line is a comment with the path."""
    found: list[str] = [block for block in BLOCKS if block.startswith(f"# {path}\n")]
    [block] = found
    return block.partition("\n")[2]


def test_the_example_passes_on_the_project_of_the_example(suite: Suite) -> None:
    for path in (suite.folder / "project").rglob("*.*"):
        path.unlink()
    paths = ("datasources/visits.datasource", "endpoints/top_pages.pipe")
    write(suite.folder / "project", {path: named(path) for path in paths})
    ended = suite.run(named("test_endpoints.py"))
    assert (ended.code, ended.passed) == (0, 2), ended.output


def test_every_method_and_marker_is_documented() -> None:
    public = {name for name in dir(Tinybird) if not name.startswith("_")} | {"url", "token"}
    for name in public:
        assert re.search(rf"`{name}[`(]", DOCUMENT), name
    for word in ("tinybird_project", "frozen_data", "tinybird(project=", "TB_HOST", "TB_TOKEN"):
        assert word in DOCUMENT
