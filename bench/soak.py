"""Ingestion and queries for a long time: `python bench/soak.py [--minutes 30] [--window 0]`.

A birdhouse of its own serves this project. First it is given as much as it takes, to find out what
that is; then 80 % of it at a steady pace for the whole time. A request's latency counts from the
moment at which it was due, so one that has to wait behind a slow one shows that. Memory is that of
the server's process. The questions are about the last `--window` minutes, or about all there is:
then an answer is about more rows all the time. Printed for each tenth of the run and drawn into
docs/images/soak.svg.

Ends with 1 when a request failed, a row is missing, or memory or latency of the last third are
above those of the middle third by more than the limits.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

ROOT = Path(__file__).resolve().parent.parent
PLOT = ROOT / "docs" / "images" / "soak.svg"

SHARE = 0.8
WARM_UP, MEASURED, WINDOWS = 20.0, 40.0, 4
"""Seconds at full speed, of which the first do not count; the slowest window of the others does,
since merges come and go."""
SENDERS, READERS = 4, 2
EVENTS = 100
"""Events of a request."""
TENANTS, USERS = 200, 20_000
MEMORY_GROWTH, LATENCY_GROWTH = 1.10, 1.50
TYPES = ("page_view", "click", "add_to_cart", "checkout_start", "purchase")
QUESTIONS = ("event_stats", "get_events", "event_series", "event_list", "live_now", "user_activity")


class Sample(NamedTuple):
    """A request that is over; times are seconds of the run."""

    kind: str
    due: float
    latency: float
    error: str


class Load:
    """Makes requests, and remembers how they went."""

    def __init__(self, port: int, token: str, window: float) -> None:
        self._port = port
        self._window = timedelta(minutes=window)
        self._headers = {"Authorization": f"Bearer {token}"}
        self._numbers = itertools.count()
        self.samples: list[Sample] = []
        self.accepted = 0
        self._lock = threading.Lock()

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)

    def send(self, connection: http.client.HTTPConnection, random_: random.Random) -> str:
        """Send events of now; says what went wrong."""
        now = written(datetime.now(UTC))
        body = "\n".join(
            f'{{"event_id":"e{next(self._numbers)}","event_type":"{random_.choice(TYPES)}",'
            f'"user_id":"user_{random_.randrange(USERS)}","session_id":"s{random_.randrange(USERS)}",'
            f'"timestamp":"{now}","platform":"web","app_version":"2.1.0","device_type":"phone",'
            f'"os":"ios","country":"ES","tenant_id":"tenant_{random_.randrange(TENANTS)}",'
            '"properties":"{\\"page\\":\\"/home\\"}"}'
            for _ in range(EVENTS)
        )
        connection.request("POST", "/v0/events?name=events", body, self._headers)
        answer = connection.getresponse()
        found = answer.read()
        if answer.status != 202 or json.loads(found)["quarantined_rows"]:
            return f"{answer.status} {found[:200]!r}"
        with self._lock:
            self.accepted += EVENTS
        return ""

    def ask(self, connection: http.client.HTTPConnection, random_: random.Random) -> str:
        """Ask one of the endpoints about a tenant; says what went wrong."""
        name = random_.choice(QUESTIONS)
        given = {"tenant_id": f"tenant_{random_.randrange(TENANTS)}"}
        if name == "user_activity":
            given["user_id"] = f"user_{random_.randrange(USERS)}"
        if self._window:
            given["start_date"] = written(datetime.now(UTC) - self._window)
        connection.request("GET", f"/v0/pipes/{name}.json?{urlencode(given)}", None, self._headers)
        answer = connection.getresponse()
        found = answer.read()
        return "" if answer.status == 200 else f"{name}: {answer.status} {found[:200]!r}"

    def count(self) -> int:
        """The events that are stored."""
        connection = self.connection()
        sql = "select count() c from events where event_id like 'e%' format JSON"
        connection.request("POST", "/v0/sql", sql, self._headers)
        found = json.loads(connection.getresponse().read())
        connection.close()
        return int(found["data"][0]["c"])

    def run(self, seconds: float, rates: dict[str, float] | None) -> None:
        """Make requests for so long: as many as go, or so many a second of each kind."""
        start = time.perf_counter()
        threads = []
        for kind, workers in (("send", SENDERS), ("ask", READERS)):
            pace = itertools.count()
            # At a pace, some more stand by: one that is slow must not keep the others waiting.
            for _ in range(workers if rates is None else workers * 4):
                rate = None if rates is None else rates[kind]
                arguments = (kind, start, seconds, rate, pace)
                threads.append(threading.Thread(target=self._work, args=arguments))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(
        self,
        kind: str,
        start: float,
        seconds: float,
        rate: float | None,
        pace: Iterator[int],
    ) -> None:
        act: Callable[[http.client.HTTPConnection, random.Random], str]
        act = self.send if kind == "send" else self.ask
        random_ = random.Random()
        connection = self.connection()
        while True:
            now = time.perf_counter() - start
            due = now if rate is None else next(pace) / rate
            if due >= seconds:
                break
            time.sleep(max(due - now, 0.0))
            try:
                error = act(connection, random_)
            except (OSError, http.client.HTTPException) as failure:
                error = repr(failure)
                connection.close()
            latency = time.perf_counter() - start - due
            self.samples.append(Sample(kind, due, latency, error))
        connection.close()


def written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


@contextmanager
def serving(data_dir: Path) -> Iterator[tuple[int, int]]:
    """`birdhouse up` with this project: its process and its port."""
    command = [sys.executable, "-m", "birdhouse", "up", str(ROOT), "--port", "0", "--no-fixtures"]
    command += ["--data-dir", str(data_dir), "--log-level", "error"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if " listens on " in line)
            # What it prints later must not fill the pipe.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield process.pid, int(line.strip().rpartition(":")[2])
        finally:
            process.terminate()


def memory_of(process: int) -> float:
    """Resident memory in MB."""
    found = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(process)], capture_output=True, text=True, check=True
    )
    return int(found.stdout) / 1024


class Memory:
    """The server's memory, second by second."""

    def __init__(self, process: int) -> None:
        self.samples: list[tuple[float, float]] = []
        self._process = process
        self._ended = threading.Event()
        self._start = time.perf_counter()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(1.0):
            moment = time.perf_counter() - self._start
            self.samples.append((moment, memory_of(self._process)))


