"""Memory of a server while a file of 500 MB comes in: `python bench/upload.py [MB]`.

The file goes through the Data Sources API of a server of its own, as the body of a request and as
a part of a form.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.server import Server, Workspace, running

PROJECT = {
    "lines.datasource": "SCHEMA >\n    `n` UInt64 `json:$.n`,\n    `text` String `json:$.text`\n"
}
LINES = 10_000


def pieces(megabytes: int) -> Iterator[bytes]:
    """Some 10,000 lines at a time, up to as many MB."""
    sent = 0
    while sent < megabytes * 1_000_000 - 2_000_000:
        lines = (b'{"n": %d, "text": "%s"}\n' % (n, b"text " * 25) for n in range(LINES))
        piece = b"".join(lines)
        sent += len(piece)
        yield piece


def resident_mb(process: int) -> float:
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def upload(server: Server, workspace: Workspace, file: Path, *, form: bool) -> None:
    most, over = [resident_mb(server.process.pid)], threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            most.append(resident_mb(server.process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    command = ["curl", "-s", "-m", "600", "-H", f"Authorization: Bearer {workspace.token}"]
    command += ["-F", f"ndjson=@{file}"] if form else ["-T", str(file), "-X", "POST"]
    start = time.perf_counter()
    url = f"{server.url}/v0/datasources?name=lines&mode=append&format=ndjson"
    subprocess.run([*command, url], check=True, stdout=subprocess.DEVNULL)
    spent = time.perf_counter() - start
    over.set()
    watcher.join()
    rows = workspace.rows("select count() as rows from lines FORMAT JSON")[0]["rows"]
    print(
        f"{'form part' if form else 'body':10} {file.stat().st_size / 1e6:6.0f} MB {spent:6.1f} s "
        f"{rows:9} rows stored so far, RSS {most[0]:5.0f} MB before, {max(most):5.0f} MB at most"
    )


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    with tempfile.TemporaryDirectory(prefix="birdhouse-bench-") as name:
        file = Path(name) / "lines.ndjson"
        with file.open("wb") as target:
            target.writelines(pieces(megabytes))
        with running(Path(name) / "data", "serve") as server:
            workspace = server.workspace()
            with workspace.http:
                workspace.build(PROJECT)
                for form in (False, True):
                    upload(server, workspace, file, form=form)


if __name__ == "__main__":
    main()
