"""`birdhouse quarantine`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from birdhouse.commands import options
from birdhouse.commands.client import client_of, json_of, with_server


@click.group()
def quarantine() -> None:
    """Rows that were rejected."""


@quarantine.command()
@click.argument("datasource")
@click.option("--where", default="", help="Which rows, as SQL over the quarantine; else all.")
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="COLUMN=SQL",
    help="Another value for a column, as SQL over the quarantine. Can be given several times.",
)
@with_server
def replay(datasource: str, where: str, assignments: Sequence[str], **server: Any) -> None:
    """Append the rejected rows of DATASOURCE anew, and take them out of its quarantine.

    What is still wrong goes back to quarantine, with its reason. Ends with 1 when rows are left.
    """
    values = {}
    for assignment in assignments:
        column, sign, value = assignment.partition("=")
        if not (column and sign and value):
            options.fail(f"--set takes COLUMN=SQL, not '{assignment}'")
        values[column.strip()] = value
    with client_of(**server) as client:
        body = {"where": where, "set": values}
        done = json_of(client.post(f"/quarantine/{datasource}/replay", json=body))
    stored, rejected, unreadable = (
        done[key] for key in ("successful_rows", "quarantined_rows", "unreadable_rows")
    )
    click.echo(f"{datasource}: {stored} rows stored, {rejected} back in quarantine")
    if unreadable:
        options.fail(
            f"{unreadable} lines in quarantine are no rows: their text is in c__error. "
            "Send it repaired, and delete them from the quarantine"
        )
    if rejected:
        options.fail(f"{rejected} rows are still in quarantine: the column c__error there says why")