def percentile(values: Sequence[float], share: float) -> float:
    """In milliseconds; 0 for none."""
    found = sorted(values)
    return found[min(int(len(found) * share), len(found) - 1)] * 1000 if found else 0.0


class Tenth(NamedTuple):
    """What happened in a part of the run."""

    end: float
    memory: float
    send_p50: float
    send_p99: float
    ask_p50: float
    ask_p99: float
    errors: int


def part(load: Load, memory: Memory, start: float, end: float) -> Tenth:
    mine = [sample for sample in load.samples if start <= sample.due < end]
    send = [sample.latency for sample in mine if sample.kind == "send"]
    ask = [sample.latency for sample in mine if sample.kind == "ask"]
    held = [held for moment, held in memory.samples if start <= moment < end]
    return Tenth(
        end,
        statistics.mean(held) if held else 0.0,
        percentile(send, 0.5),
        percentile(send, 0.99),
        percentile(ask, 0.5),
        percentile(ask, 0.99),
        sum(bool(sample.error) for sample in mine),
    )


CURVES = {
    "Memory, MB": ((1, "#4363d8", "RSS"),),
    "Events, 100 a request, ms": ((2, "#3cb44b", "p50"), (3, "#e6194b", "p99")),
    "Queries, ms": ((4, "#3cb44b", "p50"), (5, "#e6194b", "p99")),
}


