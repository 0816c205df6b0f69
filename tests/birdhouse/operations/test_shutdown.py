"""SIGTERM and SIGINT: what was accepted is finished, and the process ends well."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.birdhouse.operations.conftest import sql, write_project
from tests.server import running

SIGNALS = [signal.SIGTERM, signal.SIGINT]


@pytest.mark.parametrize("number", SIGNALS)
def test_every_acknowledged_row_is_kept(number: int, tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    accepted: list[int] = []
    with running(tmp_path / "data", "up", str(project)) as server:
        begun = threading.Barrier(5)

        def write(writer: int) -> None:
            with server.client() as http:
                for count in range(10_000):
                    row = f'{{"id": {writer * 10_000 + count}, "page": "p"}}'
                    try:
                        answer = http.post("/v0/events?name=clicks", content=row)
                    except httpx.TransportError:
                        return
                    if answer.status_code == 202:
                        accepted.append(writer * 10_000 + count)
                    if count == 10:
                        begun.wait()

        threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
        for thread in threads:
            thread.start()
        begun.wait()
        server.process.send_signal(number)
        assert server.process.wait() == 0
        for thread in threads:
            thread.join()
    log = (tmp_path / "data.log").read_text()
    assert "Traceback" not in log
    assert "finishes what it has accepted" in log
    with running(tmp_path / "data", "serve") as server, server.client() as http:
        stored = {row["id"] for row in sql(http, "select id from clicks")}
        assert stored >= set(accepted)
        merged = sql(http, "select countMerge(clicks) as n from pages")
        assert merged == [{"n": len(stored)}]


def test_a_request_under_way_is_answered(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project")
    with running(tmp_path / "data", "up", str(project)) as server:

        def body() -> Iterator[bytes]:
            yield b'{"id": 1, '
            server.process.send_signal(signal.SIGTERM)
            yield b'"page": "late"}'

        with server.client() as http:
            answer = http.post("/v0/events?name=clicks&wait=true", content=body())
        assert answer.json() == {"successful_rows": 1, "quarantined_rows": 0}
        assert server.process.wait() == 0


def test_a_job_under_way_is_finished(tmp_path: Path) -> None:
    """An import that was answered while it goes on."""
    project = write_project(tmp_path / "project")
    rows = 400_000
    content = b"".join(b'{"id": %d, "page": "p"}\n' % number for number in range(rows))
    with running(tmp_path / "data", "up", str(project)) as server:
        with server.client() as http:
            job = http.post("/v1/datasources/clicks/append?format=ndjson", content=content).json()
        assert job["status"] in ("working", "done")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait() == 0
    with running(tmp_path / "data", "serve") as server, server.client() as http:
        assert http.get(f"/v0/jobs/{job['id']}").json()["status"] == "done"
        assert sql(http, "select count() as n from clicks") == [{"n": rows}]
