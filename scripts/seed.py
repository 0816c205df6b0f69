"""Stream generated rows to the Events API of any Tinybird host.

The rows are visits to a shop that end now. With --live they are sent as they happen, of both data
sources, by day more than at night, until Ctrl-C; with --history they fill the past.

The host and the token are read from TB_HOST and TB_APPEND_TOKEN (or TB_TOKEN), in the environment
or in a .env file. Exits with 1 when rows were lost: failed or quarantined.
"""

from __future__ import annotations

import random
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from queue import Queue
from types import FrameType
from typing import NamedTuple

import click
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from crowd import DAY, Crowd, Live
from events_api import BatchLost, BatchRefused, EventsAPI
from host import find_host, host_options
from traffic import Row, Traffic, event_rows, session_rows

ROWS_OF = {"events": event_rows, "user_sessions": session_rows}
USERS_PER_TENANT = 50
CONTINUOUS_RATE = 100.0
LIVE_RATE = 20.0
HISTORY_ROWS = 1_000_000
BATCH = 1000
HISTORY_BATCH = 10_000
AHEAD = 4
"""Batches that are made while the host is busy with one."""
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


class Batch(NamedTuple):
    """Rows that go out together."""

    datasource: str
    rows: list[Row]


def generate(datasource: str, seed: int, tenants: int) -> Iterator[Row]:
    """Rows without end, in visits that end at the present second."""
    traffic = traffic_of(seed, tenants)
    rows_of = ROWS_OF[datasource]
    while True:
        yield from rows_of(traffic.visit(ends=int(time.time())))


def traffic_of(seed: int, tenants: int) -> Traffic:
    return Traffic(seed, tenants=tenants, users=tenants * USERS_PER_TENANT)


def in_batches(
    datasource: str, rows: Iterator[Row], size: int, rate: float | None, interrupt: Interrupt
) -> Iterator[Batch]:
    """The rows in batches, no faster than `rate` rows a second."""
    due = time.monotonic()
    while interrupt.pause(due - time.monotonic()) and (batch := list(islice(rows, size))):
        if rate is not None:
            # From now on where the host was too slow: what was missed is not made up in a burst.
            due = max(due, time.monotonic() - 1) + len(batch) / rate
        yield Batch(datasource, batch)


def live(crowd: Crowd, rate: float, size: int, interrupt: Interrupt) -> Iterator[Batch]:
    """What happens, a second at a time, until Ctrl-C."""
    going_on = Live(crowd, rate, time.time())
    while interrupt.pause(1):
        for datasource, rows in going_on.due(time.time()).items():
            for start in range(0, len(rows), size):
                yield Batch(datasource, rows[start : start + size])


def history(crowd: Crowd, days: int, rows: int, size: int) -> Iterator[Batch]:
    """The visits of so many days, as rows of both data sources."""
    waiting: dict[str, list[Row]] = {datasource: [] for datasource in ROWS_OF}
    now = int(time.time())
    for visit in crowd.history(now - days * DAY, now, rows):
        for datasource, rows_of in ROWS_OF.items():
            waiting[datasource] += rows_of(visit)
            if len(waiting[datasource]) >= size:
                yield Batch(datasource, waiting[datasource])
                waiting[datasource] = []
    yield from (Batch(datasource, rest) for datasource, rest in waiting.items() if rest)


