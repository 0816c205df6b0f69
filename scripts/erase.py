"""Erase users, sessions or a tenant: from landing tables, rollups and quarantine.

Works over the public API of any Tinybird host, with a token that may do everything in the workspace
(TB_ADMIN_TOKEN or TB_TOKEN). --dry-run only counts. What was done is written to a receipt, from
which an erasure that was cut off goes on when the same command is given again. It names whom it is
about by a hash only. Exits with 1 when rows are left.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import httpx
import msgspec
from rich.console import Console
from rich.table import Table as Shown

from erasure import Erasure, Plan, Subject, Table, plan_erasure
from host import checked, find_host, host_options

_UNFINISHED, _FINISHED = "unfinished", "finished"


class Receipt(msgspec.Struct):
    """What was erased, and how far it came."""

    subject: dict[str, Any]
    host: str
    workspace: str
    started_at: str
    tables: list[Table]
    kept: dict[str, str]
    """Tables that were left as they are, each with the reason."""
    paused: list[str] = []
    """Copy pipes whose schedules rest meanwhile."""
    status: str = _UNFINISHED
    finished_at: str | None = None

    def save(self, path: Path) -> None:
        """Replace the file in one go, so that a crash leaves a whole one."""
        fresh = path.with_name(path.name + ".new")
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n")
        fresh.replace(path)


def open_receipt(path: Path, fresh: Receipt) -> Receipt:
    """The receipt of an erasure that was cut off, or a fresh one."""
    if not path.exists():
        return fresh
    try:
        known = msgspec.json.decode(path.read_bytes(), type=Receipt)
    except msgspec.DecodeError as error:
        raise click.ClickException(f"{path} is no receipt of an erasure: {error}") from None
    if known.status == _FINISHED:
        raise click.ClickException(
            f"{path} is the receipt of an erasure that is finished: name another with --receipt"
        )
    about = (known.subject, known.host, known.workspace)
    if about != (fresh.subject, fresh.host, fresh.workspace):
        raise click.ClickException(f"{path} is the receipt of another erasure: name another")
    done = {table.name: table for table in known.tables}
    # The project may have changed since: what is new is to be done too.
    known.tables = [done.get(table.name, table) for table in fresh.tables]
    return known


def carry_out(erasure: Erasure, receipt: Receipt, save: Callable[[], None]) -> None:
    """Do what is not done yet, and count what is left."""
    for table in receipt.tables:
        if table.before is None:
            table.before = erasure.count(table)
    receipt.paused = receipt.paused or erasure.schedules()
    save()
    erasure.pause(receipt.paused)
    try:
        for table in receipt.tables:
            if not table.done:
                erasure.run(table)
                table.done = True
                save()
    finally:
        erasure.resume(receipt.paused)
    for table in receipt.tables:
        table.after = erasure.count(table)
    if any(table.after for table in receipt.tables if table.action == "delete"):
        # They came meanwhile: once more from the beginning, on the next attempt.
        for table in receipt.tables:
            table.done = False
    else:
        receipt.status, receipt.finished_at = _FINISHED, _now()
    save()


def show(receipt: Receipt) -> None:
    table = Shown(box=None, padding=(0, 1, 0, 0))
    table.add_column("table")
    table.add_column("")
    table.add_column("before", justify="right")
    table.add_column("after", justify="right")
    for one in receipt.tables:
        numbers = ("" if n is None else f"{n:,}" for n in (one.before, one.after))
        table.add_row(one.name, "made anew" if one.action == "rebuild" else "", *numbers)
    for name in receipt.kept:
        table.add_row(name, "kept", "", "")
    Console(highlight=False).print(table)


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _subject(
    user: tuple[str, ...], session: tuple[str, ...], tenant: str | None, in_tenant: str | None
) -> Subject:
    chosen = {"user_id": user, "session_id": session, "tenant_id": (tenant,) if tenant else ()}
    given = [(column, values) for column, values in chosen.items() if values]
    if len(given) != 1 or not all(given[0][1]):
        raise click.UsageError("Say whom to erase: --user, --session or --tenant, one of them.")
    column, values = given[0]
    if column == "tenant_id" and in_tenant is not None:
        raise click.UsageError("--in-tenant narrows --user and --session.")
    return Subject(column, values, in_tenant)


@click.command(help=__doc__)
@click.option("--user", multiple=True, help="A user_id to erase; repeat it for more.")
@click.option("--session", multiple=True, help="A session_id to erase; repeat it for more.")
@click.option("--tenant", help="A tenant_id to erase, with all that it did.")
@click.option("--in-tenant", help="Erase the user or session in this tenant only.")
@click.option("--dry-run", is_flag=True, help="Count the rows and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--receipt",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the receipt.  [default: erasure-HASH.json]",
)
@click.option(
    "--timeout", type=float, default=120.0, show_default=True, help="Seconds to wait for an answer."
)
@host_options("A token that may do everything in the workspace.")
def main(
    user: tuple[str, ...],
    session: tuple[str, ...],
    tenant: str | None,
    in_tenant: str | None,
    dry_run: bool,
    yes: bool,
    path: Path | None,
    timeout: float,
    host: str | None,
    token: str | None,
    env_file: Path,
) -> None:
    subject = _subject(user, session, tenant, in_tenant)
    found = find_host(host, token, env_file, ("TB_ADMIN_TOKEN", "TB_TOKEN"))
    path = path or Path(f"erasure-{subject.fingerprint()['sha256'][0][:12]}.json")
    try:
        with found.client(timeout) as http:
            workspace = checked("The workspace", http.get("/v1/workspace"))["name"]
            plan = plan_erasure(http, subject)
            erasure = Erasure(http, subject, plan)
            fresh = _fresh(subject, found.url, workspace, plan)
            if dry_run:
                for table in fresh.tables:
                    table.before = erasure.count(table)
                show(fresh)
                return
            receipt = open_receipt(path, fresh)
            if not yes:
                click.confirm(f"Erase this from {workspace} at {found.url} for ever?", abort=True)
            carry_out(erasure, receipt, lambda: receipt.save(path))
    except httpx.TransportError as error:
        raise click.ClickException(
            f"{found.url}: {type(error).__name__}: {error}. Give the command again to go on"
        ) from None
    show(receipt)
    click.echo(f"Receipt: {path}")
    if receipt.status != _FINISHED:
        click.echo("Rows came in meanwhile. Stop who sends them and give the command again.")
        sys.exit(1)


def _fresh(subject: Subject, host: str, workspace: str, plan: Plan) -> Receipt:
    return Receipt(subject.fingerprint(), host, workspace, _now(), plan.tables, plan.kept)


if __name__ == "__main__":
    main()
