"""What the commands share."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import click

DEFAULT_PORT = 7181
CLICKHOUSE_PORT = 7182
"""Where `tb ch` looks for the ClickHouse interface of a server on this machine."""

port = click.option("--port", default=DEFAULT_PORT, show_default=True, help="Port to listen on.")
data_dir = click.option(
    "--data-dir",
    default=Path(".birdhouse"),
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder that keeps data, tokens and deployments.",
)


def fail(message: str) -> NoReturn:
    """End the command with a message for a person."""
    click.echo(f"birdhouse: {message}", err=True)
    raise SystemExit(1)


def size(count: int) -> str:
    """Bytes in words."""
    for power, unit in ((4, "TB"), (3, "GB"), (2, "MB"), (1, "kB")):
        if count >= 1000**power:
            return f"{count / 1000**power:.1f} {unit}"
    return f"{count} bytes"
