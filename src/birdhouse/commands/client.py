"""The server that a command works on: the one of a data dir, or another one by its address."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from birdhouse.commands import options

if TYPE_CHECKING:
    import httpx

_server_options = (
    click.option("--host", help="URL of the server; else the one that uses the data dir."),
    click.option("--token", envvar="TB_TOKEN", help="Admin token of the workspace, with --host."),
    click.option("--workspace", help="Name of a workspace in the data dir; else the default one."),
    options.data_dir,
)


def with_server(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_server_options):
        command = option(command)
    return command


@contextmanager
def client_of(
    host: str | None, token: str | None, workspace: str | None, data_dir: Path
) -> Iterator[httpx.Client]:
    """A client of the server; what goes wrong with it ends the command."""
    import httpx

    if host is None:
        host, token = _server_of(data_dir, workspace)
    elif token is None:
        options.fail("--host needs --token, or TB_TOKEN, with an admin token of the workspace")
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with httpx.Client(
            base_url=host, headers=headers, timeout=httpx.Timeout(10, read=None)
        ) as client:
            yield client
    except httpx.HTTPError as error:
        options.fail(f"{host} does not answer as it should: {error}")


def _server_of(data_dir: Path, workspace: str | None) -> tuple[str, str]:
    """The address of the server that uses the data dir, and the token of a workspace in it."""
    from birdhouse.datadir import DataDir
    from birdhouse.errors import NotFound
    from birdhouse.workspace.store import Store
    from birdhouse.workspace.workspaces import Workspaces

    place = DataDir(data_dir)
    server = place.server
    if server is None:
        options.fail(
            f"No birdhouse serves the data dir {data_dir}: start one, or name one with --host"
        )
    workspaces = Workspaces(Store(place.store, read_only=True))
    try:
        found = workspaces.named(workspace) if workspace else workspaces.default
    except NotFound as error:
        options.fail(str(error))
    return server.url, found.admin_token


def json_of(response: httpx.Response) -> dict[str, Any]:
    """The object of an answer; an error ends the command."""
    if response.is_error:
        try:
            options.fail(f"{response.json()['error']} (status {response.status_code})")
        except (ValueError, KeyError):
            options.fail(f"{response.url.host} answered {response.status_code}")
    found: dict[str, Any] = response.json()
    return found
