"""`birdhouse doctor`."""

from __future__ import annotations

from pathlib import Path

import click

from birdhouse.commands import options

_SHOWN = {"ok": "ok     ", "warning": "warning", "problem": "problem"}


@click.command()
@options.port
@options.data_dir
def doctor(port: int, data_dir: Path) -> None:
    """Look for what keeps birdhouse from working, and say what to do."""
    from birdhouse.doctor import examine

    findings = []
    for finding in examine(port, data_dir):
        findings.append(finding)
        click.echo(f"{_SHOWN[finding.level]}  {finding.text}")
        if finding.advice:
            click.echo(f"         {finding.advice}")
    problems = sum(finding.level == "problem" for finding in findings)
    if problems:
        raise SystemExit(1)
