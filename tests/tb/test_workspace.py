"""`tb workspace`, `tb branch`, `tb infra`, `tb preview`: the CLI has them with `--cloud` alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from tests.server import Server, Workspace
from tests.tb.cli import Cli, entries

pytestmark = pytest.mark.cli


@pytest.fixture
def name(server: Server) -> Iterator[str]:
    """The name of a workspace to be made."""
    name = f"made_{uuid.uuid4().hex}"
    yield name
    with server.client(server.user_token) as http:
        http.delete(f"/v1/workspaces/{name}")


@pytest.fixture
def user(cloud: Cli, server: Server) -> Cli:
    """The CLI with a user's token beside the workspace's."""
    cloud.options = (*cloud.options, "--user-token", server.user_token)
    return cloud


def test_ls_shows_every_workspace_and_the_current_one(
    cloud: Cli, small: Workspace, server: Server
) -> None:
    other = server.workspace()
    with other.http:
        rows = entries(cloud("workspace", "ls"))
    shown = {row["name"]: row["current"] for row in rows if "name" in row}
    assert (shown[small.name], shown[other.name]) == ("True", "False")


def test_current_shows_the_workspace_of_the_token(cloud: Cli, small: Workspace) -> None:
    printed = cloud("workspace", "current")
    assert small.name in printed
    assert small.id in printed


def test_create_use_and_delete(user: Cli, server: Server, name: str) -> None:
    assert name in user("workspace", "create", name)
    assert name in user("workspace", "use", name)
    with server.client() as http:
        assert http.get(f"/v1/workspaces/{name}").json()["name"] == name
        assert name in user("workspace", "delete", name, "--yes")
        assert http.get(f"/v1/workspaces/{name}").status_code == 404


@pytest.mark.parametrize("odd", ["with space", "1st", "tinybird", "a.b", "ünï-code"])
def test_create_refuses_names_that_sql_could_not_write(user: Cli, odd: str) -> None:
    assert f"Invalid workspace name '{odd}'" in user.fails("workspace", "create", odd)


def test_create_refuses_a_name_twice(user: Cli, small: Workspace) -> None:
    assert "already exists" in user.fails("workspace", "create", small.name)


def test_delete_refuses_the_default_workspace_and_none(user: Cli, server: Server) -> None:
    user.fails("workspace", "delete", "Tinybird_Local_Testing", "--yes")
    assert "nothing" in user.fails("workspace", "delete", "nothing", "--yes")
    with server.client() as http:
        assert http.get("/v1/workspaces/Tinybird_Local_Testing").status_code == 200


def test_members_are_the_one_user(cloud: Cli) -> None:
    assert "local_testing@tinybird.co" in cloud("workspace", "members", "ls")


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "new@example.com"),
        ("rm", "local_testing@tinybird.co"),
        ("set-role", "viewer", "local_testing@tinybird.co"),
    ],
)
def test_members_cannot_change(user: Cli, arguments: tuple[str, ...]) -> None:
    because = "Members need Tinybird Cloud"
    user.refused("workspace", "members", *arguments, because=because)


def test_branch_ls_is_empty(cloud: Cli) -> None:
    assert "name" in cloud("branch", "ls")


def test_branches_cannot_be_made(cloud: Cli) -> None:
    cloud.refused("branch", "create", "mine", because="Branches need Tinybird Cloud")
    cloud.refused("preview", because="Branches need Tinybird Cloud")


@pytest.mark.parametrize("command", ["rm", "clear"])
def test_a_branch_that_is_none_is_refused(cloud: Cli, command: str) -> None:
    cloud.refused("branch", command, "mine", "--yes", because="Branch mine not found")


def test_infra_is_the_clouds(user: Cli) -> None:
    because = "Managed infrastructure needs Tinybird Cloud"
    assert because in user("infra", "ls")  # the CLI prints it, and calls that a success
    user.lacks("infra ls", because)
    host = ("--name", "mine", "--host", "http://localhost:1")
    user.refused("infra", "add", *host, because=because)


def test_migration_is_over(cloud: Cli) -> None:
    because = "unavailable for Tinybird Forward workspaces"
    cloud.refused("migrate-to-forward", because=because)


@pytest.mark.parametrize("command", ["workspace", "branch", "infra", "preview"])
def test_the_cli_itself_refuses_them_with_local(local: Cli, command: str) -> None:
    arguments = () if command == "preview" else ("ls",)
    assert "cloud-only command" in local.fails(command, *arguments)
