"""Compare: `python -m bench.compare [--short | --grow] [--systems a,b] [--events 10000000]`.

Each system with each number of rows is measured by itself and written down at once: after an
interruption the same command goes on with the next one. At the end it writes the page. With
`--grow` the results of `--out` stay, and more rows are added to them.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from datetime import UTC, datetime
from pathlib import Path

from bench.compare import measure, report
from bench.compare.measure import Pace
from bench.compare.report import Results, machine
from bench.compare.system import ROOT
from bench.compare.systems import SYSTEMS

EVENTS = {"short": "200000", "grow": "50000000", "full": "1000000,10000000"}


def main() -> None:
    options = arguments()
    if not Path("/proc/self/status").exists():
        sys.exit("The comparison looks at processes as Linux shows them, and runs there only.")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Stopped."))  # servers are ended, too
    if not options.render:
        compare(options)
    results = Results.read(options.out)
    if options.docs:
        report.write(results, options.docs)
    else:
        print(report.page(results))
    if any(found.wrong for found in results.measured):
        sys.exit("Some answers are wrong: see `wrong` in the results.")


def compare(options: argparse.Namespace) -> None:
    """Measure everything that an interrupted run has not measured yet."""
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)  # PostgreSQL runs as another user
    progress = folder / "progress.json"
    results = Results.read(progress)
    if results.measured:
        print(f"going on after {len(results.measured)} measurements in {progress}", flush=True)
    elif options.grow:
        results = Results.read(options.out)
        if results.machine != machine():
            sys.exit(f"The results in {options.out} are of another machine: {results.machine}")
    results.machine, results.command = machine(), results.command or command(options)
    failed = []
    for events in options.events:
        whole = events == max(options.events) and not options.grow
        for name in options.systems:
            if missing := SYSTEMS[name].missing():
                results.left_out[name] = f"not installed: {missing}"
                print(f"{name}: left out, {results.left_out[name]}", flush=True)
            elif not results.has(name, events, whole):
                try:
                    results.add(one(name, folder, events, options.pace, whole))
                except Exception:  # the others are measured all the same
                    traceback.print_exc()
                    failed.append(f"{name} with {events:,} rows")
                    continue
                results.date = datetime.now(UTC).date().isoformat()
                results.write(progress)
    if failed:
        sys.exit(f"Not measured: {', '.join(failed)}. The same command tries them again.")
    order = list(SYSTEMS)
    results.measured.sort(key=lambda found: (found.events, order.index(found.system)))
    results.write(options.out)
    progress.unlink()
    for events in options.events:
        shutil.rmtree(folder / f"rows-{events}", ignore_errors=True)


def one(name: str, folder: Path, events: int, pace: Pace, whole: bool) -> measure.Measured:
    """Measure one system in a folder that is gone afterwards."""
    rows = prepared(folder, events)
    place = folder / f"{name}-{events}"
    shutil.rmtree(place, ignore_errors=True)
    system = SYSTEMS[name](place)
    began = time.perf_counter()
    try:
        found = asyncio.run(measure.measure(system, rows, pace, whole))
    except Exception as error:
        error.add_note(f"The log of {name} ends:\n{system.log.read_text()[-3000:]}")
        raise
    finally:
        system.kill()
    shutil.rmtree(place)
    spent = time.perf_counter() - began
    print(f"{name}, {events:,} rows: {spent:.0f} s", flush=True)
    for each in found.wrong:
        print(f"  wrong: {each}", flush=True)
    return found


def prepared(folder: Path, events: int) -> Path:
    """The rows, made unless they are there: by another process, since this one holds no engine."""
    rows = folder / f"rows-{events}"
    if not (rows / "work.json").exists():
        print(f"making {events:,} rows", flush=True)
        command = [sys.executable, "-m", "bench.compare.rows", str(rows), str(events)]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return rows


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.compare", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--short", action="store_true", help="200,000 rows, under three minutes")
    parser.add_argument(
        "--grow", action="store_true", help="add more rows, one client, to the results of --out"
    )
    parser.add_argument("--events", help="numbers of rows, with commas between: 1000000,10000000")
    parser.add_argument("--systems", default=",".join(SYSTEMS), help="some of: %(default)s")
    parser.add_argument("--seconds", type=float, help="how long each thing is looked at")
    parser.add_argument(
        "--folder", type=Path, help="for rows and stores while it runs: 12 GB with 10 M rows"
    )
    parser.add_argument("--out", type=Path, help="where the results go")
    parser.add_argument("--docs", type=Path, help="write benchmarks.md and its plots here")
    parser.add_argument("--render", action="store_true", help="only show the results of --out")
    options = parser.parse_args()
    mode = "short" if options.short else "grow" if options.grow else "full"
    listed = options.events or EVENTS[mode]
    options.events = sorted(map(int, listed.split(",")))
    options.systems = options.systems.split(",")
    if unknown := set(options.systems) - set(SYSTEMS):
        parser.error(f"no such system: {', '.join(unknown)}")
    seconds = options.seconds or (1.6 if options.short else 8.0)
    options.pace = Pace(seconds / 8, max(1, min(5, round(seconds * 5))), seconds)
    scratch = Path(tempfile.gettempdir())
    options.folder = options.folder or scratch / f"birdhouse-compare-{mode}"
    options.out = options.out or scratch / f"birdhouse-compare-{mode}.json"
    return options


def command(options: argparse.Namespace) -> str:
    """What to type for these results, without where they go."""
    given = "--short" if options.short else f"--events {','.join(map(str, options.events))}"
    return f"python -m bench.compare {given}"


if __name__ == "__main__":
    main()
