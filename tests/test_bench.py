"""The comparison with other systems runs, and all their answers are exact. No time is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from bench.compare.report import Results, page, plots

ROOT = Path(__file__).resolve().parents[1]
PLENTY = 600


@pytest.mark.skipif(sys.platform != "linux", reason="it looks at processes in /proc")
@pytest.mark.slow
def test_every_answer_is_exact(tmp_path: Path) -> None:
    """The runner on birdhouse, and on a system whose package is not there."""
    results, docs = tmp_path / "results.json", tmp_path / "docs"
    docs.mkdir()
    places = ["--folder", str(tmp_path / "work"), "--out", str(results), "--docs", str(docs)]
    compare("--systems", "birdhouse,duckdb", "--events", "2000", *places)
    found = json.loads(results.read_text())
    measured = {each["system"]: each for each in found["measured"]}
    assert "birdhouse" in measured
    if find_spec("duckdb") is None:
        assert "duckdb" in found["left_out"]["duckdb"]
    for each in measured.values():
        assert each["checks"] == 60
        assert each["wrong"] == []
        for arrival in (each["single"], each["batches"]):
            assert arrival["stored"] == arrival["acknowledged"] > 0
        assert each["crash"]["stored"] >= each["crash"]["acknowledged"] > 0
    compare("--grow", "--systems", "birdhouse", "--events", "4000", *places)
    *kept, grown = json.loads(results.read_text())["measured"]
    assert kept == found["measured"]
    assert (grown["events"], grown["wrong"], grown["single"]) == (4000, [], None)
    page = (docs / "benchmarks.md").read_text()
    assert "60 of 60" in page
    assert "4,000 rows, small tenant" in page
    for link in ("questions", "clients", "ingestion"):
        assert f"images/benchmark-{link}.svg" in page
        assert (docs / "images" / f"benchmark-{link}.svg").read_text().endswith("</svg>\n")


def compare(*arguments: str) -> None:
    command = [sys.executable, "-m", "bench.compare", "--seconds", "0.2", *arguments]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=PLENTY)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_the_page_shows_the_results_that_are_kept() -> None:
    """Its figures are written by the program; what changes is `page.md` or the results."""
    results = Results.read(ROOT / "bench/compare/results.json")
    assert (ROOT / "docs/benchmarks.md").read_text() == page(results)
    for name, svg in plots(results).items():
        assert (ROOT / f"docs/images/benchmark-{name}.svg").read_text() == svg