def plot(parts: Sequence[Tenth], title: str) -> str:
    """The curves as SVG, one under the other."""
    width, height, left, top = 760, 150, 60, 40
    whole = top + len(CURVES) * (height + 50)
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{whole}"',
        '  font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{left}" y="22" font-size="14">{title}</text>',
    ]
    for number, (name, lines) in enumerate(CURVES.items()):
        base = top + number * (height + 50) + height
        most = max(max(part[place] for part in parts) for place, _, _ in lines) * 1.1 or 1.0
        drawn.append(f'<text x="{left}" y="{base - height + 8}" fill="#333">{name}</text>')
        for share in (0, 0.5, 1):
            y = base - share * (height - 20)
            drawn.append(f'<path d="M{left} {y:.1f}H{width - 20}" stroke="#ddd"/>')
            drawn.append(
                f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{most * share:.0f}</text>'
            )
        for place, colour, label in lines:
            points = [
                (
                    left + part.end / parts[-1].end * (width - left - 60),
                    base - part[place] / most * (height - 20),
                )
                for part in parts
            ]
            path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
            x, y = points[-1]
            drawn.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
            drawn.append(f'<text x="{x + 6:.1f}" y="{y + 4:.1f}" fill="{colour}">{label}</text>')
        drawn.append(
            f'<text x="{width - 60}" y="{base + 18}" text-anchor="end">'
            f"{parts[-1].end / 60:.0f} minutes</text>"
        )
    return "\n".join([*drawn, "</svg>"]) + "\n"


def growth(parts: Sequence[Tenth]) -> list[str]:
    """What the last third has more of than the middle third than it may."""
    third = len(parts) // 3
    middle, last = parts[third:-third], parts[-third:]
    found = []
    for place, limit in ((1, MEMORY_GROWTH), (2, LATENCY_GROWTH), (4, LATENCY_GROWTH)):
        before = statistics.mean(part[place] for part in middle)
        after = statistics.mean(part[place] for part in last)
        print(f"{Tenth._fields[place]}: {after / before:.2f} times the middle third in the last")
        if after > before * limit:
            found.append(f"{Tenth._fields[place]} grew from {before:.1f} to {after:.1f}")
    return found


def capacity(load: Load) -> dict[str, float]:
    """Requests a second of each kind that go on, both at once at full speed."""
    load.run(WARM_UP + MEASURED, None)
    rates = {}
    for kind in ("send", "ask"):
        ended = [s.due + s.latency - WARM_UP for s in load.samples if s.kind == kind]
        width = MEASURED / WINDOWS
        counts = [sum(n * width <= end < (n + 1) * width for end in ended) for n in range(WINDOWS)]
        rates[kind] = min(counts) / width
    load.samples.clear()
    return rates


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--window", type=float, default=0.0, help="minutes; 0: all there is")
    parser.add_argument("--plot", type=Path, default=PLOT)
    chosen = parser.parse_args()
    seconds = chosen.minutes * 60
    with (
        tempfile.TemporaryDirectory(prefix="birdhouse-soak-") as name,
        serving(Path(name) / "data") as (process, port),
    ):
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/tokens")
        token = json.loads(connection.getresponse().read())["workspace_admin_token"]
        connection.close()
        load = Load(port, token, chosen.window)
        full = capacity(load)
        print(
            f"capacity: {full['send'] * EVENTS:,.0f} events and {full['ask']:,.0f} queries a "
            f"second together, of {SENDERS} and {READERS} clients",
            flush=True,
        )
        rates = {kind: rate * SHARE for kind, rate in full.items()}
        with Memory(process) as memory:
            load.run(seconds, rates)
        stored = load.count()
    edges = [seconds * tenth / 10 for tenth in range(11)]
    parts = [part(load, memory, *edge) for edge in itertools.pairwise(edges)]
    title = (
        f"{rates['send'] * EVENTS:,.0f} events and {rates['ask']:,.0f} queries a second: "
        f"{SHARE:.0%} of the capacity"
    )
    print(f"{title}, {chosen.minutes:g} minutes, {stored:,} events stored in the end")
    print("minute  RSS MB  send p50  p99, ms   ask p50   p99, ms  errors")
    for found in parts:
        latencies = (found.send_p50, found.send_p99, found.ask_p50, found.ask_p99)
        shown = "".join(f"{latency:10.1f}" for latency in latencies)
        print(f"{found.end / 60:6.1f}  {found.memory:6.0f}{shown}{found.errors:8}")
    chosen.plot.parent.mkdir(parents=True, exist_ok=True)
    chosen.plot.write_text(plot(parts, title))
    wrong = growth(parts)
    errors = [sample.error for sample in load.samples if sample.error]
    if errors:
        wrong.append(f"{len(errors)} requests failed, the first with {errors[0]}")
    if stored != load.accepted:
        wrong.append(f"{load.accepted:,} events were accepted, {stored:,} are stored")
    for text in wrong:
        print(text)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
