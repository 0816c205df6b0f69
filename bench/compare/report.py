"""The results, and the page that shows them: `page.md` with the figures in their places."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Callable, Iterable
from pathlib import Path
from string import Template

import msgspec
from bench.compare.measure import Arrival, Crash, Crowd, Measured
from bench.compare.plots import bars, number
from bench.compare.work import EVERYONE, asked_about

PAGE = Path(__file__).with_name("page.md")
MEGABYTE = 1e6


class Results(msgspec.Struct):
    """What was measured, where and when."""

    measured: list[Measured] = []
    left_out: dict[str, str] = {}
    machine: str = ""
    date: str = ""
    command: str = ""

    @classmethod
    def read(cls, file: Path) -> Results:
        """The results in a file. Nothing when there is none, or it is that of another version."""
        try:
            return msgspec.json.decode(file.read_bytes(), type=cls)
        except (FileNotFoundError, msgspec.ValidationError):
            return cls()

    def write(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")

    def has(self, system: str, events: int, whole: bool) -> bool:
        return any(
            (found.system, found.events) == (system, events)
            and (found.single is not None or not whole)
            for found in self.measured
        )

    def add(self, found: Measured) -> None:
        self.left_out.pop(found.system, None)
        others = [
            each
            for each in self.measured
            if (each.system, each.events) != (found.system, found.events)
        ]
        self.measured = [*others, found]

    @property
    def sizes(self) -> list[int]:
        """Numbers of rows."""
        return sorted({found.events for found in self.measured})

    def of(self, events: int) -> list[Measured]:
        return [found for found in self.measured if found.events == events]

    def whole(self) -> list[Measured]:
        """Those with the most rows for which everything was measured."""
        most = max(found.events for found in self.measured if found.single is not None)
        return self.of(most)


def machine() -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}"
    )


def write(results: Results, docs: Path) -> None:
    """Write the page and its plots."""
    (docs / "benchmarks.md").write_text(page(results))
    images = docs / "images"
    images.mkdir(exist_ok=True)
    for name, svg in plots(results).items():
        (images / f"benchmark-{name}.svg").write_text(svg)


def page(results: Results) -> str:
    whole = results.whole()
    figures = {
        "machine": results.machine,
        "date": results.date,
        "command": results.command,
        "events": f"{whole[0].events:,}",
        "versions": versions(whole),
        "left_out": "".join(
            f"- {name} was left out: {why}.\n" for name, why in results.left_out.items()
        ),
        "places": places(whole),
        "crowds": crowds(whole),
        "ingestion": ingestion(whole),
        "store": store(whole),
        "exactness": exactness(whole),
        "growth": growth(results),
    }
    for size, rows in whole[0].tenants.items():
        figures[f"rows_{size}"] = f"{rows:,}"
    for size in whole[0].alone:
        figures[f"alone_{size}"] = alone(whole, size)
    return Template(PAGE.read_text()).substitute(figures)


def plots(results: Results) -> dict[str, str]:
    whole = results.whole()
    return {
        "questions": bars(
            "Milliseconds for an answer (p50), largest tenant, one client",
            {
                question: {found.label: found.alone[size][question].p50 for found in whole}
                for size in ("largest", EVERYONE)
                for question in asked_about(size)
            },
        ),
        "clients": bars(
            "Answers a second, 16 clients",
            {
                whom(size): {
                    found.label: found.crowds[size].per_second
                    for found in whole
                    if size in found.crowds
                }
                for size in whole[0].alone
            },
        ),
        "ingestion": bars(
            "Rows stored a second, while four clients ask",
            {
                name: {
                    found.label: arrival.rows_per_second
                    for found in whole
                    if (arrival := pick(found)) is not None
                }
                for name, pick in (("one by one", _single), ("batches", _batches))
            },
        ),
    }


def _single(found: Measured) -> Arrival | None:
    return found.single


def _batches(found: Measured) -> Arrival | None:
    return found.batches


def table(head: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    named = list(head)
    rows = [named, ["---"] * len(named), *map(list, lines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def marked(values: list[float], write: Callable[[float], str], best: float) -> list[str]:
    """The values as text, the best ones in bold."""
    return [f"**{write(value)}**" if value == best else write(value) for value in values]


def low(values: list[float], write: Callable[[float], str] = number) -> list[str]:
    return marked(values, write, min(values))


def high(values: list[float], write: Callable[[float], str] = number) -> list[str]:
    return marked(values, write, max(values))


def whom(size: str) -> str:
    return size if size == EVERYONE else f"{size} tenant"


def labels(measured: list[Measured]) -> list[str]:
    return [found.label for found in measured]


def dashboard(found: Measured, size: str) -> float:
    """One number for all questions: the geometric mean of their p50."""
    return statistics.geometric_mean(times.p50 for times in found.alone[size].values())


def processor(found: Measured, size: str) -> float:
    """Milliseconds of processor time for an answer, the mean of all questions."""
    return statistics.mean(times.cpu for times in found.alone[size].values())


def versions(measured: list[Measured]) -> str:
    return table(
        ["System", "Versions", "An acknowledged row survives", "Killed while rows arrived"],
        ([found.label, found.version, found.promise, lost(found.crash)] for found in measured),
    )


def lost(crash: Crash | None) -> str:
    if crash is None:
        return ""
    missing = max(0, crash.acknowledged - crash.stored)
    return f"{missing} of {crash.acknowledged:,} acknowledged rows lost"


def alone(measured: list[Measured], size: str) -> str:
    lines = [
        [question, *low([found.alone[size][question].p50 for found in measured])]
        for question in asked_about(size)
    ]
    if len(lines) > 1:
        lines.append(["*all of them*", *low([dashboard(found, size) for found in measured])])
    lines.append(["*processor time*", *low([processor(found, size) for found in measured])])
    return table(["Milliseconds, p50", *labels(measured)], lines)


def crowds(measured: list[Measured]) -> str:
    lines = []
    for size in measured[0].crowds:
        each: list[Crowd] = [found.crowds[size] for found in measured]
        lines.append([f"{whom(size)}: answers a second", *high([one.per_second for one in each])])
        lines.append([f"{whom(size)}: p50, ms", *low([one.p50 for one in each])])
        lines.append([f"{whom(size)}: p95, ms", *low([one.p95 for one in each])])
    return table(["16 clients", *labels(measured)], lines)


def ingestion(measured: list[Measured]) -> str:
    lines = []
    for name, pick in (("one by one", _single), ("batches", _batches)):
        each = [arrival for found in measured if (arrival := pick(found)) is not None]
        lines += [
            [f"{name}: rows a second", *high([one.rows_per_second for one in each])],
            [f"{name}: acknowledged after, p50 ms", *low([one.p50 for one in each])],
            [f"{name}: acknowledged after, p99 ms", *low([one.p99 for one in each])],
            [f"{name}: answers a second meanwhile", *high([one.reads_per_second for one in each])],
            [f"{name}: answers, p95 ms", *low([one.read_p95 for one in each])],
        ]
    return table(["Ingestion", *labels(measured)], lines)


def store(measured: list[Measured]) -> str:
    rows: list[tuple[str, list[float], bool]] = [
        ("bulk load, rows a second", [m.events / m.load_seconds for m in measured], False),
        ("what follows a load, seconds", [m.settle_seconds for m in measured], True),
        ("bytes a row on disk", [m.bytes / m.events for m in measured], True),
        ("start to first answer, seconds", [m.start_seconds for m in measured], True),
        (
            "start after kill -9, seconds",
            [m.crash.restart_seconds for m in measured if m.crash is not None],
            True,
        ),
        ("memory at rest, MB", [m.rest / MEGABYTE for m in measured], True),
        ("memory at most, bulk load, MB", [m.load_peak / MEGABYTE for m in measured], True),
        ("memory at most, questions, MB", [m.read_peak / MEGABYTE for m in measured], True),
        ("memory at most, ingestion, MB", [m.write_peak / MEGABYTE for m in measured], True),
    ]
    return table(
        ["The store", *labels(measured)],
        ([name, *(low if least else high)(values)] for name, values, least in rows),
    )


def exactness(measured: list[Measured]) -> str:
    return table(
        ["", *labels(measured)],
        [
            [
                "answers that are exact",
                *(f"{m.checks - len(m.wrong)} of {m.checks}" for m in measured),
            ],
            [
                "acknowledged rows that are there",
                *(
                    f"{sum(a.stored for a in _arrivals(m)):,} of "
                    f"{sum(a.acknowledged for a in _arrivals(m)):,}"
                    for m in measured
                ),
            ],
        ],
    )


def _arrivals(found: Measured) -> list[Arrival]:
    return [each for each in (found.single, found.batches) if each is not None]


def growth(results: Results) -> str:
    lines = []
    for events in results.sizes:
        measured = results.of(events)
        by_label = {found.label: found for found in measured}
        for size in measured[0].alone:
            cells = [
                number(dashboard(by_label[label], size)) if label in by_label else "-"
                for label in labels(results.whole())
            ]
            lines.append([f"{events:,} rows, {whom(size)}", *cells])
    return table(["All questions, ms", *labels(results.whole())], lines)


def places(measured: list[Measured]) -> str:
    """Where birdhouse stands: its figure over the best of the others that make up a service."""
    own = next((found for found in measured if found.system == "birdhouse"), measured[0])
    others = [found for found in measured if found.system in ("postgres", "duckdb")]
    measures: list[tuple[str, Callable[[Measured], float], bool]] = [
        *((f"an answer, {whom(size)}, one client", _dashboard(size), True) for size in own.alone),
        *(
            (f"answers a second, {whom(size)}, 16 clients", _rate(size), False)
            for size in own.crowds
        ),
        ("rows a second, one by one", lambda m: m.single.rows_per_second if m.single else 0, False),
        ("rows a second, batches", lambda m: m.batches.rows_per_second if m.batches else 0, False),
        ("rows a second, bulk load", lambda m: m.events / m.load_seconds, False),
        ("bytes a row on disk", lambda m: m.bytes / m.events, True),
        ("start to first answer", lambda m: m.start_seconds, True),
        ("memory at rest", lambda m: m.rest, True),
    ]
    lines = []
    for name, value, least in measures:
        cells = [ratio(value(own), value(other), least) for other in others]
        lines.append([name, *cells])
    return table(["birdhouse, this project", *(f"against {m.label}" for m in others)], lines)


def ratio(own: float, other: float, least: bool) -> str:
    """How many times better, or worse, the first figure is."""
    times = other / own if least else own / other
    return f"**{number(times)} times better**" if times >= 1 else f"{number(1 / times)} times worse"


def _dashboard(size: str) -> Callable[[Measured], float]:
    return lambda found: dashboard(found, size)


def _rate(size: str) -> Callable[[Measured], float]:
    return lambda found: found.crowds[size].per_second
