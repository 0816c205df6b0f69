"""Stream generated rows to the Events API of any Tinybird host.

The rows are visits to a shop that end now. The host and the token are read from TB_HOST and
TB_APPEND_TOKEN (or TB_TOKEN), in the environment or in a .env file. Exits with 1 when rows were
lost: failed or quarantined.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import FrameType

import click
import httpx
from dotenv import dotenv_values
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from events_api import BatchLost, BatchRefused, EventsAPI
from traffic import Row, Traffic, event_rows, session_rows

ROWS_OF = {"events": event_rows, "user_sessions": session_rows}
USERS_PER_TENANT = 50
CONTINUOUS_RATE = 100.0
# A host that took none of this many batches in a row is not coming back soon.
HOST_IS_GONE = 3


@dataclass(slots=True)
class Tally:
    """What became of the rows."""

    sent: int = 0
    accepted: int = 0
    quarantined: int = 0
    failed: int = 0
    maybe_twice: int = 0

    @property
    def lost(self) -> int:
        return self.quarantined + self.failed


class Interrupt:
    """Makes of the first Ctrl-C a wish to stop, so that the batch on its way is still counted."""

    def __init__(self) -> None:
        self.wished = False
        signal.signal(signal.SIGINT, self._handle)

    def _handle(self, signum: int, frame: FrameType | None) -> None:
        if self.wished:
            raise KeyboardInterrupt
        self.wished = True

    def pause(self, seconds: float) -> bool:
        """Wait, and return whether to go on. A Ctrl-C ends the wait."""
        end = time.monotonic() + seconds
        while not self.wished and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.1))
        return not self.wished


def generate(datasource: str, seed: int, tenants: int) -> Iterator[Row]:
    """Rows without end, in visits that end at the present second."""
    traffic = Traffic(seed, tenants=tenants, users=tenants * USERS_PER_TENANT)
    rows_of = ROWS_OF[datasource]
    while True:
        yield from rows_of(traffic.visit(ends=int(time.time())))


def stream(
    api: EventsAPI,
    rows: Iterator[Row],
    *,
    batch_size: int,
    rate: float | None,
    interrupt: Interrupt,
    progress: Progress,
    total: int | None,
) -> Tally:
    """Send the rows batch by batch, no faster than `rate` rows a second, and count them."""
    tally = Tally()
    task = progress.add_task("", total=total, lost="")
    failed_in_a_row = 0
    due = time.monotonic()
    while failed_in_a_row < HOST_IS_GONE and interrupt.pause(due - time.monotonic()):
        batch = list(islice(rows, batch_size))
        if not batch:
            break
        if rate is not None:
            # From now on where the host was too slow: what was missed is not made up in a burst.
            due = max(due, time.monotonic() - 1) + len(batch) / rate
        tally.sent += len(batch)
        try:
            receipt = api.send(batch)
        except BatchLost as loss:
            message = f"[red]{len(batch):,} rows failed:[/] {escape(str(loss))}"
            progress.console.print(message, highlight=False, soft_wrap=True)
            tally.failed += len(batch)
            failed_in_a_row += 1
            if isinstance(loss, BatchRefused):
                break
        else:
            failed_in_a_row = 0
            tally.accepted += receipt.accepted
            tally.quarantined += receipt.quarantined
            tally.failed += max(0, len(batch) - receipt.accepted - receipt.quarantined)
            tally.maybe_twice += len(batch) if receipt.maybe_twice else 0
        lost = f"[red]{tally.lost:,} lost" if tally.lost else ""
        progress.update(task, completed=tally.sent, lost=lost)
    return tally


def report(tally: Tally, *, unsent: int, retried: int, seconds: float, seed: int) -> None:
    """Print the summary."""
    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    table.add_column()
    table.add_column(justify="right")
    table.add_row("accepted", f"{tally.accepted:,}")
    table.add_row("quarantined", f"{tally.quarantined:,}")
    table.add_row("failed", f"{tally.failed:,}")
    if unsent:
        table.add_row("not sent", f"{unsent:,}")
    if retried:
        table.add_row("retries", f"{retried:,}")
    console = Console(highlight=False)
    console.print(table)
    console.print(f"{tally.sent / max(seconds, 1e-9):,.0f} rows/s for {seconds:.1f} s, seed {seed}")
    if tally.maybe_twice:
        console.print(
            f"Up to {tally.maybe_twice:,} rows may be stored twice: they were sent again because "
            "nobody knows what became of them the first time.",
            soft_wrap=True,
        )


def settings(env_file: Path) -> dict[str, str]:
    """The environment over the .env file. A name without a value counts as absent."""
    return {
        name: value for name, value in {**dotenv_values(env_file), **os.environ}.items() if value
    }


@click.command(help=__doc__)
@click.option("--rows", type=click.IntRange(1), help="How many rows to send.  [default: 10000]")
@click.option("--continuous", is_flag=True, help="Send until Ctrl-C.")
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    help="Rows a second.  [default: as fast as the host takes them; 100 with --continuous]",
)
@click.option("--batch-size", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--datasource", type=click.Choice(list(ROWS_OF)), default="events", show_default=True)
@click.option("--host", help="The Tinybird host, such as http://localhost:7181.")
@click.option("--token", help="A token that may append to the data source.")
@click.option(
    "--env-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path(".env"),
    show_default=True,
    help="Where to read the host and the token that the environment lacks.",
)
@click.option("--tenants", type=click.IntRange(1), default=20, show_default=True)
@click.option("--seed", type=int, help="Generate the same visits again.  [default: new ones]")
@click.option("--retries", type=click.IntRange(0), default=5, show_default=True)
@click.option(
    "--timeout", type=float, default=30.0, show_default=True, help="Seconds to wait for an answer."
)
def main(
    rows: int | None,
    continuous: bool,
    rate: float | None,
    batch_size: int,
    datasource: str,
    host: str | None,
    token: str | None,
    env_file: Path,
    tenants: int,
    seed: int | None,
    retries: int,
    timeout: float,
) -> None:
    if continuous and rows is not None:
        raise click.UsageError("--rows and --continuous exclude each other.")
    known = settings(env_file)
    host = host or known.get("TB_HOST")
    token = token or known.get("TB_APPEND_TOKEN") or known.get("TB_TOKEN")
    if host is None or token is None:
        raise click.UsageError(
            "No host or no token: set TB_HOST and TB_APPEND_TOKEN. "
            'For a birdhouse on this machine: eval "$(.venv/bin/birdhouse env)"'
        )
    if not host.startswith(("http://", "https://")):
        raise click.UsageError(f"The host is a URL such as http://localhost:7181, not {host!r}.")
    total = None if continuous else rows or 10_000
    if continuous and rate is None:
        rate = CONTINUOUS_RATE
    if rate is not None:
        # A slow stream goes out every second, not when a large batch is full.
        batch_size = max(1, min(batch_size, int(rate)))
    if seed is None:
        seed = random.SystemRandom().getrandbits(32)

    interrupt = Interrupt()
    client = httpx.Client(
        base_url=host,
        headers={"Authorization": f"Bearer {token}"},
        timeout=httpx.Timeout(timeout, connect=min(timeout, 5.0)),
    )
    progress = Progress(
        TextColumn("{task.completed:,} rows"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[lost]}"),
        console=Console(stderr=True),
    )
    started = time.monotonic()
    api = EventsAPI(client, datasource, retries=retries, pause=interrupt.pause)
    with client, progress:
        tally = stream(
            api,
            islice(generate(datasource, seed, tenants), total),
            batch_size=batch_size,
            rate=rate,
            interrupt=interrupt,
            progress=progress,
            total=total,
        )
    unsent = 0 if total is None else total - tally.sent
    seconds = time.monotonic() - started
    report(tally, unsent=unsent, retried=api.retried, seconds=seconds, seed=seed)
    if tally.lost:
        sys.exit(1)
    if unsent:
        sys.exit(130)


if __name__ == "__main__":
    main()
