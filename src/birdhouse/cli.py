"""The `birdhouse` command."""

from __future__ import annotations

import contextlib
import shlex
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import click

from birdhouse import __version__
from birdhouse.commands import COMMANDS
from birdhouse.commands import options as shared
from birdhouse.commands.options import CLICKHOUSE_PORT, DEFAULT_PORT, fail

_server_options = (
    click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on."),
    shared.port,
    click.option(
        "--clickhouse-port",
        type=int,
        show_default=f"{CLICKHOUSE_PORT} beside {DEFAULT_PORT}, else a free one",
        help="Port of the ClickHouse interface.",
    ),
    shared.data_dir,
    click.option(
        "--allow-private-urls",
        is_flag=True,
        help="Let imports by url reach this machine and private networks.",
    ),
    click.option(
        "--events-rps",
        type=click.IntRange(min=1),
        help="Requests a second that the Events API takes from a workspace; else any number.",
    ),
    click.option(
        "--log-level",
        type=click.Choice(["info", "warning", "error"]),
        default="info",
        show_default=True,
        help="What to log; info has a line for each request.",
    ),
)


class _Options(NamedTuple):
    """The options of `serve` and `up`."""

    host: str
    port: int
    clickhouse_port: int | None
    data_dir: Path
    allow_private_urls: bool
    events_rps: int | None
    log_level: str


def _with_server_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_server_options):
        command = option(command)
    return command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
def main() -> None:
    """Run any Tinybird project in one process, without Docker."""


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
@click.option("--port", type=int, help="Port of the server; else of the one that runs.")
@shared.data_dir
def env(port: int | None, data_dir: Path) -> None:
    """Print the addresses and tokens of a data dir, for `eval "$(birdhouse env)"`."""
    from birdhouse.datadir import DataDir
    from birdhouse.up import declared_tokens
    from birdhouse.workspace.store import Store
    from birdhouse.workspace.workspaces import Workspaces

    place = DataDir(data_dir)
    if not place.store.exists():
        fail(f"There is no data dir at {data_dir}: start birdhouse first, or name it: --data-dir")
    workspaces = Workspaces(Store(place.store, read_only=True))
    if port is None:
        port = place.server.port if place.server else DEFAULT_PORT
    values = {
        "TB_HOST": f"http://localhost:{port}",
        **declared_tokens(workspaces.default),
        "TB_LOCAL_HOST": "localhost",
        "TB_LOCAL_PORT": str(port),
    }
    for name, value in values.items():
        click.echo(f"export {name}={shlex.quote(value)}")


def _run(options: _Options, project: Path | None, *, fixtures: bool) -> None:
    from birdhouse.datadir import DataDir
    from birdhouse.errors import BirdhouseError, ProjectError
    from birdhouse.http.headers import is_loopback
    from birdhouse.ingest import RemoteLimits
    from birdhouse.logs import start_log
    from birdhouse.server import StartError, listen, open_services, serve
    from birdhouse.up import bring_up, declared_tokens, folder_of, try_lines

    def url(listener: socket.socket) -> str:
        shown = "localhost" if options.host in ("127.0.0.1", "::1") else options.host
        return f"http://{shown}:{listener.getsockname()[1]}"

    def ready() -> None:
        DataDir(options.data_dir).announce(options.host, listener.getsockname()[1])
        click.echo(f"\nBirdhouse {__version__} listens on {url(listener)}")
        if clickhouse is not None:
            click.echo(f"ClickHouse interface on {url(clickhouse)}")
        if not is_loopback(options.host):
            click.echo("Other machines may reach it, with a token: /tokens answers this one alone")
        click.echo(f"Explorer on {url(listener)}/")
        if services.dashboard is not None:
            click.echo(f"Dashboard on {url(listener)}/dashboard")
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
        clickhouse_port = CLICKHOUSE_PORT if options.port == DEFAULT_PORT else 0
    start_log(options.log_level)
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
            services = stack.enter_context(open_services(options.data_dir, remote))._replace(
                events_rps=options.events_rps
            )
            if project is not None:
                for line in bring_up(services, project, fixtures=fixtures):
                    click.echo(line)
                services = services._replace(
                    dashboard=folder_of(project, "dashboard"), public=folder_of(project, "public")
                )
            serve(services, listener, ready, clickhouse)
    except ProjectError as error:
        fail("The project cannot be deployed:\n" + "\n".join(_indented(error)))
    except (StartError, BirdhouseError) as error:
        fail(str(error))


def _indented(error: Exception) -> list[str]:
    return [f"  {line}" for line in str(error).splitlines()]


for command in COMMANDS:
    main.add_command(command)
