"""How long a developer waits: `python -m bench.startup` with `src` in PYTHONPATH.

Four waits, each several times: `birdhouse up` from the start of the process until it listens, on a
new data dir (with fixtures) and on the same one again; a new workspace with the project deployed
into it; `tb --local build` of a project that has not changed, against `tb --version`, which is the
CLI's own start, and what birdhouse takes to answer of that. The times go with the machine and with
what else it does: read the fastest round beside the median.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx

from birdhouse.project.folder import project_files

PROJECT = Path(__file__).resolve().parents[1]
ROUNDS = 7
LISTENS = " listens on "
TB = str(Path(sys.executable).with_name("tb"))
LEFT_OUT = shutil.ignore_patterns(".*", "tests", "src", "bench", "docs", "scripts")


@contextmanager
def up(project: Path, data_dir: Path) -> Iterator[tuple[str, float]]:
    """A birdhouse: its URL, and the milliseconds until it listened."""
    command = [sys.executable, "-m", "birdhouse", "up", str(project), "--port", "0"]
    command += ["--data-dir", str(data_dir), "--log-level", "error"]
    began = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if LISTENS in line)
            yield line.partition(LISTENS)[2].strip(), since(began)
        finally:
            process.terminate()


def since(began: float) -> float:
    return (time.perf_counter() - began) * 1000


def timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return since(began)


def workspace(http: httpx.Client, user_token: str, name: str, files: dict[str, str]) -> None:
    """Make a workspace and the project live in it."""
    as_user = {"Authorization": f"Bearer {user_token}"}
    made = http.post("/v1/workspaces", params={"name": name}, headers=as_user).raise_for_status()
    built = http.post(
        "/v1/build",
        files=[("data_project://", (path, text)) for path, text in files.items()],
        headers={"Authorization": f"Bearer {made.json()['token']}"},
    )
    assert built.json()["result"] == "success", built.text


def run_tb(folder: Path, url: str, *arguments: str) -> None:
    host, _, port = url.removeprefix("http://").partition(":")
    settings = {"TB_LOCAL_HOST": host, "TB_LOCAL_PORT": port, "TB_CLI_TELEMETRY_OPTOUT": "1"}
    subprocess.run(
        [TB, *arguments],
        cwd=folder,
        env={**os.environ, **settings, "TB_VERSION_WARNING": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    )


def in_birdhouse(http: httpx.Client) -> float:
    """Milliseconds that the server has spent on all requests so far."""
    lines = http.get("/metrics").text.splitlines()
    sums = [line for line in lines if line.startswith("birdhouse_request_seconds_sum")]
    return sum(float(line.rpartition(" ")[2]) for line in sums) * 1000


def show(name: str, spent: list[float]) -> None:
    print(f"{name:<54}{statistics.median(spent):>8.0f}{min(spent):>10.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("project", nargs="?", type=Path, default=PROJECT)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    fresh: list[float] = []
    again: list[float] = []
    deployed: list[float] = []
    version: list[float] = []
    build: list[float] = []
    served: list[float] = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "project"
        shutil.copytree(options.project, folder, ignore=LEFT_OUT)  # the CLI writes into it
        files = project_files(folder)
        for number in range(options.rounds + 1):  # the first round warms the caches of files
            data_dir = Path(scratch) / f"data{number}"
            for found in (fresh, again):
                with up(folder, data_dir) as (_, spent):
                    found.append(spent)
        with up(folder, data_dir) as (url, _), httpx.Client(base_url=url, timeout=60) as http:
            user_token = http.get("/tokens").json()["user_token"]
            for number in range(options.rounds + 1):
                make = partial(workspace, http, user_token, f"bench_{number}", files)
                deployed.append(timed(make))
                version.append(timed(lambda: run_tb(folder, url, "--version")))
                before = in_birdhouse(http)
                build.append(timed(lambda: run_tb(folder, url, "--local", "build")))
                served.append(in_birdhouse(http) - before)
    print(f"{len(files)} datafiles, {options.rounds} rounds, milliseconds")
    print(f"{'':<54}{'median':>8}{'fastest':>10}")
    show("birdhouse up, a new data dir and fixtures", fresh[1:])
    show("birdhouse up, the same data dir again", again[1:])
    show("a new workspace with the project deployed", deployed[1:])
    show("tb --version", version[1:])
    show("tb --local build, nothing changed", build[1:])
    added = [built - own for built, own in zip(build[1:], version[1:], strict=True)]
    show("  of it on top of tb --version", added)
    show("  of it in birdhouse", served[1:])


if __name__ == "__main__":
    main()
