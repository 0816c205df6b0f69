"""Runs that do not use the fixture are left alone."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.birdhouse.plugin.conftest import Suite

ROOT = Path(__file__).resolve().parents[3]


def test_nothing_is_imported_or_started(suite: Suite) -> None:
    ended = suite.run(
        """
import sys

def test_it():
    assert "birdhouse.pytest_plugin" in sys.modules
    heavy = {"httpx", "chdb", "chtoolset", "tinybird", "starlette", "msgspec", "birdhouse.testing"}
    assert not heavy & sys.modules.keys()

def test_comparisons_are_pytests_own():
    assert [{"a": 1}] == [{"a": 2}]
"""
    )
    assert (ended.passed, ended.failed) == (1, 1), ended.output
    assert "At index 0 diff: {'a': 1} != {'a': 2}" in ended.output
    assert not (suite.basetemp / "tinybird").exists()


def test_its_markers_and_its_option_are_known(suite: Suite) -> None:
    ended = suite.run("", "--strict-markers", "--markers")
    assert "@pytest.mark.frozen_data:" in ended.output
    assert "@pytest.mark.tinybird(project):" in ended.output


def test_pytest_finds_it_wherever_birdhouse_is_installed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"birdhouse": "birdhouse.pytest_plugin"}
