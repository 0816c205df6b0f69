"""`tb secret`, and the secrets of `.env.local`."""

from __future__ import annotations

import pytest
from tests.server import Workspace
from tests.tb.cli import Cli
from tests.tb.projects import write

pytestmark = pytest.mark.cli

PIPE = "NODE colours\nSQL >\n    %\n    select {{tb_secret('colour')}} as colour\n\nTYPE endpoint\n"


def test_set_change_and_remove(cli: Cli, small: Workspace) -> None:
    cli("secret", "set", "colour", "red")
    cli("secret", "set", "colour", "blue")
    assert "colour" in cli("secret", "ls")
    assert "colour" not in cli("secret", "ls", "--match", "size")
    small.build({"endpoints/shown.pipe": PIPE})
    answer = small.http.get("/v0/pipes/shown.json").json()
    assert answer["data"] == [{"colour": "blue"}]
    cli("secret", "rm", "colour")
    assert "colour" not in cli("secret", "ls")


def test_ls_of_an_empty_workspace_is_empty(empty: Cli) -> None:
    assert "name" in empty("secret", "ls")


def test_the_value_of_a_secret_is_never_printed(local: Cli) -> None:
    assert "very-blue" not in local("secret", "set", "colour", "very-blue")
    assert "very-blue" not in local("secret", "ls")


def test_rm_of_nothing_says_so(local: Cli) -> None:
    assert "Variable not found" in local.run("secret", "rm", "nothing").stdout


def test_local_commands_bring_the_secrets_of_env_local(local: Cli, small: Workspace) -> None:
    write(local.folder, {".env.local": "colour=green\n", "endpoints/shown.pipe": PIPE})
    local("build")
    assert small.http.get("/v0/pipes/shown.json").json()["data"] == [{"colour": "green"}]
