"""The `birdhouse` command."""

from __future__ import annotations

import contextlib
import logging
import shlex
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click

from birdhouse import __version__

_DEFAULT_PORT = 7181
_CLICKHOUSE_PORT = 7182
"""Where `tb ch` looks for the ClickHouse interface of a server on this machine."""

_port = click.option("--port", default=_DEFAULT_PORT, show_default=True, help="Port to listen on.")
_data_dir = click.option(
    "--data-dir",
    default=Path(".birdhouse"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that keeps data, tokens and deployments.",
)
_server_options = (
    click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
    _port,
    click.option(
        "--clickhouse-port",
        type=int,
        show_default=f"{_CLICKHOUSE_PORT} beside {_DEFAULT_PORT}, else a free one",
        help="Port of the ClickHouse interface.",
    ),
    _data_dir,
    click.option(
        "--allow-private-urls",
        is_flag=True,
        help="Let imports by url reach this machine and private networks.",
    ),
)


class _Options(NamedTuple):
    """The options of `serve` and `up`."""

    host: str
    port: int
    clickhouse_port: int | None
    data_dir: Path
    allow_private_urls: bool


def _with_server_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_server_options):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Run any Tinybird project in one process, without Docker."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")


@main.command()
@_with_server_options
def serve(**options: Any) -> None:
    """Serve what the data dir holds; an empty one is an empty server."""
    _run(_Options(**options), None, fixtures=False)


@main.command()
@click.argument(
    "project", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--no-fixtures", is_flag=True, help="Leave the tables empty.")
@_with_server_options
def up(project: Path, no_fixtures: bool, **options: Any) -> None:
    """Serve, deploy PROJECT into the default workspace and load its fixtures."""
    _run(_Options(**options), project, fixtures=not no_fixtures)


@main.command()
@_port
@_data_dir
def env(port: int, data_dir: Path) -> None:
    """Print the addresses and tokens of a data dir, for `eval "$(birdhouse env)"`."""
    from birdhouse.server import STORE
    from birdhouse.up import declared_tokens
    from birdhouse.workspace.store import Store
    from birdhouse.workspace.workspaces import Workspaces

    if not (data_dir / STORE).exists():
        _fail(f"There is no data dir at {data_dir}: start birdhouse first, or name it: --data-dir")
    workspaces = Workspaces(Store(data_dir / STORE, read_only=True))
    values = {
        "TB_HOST": f"http://localhost:{port}",
        **declared_tokens(workspaces.default),
        "TB_LOCAL_HOST": "localhost",
        "TB_LOCAL_PORT": str(port),
    }
    for name, value in values.items():
        click.echo(f"export {name}={shlex.quote(value)}")


def _run(options: _Options, project: Path | None, *, fixtures: bool) -> None:
    from birdhouse.errors import BirdhouseError, ProjectError
    from birdhouse.ingest import RemoteLimits
    from birdhouse.server import StartError, listen, open_services, serve
    from birdhouse.up import bring_up, declared_tokens, try_lines

    def url(listener: socket.socket) -> str:
        shown = "localhost" if options.host in ("127.0.0.1", "::1") else options.host
        return f"http://{shown}:{listener.getsockname()[1]}"

    def ready() -> None:
        click.echo(f"\nBirdhouse {__version__} listens on {url(listener)}")
        if clickhouse is not None:
            click.echo(f"ClickHouse interface on {url(clickhouse)}")
        click.echo()
        workspace = services.workspaces.default
        for name, value in declared_tokens(workspace).items():
            click.echo(f"{name}={value}")
        commands = try_lines(workspace, url(listener))
        if commands:
            click.echo("\nTry:")
        for line in commands:
            click.echo(f"  {line}")
        sys.stdout.flush()

    clickhouse_port = options.clickhouse_port
    if clickhouse_port is None:
        clickhouse_port = _CLICKHOUSE_PORT if options.port == _DEFAULT_PORT else 0
    remote = RemoteLimits(private=options.allow_private_urls)
    try:
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(listen(options.host, options.port))
            try:
                clickhouse = stack.enter_context(
                    listen(options.host, clickhouse_port, "--clickhouse-port")
                )
            except StartError as error:
                clickhouse = None
                click.echo(f"birdhouse: There is no ClickHouse interface. {error}", err=True)
            services = stack.enter_context(open_services(options.data_dir, remote))
            if project is not None:
                for line in bring_up(services, project, fixtures=fixtures):
                    click.echo(line)
            serve(services, listener, ready, clickhouse)
    except ProjectError as error:
        _fail("The project cannot be deployed:\n" + "\n".join(_indented(error)))
    except (StartError, BirdhouseError) as error:
        _fail(str(error))


def _indented(error: Exception) -> list[str]:
    return [f"  {line}" for line in str(error).splitlines()]


def _fail(message: str) -> None:
    click.echo(f"birdhouse: {message}", err=True)
    raise SystemExit(1)
