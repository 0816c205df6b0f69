"""SIGKILL at random moments under load: nothing lost, nothing twice, table and views agree.

BIRDHOUSE_CRASH_ROUNDS sets the number of kills; the default is what fits in a test run.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROUNDS = int(os.environ.get("BIRDHOUSE_CRASH_ROUNDS", "4"))
ROOT = Path(__file__).parents[3]


def start(folder: Path, *options: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.birdhouse.ingest.crash", str(folder), *options]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def report(process: subprocess.Popen[str]) -> dict[str, object]:
    """The line with which a process says what it found."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the process ended without a report"
    found: dict[str, object] = json.loads(line)
    return found


def test_kills_lose_nothing(tmp_path: Path) -> None:
    random_ = random.Random()
    for _ in range(ROUNDS):
        with start(tmp_path) as process:
            try:
                assert report(process)["wrong"] == []
                time.sleep(random_.uniform(0.1, 1.0))
            finally:
                process.kill()
            assert process.stdout is not None
            assert process.stdout.read() == ""
    with start(tmp_path, "--check") as process:
        assert report(process)["wrong"] == []
    assert (tmp_path / "acknowledged").read_text().splitlines()


def test_a_kill_between_the_record_of_a_part_and_the_part(tmp_path: Path) -> None:
    """The engine has written the token into its log, and the part not under its name."""
    with start(tmp_path, "--once") as process:
        report(process)
        assert process.stdout is not None
        table = tmp_path / "clickhouse" / process.stdout.readline().strip()
    parts = sorted(table.glob("2025*"))
    assert [part.name[:6] for part in parts] == ["202501", "202502"]
    shutil.rmtree(parts[1])
    with start(tmp_path, "--check") as process:
        found = report(process)
    assert found == {"replayed": 1, "wrong": []}


@pytest.mark.parametrize("request_", ["gone", "unlike"])
def test_the_comparison_notices(tmp_path: Path, request_: str) -> None:
    """A proof that cannot fail proves nothing."""
    with start(tmp_path) as process:
        assert report(process)["wrong"] == []
        while not (tmp_path / "acknowledged").exists():
            time.sleep(0.05)
        time.sleep(0.5)
        process.kill()
    with (tmp_path / "sent").open("a") as sent, (tmp_path / "acknowledged").open("a") as known:
        if request_ == "gone":
            sent.write("never-stored 3 0\n")
            known.write("never-stored 3 0\n")
        else:
            name, good, bad = (tmp_path / "acknowledged").read_text().splitlines()[0].split()
            sent.write(f"{name} {int(good) + 1} {bad}\n")
    with start(tmp_path, "--check") as process:
        assert report(process)["wrong"] != []
