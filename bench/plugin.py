"""What the `tinybird` fixture adds to a test: `python bench/plugin.py [PROJECT]`.

An empty workspace for a test, made by emptying the one of the test before, against one that is
deployed anew and deleted after it; in turns and in one run. Each test in between sends the first
rows of every fixture. The times go with the machine: read the ratio.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from itertools import islice
from pathlib import Path

import httpx

from birdhouse.project.folder import project_files
from birdhouse.testing import Row, Tinybird
from birdhouse.testing.hosts import Host, named_host
from birdhouse.testing.server import shared_server
from birdhouse.testing.workspaces import Workspaces

ROUNDS = 15
ROWS = 20


def fixture_rows(project: Path) -> dict[str, list[Row]]:
    """The first rows of each NDJSON fixture."""
    found = {}
    for path in sorted((project / "fixtures").glob("*.ndjson")):
        with path.open() as file:
            found[path.stem] = [json.loads(line) for line in islice(file, ROWS)]
    return found


def milliseconds(act: Callable[[], object]) -> float:
    started = time.perf_counter()
    act()
    return (time.perf_counter() - started) * 1000


def emptied(workspaces: Workspaces, project: Path, rows: Mapping[str, list[Row]]) -> float:
    """A test in a workspace that is used again, without the time that the test takes itself."""
    own = 0.0

    def test() -> None:
        nonlocal own
        with workspaces.lend(project) as tinybird:
            own = milliseconds(lambda: send(tinybird, rows))

    return milliseconds(test) - own


def deployed(host: Host, files: Mapping[str, str], rows: Mapping[str, list[Row]]) -> float:
    """The same in a workspace that is new."""

    def begin() -> None:
        host.deploy(workspace, files)

    created = time.perf_counter()
    workspace = host.create()
    total = (time.perf_counter() - created) * 1000 + milliseconds(begin)
    send(Tinybird(host.http, host.url, workspace.token, workspace.name), rows)
    return total + milliseconds(lambda: host.delete(workspace))


def send(tinybird: Tinybird, rows: Mapping[str, list[Row]]) -> None:
    for name, some in rows.items():
        tinybird.ingest(name, some)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", nargs="?", type=Path, default=Path.cwd())
    project = parser.parse_args().project.resolve()
    files, rows = project_files(project), fixture_rows(project)
    with (
        tempfile.TemporaryDirectory() as folder,
        shared_server(Path(folder)) as url,
        httpx.Client(timeout=120) as http,
    ):
        host = named_host(http, url, "")
        workspaces = Workspaces(host, counts_are_exact=True)
        first = emptied(workspaces, project, rows)
        again, anew = [], []
        for _ in range(ROUNDS):
            again.append(emptied(workspaces, project, rows))
            anew.append(deployed(host, files, rows))
    print(f"{len(files)} datafiles, {ROUNDS} rounds, medians")
    print(f"first test            {first:8.1f} ms")
    print(f"any other: emptied    {statistics.median(again):8.1f} ms   (most {max(again):.1f})")
    print(f"           deployed   {statistics.median(anew):8.1f} ms")
    print(f"ratio                 {statistics.median(anew) / statistics.median(again):8.1f}")


if __name__ == "__main__":
    main()
