"""Whether the generator keeps up with ingestion: `python -m bench.seed` with `src` and `scripts`
in PYTHONPATH.

One run makes the history of 90 days alone, and then sends it to a birdhouse of its own, as
`scripts/seed.py --history 90d` does. Rows of both data sources are counted.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
from bench.startup import up

import seed
from crowd import Crowd

PROJECT = Path(__file__).resolve().parents[1]
DAYS = 90
ROWS = 200_000
"""Of each data source."""


def generator() -> float:
    """Rows a second that are made when nobody waits for them."""
    began = time.perf_counter()
    crowd = Crowd(seed.traffic_of(1, 20))
    rows = sum(len(batch.rows) for batch in seed.history(crowd, DAYS, ROWS, seed.HISTORY_BATCH))
    return rows / (time.perf_counter() - began)


def end_to_end() -> str:
    """What the script reports of a birdhouse with the project: rows a second, stored."""
    with (
        tempfile.TemporaryDirectory(prefix="birdhouse-bench-") as folder,
        up(PROJECT, Path(folder)) as (url, _),
    ):
        token = httpx.get(f"{url}/tokens").json()["workspace_admin_token"]
        command = [sys.executable, "scripts/seed.py", "--history", f"{DAYS}d"]
        found = subprocess.run(
            [*command, "--rows", str(ROWS), "--seed", "1"],
            env={**os.environ, "TB_HOST": url, "TB_APPEND_TOKEN": token},
            cwd=PROJECT,
            check=True,
            capture_output=True,
            text=True,
        )
    return found.stdout.strip().splitlines()[-1]


def main() -> None:
    print(f"the generator alone: {generator():,.0f} rows/s")
    print(f"scripts/seed.py --history {DAYS}d: {end_to_end()}")


if __name__ == "__main__":
    main()
