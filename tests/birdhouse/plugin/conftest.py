"""pytest runs of their own, over a small project that has a table, a view below it and pipes."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import NamedTuple

import pytest

PROJECT = {
    "datasources/visits.datasource": """\
TOKEN "tracker" APPEND

SCHEMA >
    `page` String `json:$.page`,
    `at` DateTime `json:$.at`,
    `seconds` UInt32 `json:$.seconds`

ENGINE MergeTree
ENGINE_SORTING_KEY page, at
""",
    "datasources/pages.datasource": """\
SCHEMA >
    `page` String,
    `visits` UInt64

ENGINE SummingMergeTree
ENGINE_SORTING_KEY page
""",
    "materializations/count_pages.pipe": """\
NODE count_each
SQL >
    SELECT page, toUInt64(1) AS visits FROM visits

TYPE materialized
DATASOURCE pages
""",
    "endpoints/top_pages.pipe": """\
NODE top
SQL >
    %
    SELECT page, sum(visits) AS visits FROM pages
    GROUP BY page ORDER BY visits DESC, page LIMIT {{Int32(limit, 10)}}

TYPE endpoint
""",
    "fixtures/visits.ndjson": """\
{"page": "/", "at": "2025-05-01 10:00:00", "seconds": 5}
{"page": "/", "at": "2025-05-01 10:01:00", "seconds": 7}
{"page": "/docs", "at": "2025-05-01 10:02:00", "seconds": 9}
""",
}
PLUGIN = (
    () if entry_points(group="pytest11", name="birdhouse") else ("-p", "birdhouse.pytest_plugin")
)
"""What makes pytest load the plugin where birdhouse is not installed."""


class Ended(NamedTuple):
    """A run of pytest: its exit code, what it printed, and how many tests had which outcome."""

    code: int
    output: str

    def __getattr__(self, outcome: str) -> int:
        found = re.search(rf"(\d+) {outcome}", self.output.splitlines()[-1])
        return int(found[1]) if found else 0


class Suite:
    """A folder with the project and tests about it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.basetemp = folder / "basetemp"
        self._started: list[subprocess.Popen[str]] = []
        write(folder / "project", PROJECT)
        (folder / "pytest.ini").write_text(
            "[pytest]\ntinybird_project = project\nfilterwarnings = error\n"
        )

    def start(
        self, test_file: str, *arguments: str, env: dict[str, str] | None = None
    ) -> subprocess.Popen[str]:
        (self.folder / "test_it.py").write_text(f"import pytest\n\n{test_file}")
        command = [sys.executable, "-m", "pytest", *PLUGIN, "--basetemp", str(self.basetemp)]
        # A run that pytest-xdist splits must not make this one a part of itself.
        foreign = ("TB_", "PYTEST_XDIST_")
        clean = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=self.folder,
            env=clean | {"COLUMNS": "120", "PYTHONDONTWRITEBYTECODE": "1"} | (env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._started.append(process)
        return process

    def run(self, test_file: str, *arguments: str, env: dict[str, str] | None = None) -> Ended:
        process = self.start(test_file, *arguments, env=env)
        output, _ = process.communicate(timeout=120)
        return Ended(process.returncode, output)

    def close(self) -> None:
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.communicate()

    def wait_for_the_server_to_end(self) -> None:
        with (self.basetemp / "tinybird" / "running").open("w") as running:
            fcntl.flock(running, fcntl.LOCK_EX)


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture
def suite(tmp_path: Path) -> Iterator[Suite]:
    suite = Suite(tmp_path)
    yield suite
    suite.close()
