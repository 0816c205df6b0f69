"""`tb token`."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server import Workspace
from tests.tb.cli import Cli

pytestmark = pytest.mark.cli


def value(workspace: Workspace, name: str) -> str:
    token: str = workspace.http.get(f"/v0/tokens/{name}").json()["token"]
    return token


@pytest.fixture
def reader(cli: Cli) -> Cli:
    """The CLI in a workspace that has a token `reader`."""
    cli("token", "create", "static", "reader", "--scope", "WORKSPACE:READ_ALL")
    return cli


def test_ls_shows_every_token(cli: Cli) -> None:
    printed = cli("token", "ls")
    for name in ("workspace admin token", "things read", "things append"):
        assert name in printed
    assert "admin" not in cli("token", "ls", "--match", "things")


def test_create_static_works_at_once(reader: Cli, small: Workspace) -> None:
    with small.server.client(value(small, "reader")) as http:
        assert http.get("/v0/sql?q=select 1").status_code == 200
        assert http.get("/v0/tokens").status_code == 403


def test_create_static_again_changes_the_scopes(reader: Cli, small: Workspace) -> None:
    reader("token", "create", "static", "reader", "--scope", "TOKENS")
    assert "TOKENS" in reader("token", "scopes", "reader")
    with small.server.client(value(small, "reader")) as http:
        assert http.get("/v0/tokens").status_code == 200


def test_create_static_refuses_unknown_scopes(local: Cli) -> None:
    printed = local.fails("token", "create", "static", "reader", "--scope", "EVERYTHING")
    assert "Invalid scope: EVERYTHING" in printed


def test_create_jwt_reads_with_its_fixed_parameter(cli: Cli, small: Workspace) -> None:
    scope = ("--scope", "PIPES:READ", "--resource", "all_things", "--fixed-params", "at_least=2")
    printed = cli("--show-tokens", "token", "create", "jwt", "visitor", "--ttl", "1h", *scope)
    token = printed.partition("The token is: ")[2].strip()
    with small.server.client(token) as http:
        answer = http.get("/v0/pipes/all_things.json?at_least=0").json()
        assert answer["data"] == [{"id": "b", "n": 2}]
        assert http.get("/v0/datasources/things").status_code == 403


def test_create_jwt_reads_filtered_rows(local: Cli, small: Workspace) -> None:
    scope = ("--scope", "DATASOURCES:READ", "--resource", "things", "--filter", "n = 1")
    printed = local("token", "create", "jwt", "visitor", "--ttl", "1h", *scope)
    with small.server.client(printed.partition("The token is: ")[2].strip()) as http:
        answer = http.get("/v0/sql", params={"q": "select id from things"}).json()
        assert answer["data"] == [{"id": "a"}]


def test_copy_puts_the_token_into_the_clipboard(
    reader: Cli, clipboard: Path, small: Workspace
) -> None:
    reader("token", "copy", "reader")
    assert clipboard.read_text() == value(small, "reader")


def test_refresh_gives_a_new_value(reader: Cli, small: Workspace) -> None:
    old = value(small, "reader")
    reader("token", "refresh", "reader", "--yes")
    assert value(small, "reader") != old
    with small.server.client(old) as http:
        assert http.get("/v0/sql?q=select 1").status_code == 403


def test_rm_takes_it_away(reader: Cli, small: Workspace) -> None:
    old = value(small, "reader")
    reader("token", "rm", "reader", "--yes")
    assert "reader" not in reader("token", "ls")
    with small.server.client(old) as http:
        assert http.get("/v0/sql?q=select 1").status_code == 403


@pytest.mark.parametrize("command", [("scopes",), ("copy",), ("refresh", "--yes"), ("rm", "--yes")])
def test_a_token_that_is_none_is_refused(local: Cli, command: tuple[str, ...]) -> None:
    assert "Forbidden" in local.fails("token", command[0], "nothing", *command[1:])