def ahead(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches, made by a thread while the host takes the ones before."""
    made: Queue[Batch | BaseException | None] = Queue(AHEAD)

    def make() -> None:
        try:
            for batch in batches:
                made.put(batch)
            made.put(None)
        except BaseException as error:
            made.put(error)
            raise

    threading.Thread(target=make, daemon=True).start()
    while (batch := made.get()) is not None:
        if isinstance(batch, BaseException):
            raise batch
        yield batch


def stream(
    apis: dict[str, EventsAPI],
    batches: Iterator[Batch],
    *,
    interrupt: Interrupt,
    progress: Progress,
    total: int | None,
) -> Tally:
    """Send the batches one after the other, and count their rows."""
    tally = Tally()
    task = progress.add_task("", total=total, lost="")
    failed_in_a_row = 0
    for datasource, batch in batches:
        tally.sent += len(batch)
        try:
            receipt = apis[datasource].send(batch)
        except BatchLost as loss:
            message = f"[red]{len(batch):,} rows failed:[/] {escape(str(loss))}"
            progress.console.print(message, highlight=False, soft_wrap=True)
            tally.failed += len(batch)
            failed_in_a_row += 1
            if isinstance(loss, BatchRefused) or failed_in_a_row == HOST_IS_GONE:
                break
        else:
            failed_in_a_row = 0
            tally.accepted += receipt.accepted
            tally.quarantined += receipt.quarantined
            tally.failed += max(0, len(batch) - receipt.accepted - receipt.quarantined)
            tally.maybe_twice += len(batch) if receipt.maybe_twice else 0
        lost = f"[red]{tally.lost:,} lost" if tally.lost else ""
        progress.update(task, completed=tally.sent, lost=lost)
        if interrupt.wished:
            break
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


class Days(click.ParamType):
    """So many days: `90d`."""

    name = "DAYS"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number = value.removesuffix("d")
        if not (number.isascii() and number.isdecimal() and 1 <= int(number) <= 3650):
            self.fail(f"{value!r} is not a number of days such as 90d, at most 3650d")
        return int(number)


@click.command(help=__doc__)
@click.option(
    "--rows",
    type=click.IntRange(1),
    help="How many rows to send.  [default: 10000; with --history about 1000000 of each data "
    "source]",
)
@click.option("--continuous", is_flag=True, help="Send until Ctrl-C.")
@click.option("--live", "is_live", is_flag=True, help="Send both data sources as it happens.")
@click.option("--history", "days", type=Days(), help="Fill the last days, such as 90d, of both.")
@click.option(
    "--rate",
    type=click.FloatRange(0, min_open=True),
    help="Rows a second.  [default: as fast as the host takes them; 100 with --continuous, 20 of "
    "each data source with --live]",
)
@click.option(
    "--batch-size",
    type=click.IntRange(1),
    help="Rows in a request.  [default: 1000; 10000 with --history]",
)
@click.option("--datasource", type=click.Choice(list(ROWS_OF)), default="events", show_default=True)
@host_options("A token that may append to the data source.")
@click.option("--tenants", type=click.IntRange(1), default=20, show_default=True)
@click.option("--seed", type=int, help="Generate the same visits again.  [default: new ones]")
@click.option("--retries", type=click.IntRange(0), default=5, show_default=True)
@click.option(
    "--timeout", type=float, default=30.0, show_default=True, help="Seconds to wait for an answer."
)
def main(
    rows: int | None,
    continuous: bool,
    is_live: bool,
    days: int | None,
    rate: float | None,
    batch_size: int | None,
    datasource: str,
    host: str | None,
    token: str | None,
    env_file: Path,
    tenants: int,
    seed: int | None,
    retries: int,
    timeout: float,
) -> None:
    if is_live + continuous + (days is not None) > 1:
        raise click.UsageError("--live, --continuous and --history exclude each other.")
    if rows is not None and (continuous or is_live):
        raise click.UsageError("--rows ends what --continuous and --live do without end.")
    if rate is not None and days is not None:
        raise click.UsageError("--history goes as fast as the host takes it: it has no --rate.")
    found = find_host(host, token, env_file, ("TB_APPEND_TOKEN", "TB_TOKEN"))
    if seed is None:
        seed = random.SystemRandom().getrandbits(32)

    interrupt = Interrupt()
    client = found.client(timeout)
    progress = Progress(
        TextColumn("{task.completed:,} rows"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[lost]}"),
        console=Console(stderr=True),
    )
    total: int | None = None
    size = batch_size or BATCH
    if is_live:
        batches = live(Crowd(traffic_of(seed, tenants)), rate or LIVE_RATE, size, interrupt)
    elif days is not None:
        crowd = Crowd(traffic_of(seed, tenants))
        size = batch_size or HISTORY_BATCH
        batches = ahead(history(crowd, days, rows or HISTORY_ROWS, size))
    else:
        total = None if continuous else rows or 10_000
        rate = CONTINUOUS_RATE if continuous and rate is None else rate
        # A slow stream goes out every second, not when a large batch is full.
        if rate is not None:
            size = max(1, min(size, int(rate)))
        made = islice(generate(datasource, seed, tenants), total)
        batches = in_batches(datasource, made, size, rate, interrupt)
    started = time.monotonic()
    apis = {
        name: EventsAPI(client, name, retries=retries, pause=interrupt.pause) for name in ROWS_OF
    }
    with client, progress:
        tally = stream(apis, batches, interrupt=interrupt, progress=progress, total=total)
    unsent = 0 if total is None else total - tally.sent
    seconds = time.monotonic() - started
    retried = sum(api.retried for api in apis.values())
    report(tally, unsent=unsent, retried=retried, seconds=seconds, seed=seed)
    if tally.lost:
        sys.exit(1)
    if unsent:
        sys.exit(130)


if __name__ == "__main__":
    main()
