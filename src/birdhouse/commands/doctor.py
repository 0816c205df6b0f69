"""`birdhouse doctor`."""

from __future__ import annotations

from pathlib import Path

import click

from birdhouse.commands import options

_SHOWN = {"ok": "ok     ", "warning": "warning", "problem": "problem"}


@click.command()
@click.option("--port", type=int, help="Port to look at; else that of the server that runs.")
@options.data_dir
def doctor(port: int | None, data_dir: Path) -> None:
    """Look for what keeps birdhouse from working, and say what to do."""
    from birdhouse.datadir import DataDir
    from birdhouse.doctor import examine

    place = DataDir(data_dir)
    if port is None:
        port = place.server.port if place.server else options.DEFAULT_PORT
    findings = []
    for finding in examine(port, place):
        findings.append(finding)
        click.echo(f"{_SHOWN[finding.level]}  {finding.text}")
        if finding.advice:
            click.echo(f"         {finding.advice}")
    if any(finding.level == "problem" for finding in findings):
        raise SystemExit(1)
