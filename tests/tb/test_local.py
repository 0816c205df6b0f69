"""`tb local`, as far as it asks the server, and commands that ask nothing of it."""

from __future__ import annotations

import json

import pytest
from tests.server import Workspace
from tests.tb.cli import Cli, entries

from birdhouse import __version__

pytestmark = pytest.mark.cli


def test_ls_shows_the_workspaces(local: Cli, small: Workspace) -> None:
    rows = entries(local("local", "ls"))
    assert [row["current"] for row in rows if row.get("name") == small.name] == ["True"]


def test_version_is_birdhouses(local: Cli) -> None:
    assert local("local", "version").split()[-1] == __version__


def test_clear_empties_the_workspace(local: Cli, small: Workspace) -> None:
    assert f"'{small.name}' cleared" in local("local", "clear", "--yes")
    assert json.loads(local("datasource", "ls", "--format", "json")) == {"datasources": []}


def test_generate_tokens_prints_two(local: Cli) -> None:
    printed = json.loads(local("--output", "json", "local", "generate-tokens"))
    assert {*printed} == {"workspace_token", "user_token"}
