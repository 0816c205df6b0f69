"""SIGTERM and SIGINT: what was accepted is finished, and the process ends well."""

from __future__ import annotations

import signal
import socket
import threading
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
    row = b'{"id": 1, "page": "late"}'
    with running(tmp_path / "data", "up", str(project)) as server:
        url = httpx.URL(server.url)
        with socket.create_connection((url.host, url.port or 80), timeout=60) as connection:
            connection.sendall(
                b"POST /v0/events?name=clicks&wait=true HTTP/1.1\r\nHost: localhost\r\n"
                b"Authorization: Bearer %s\r\nContent-Length: %d\r\n"
                b"Expect: 100-continue\r\n\r\n" % (server.admin_token.encode(), len(row))
            )
            # So the server is about to read the body.
            assert connection.recv(1024).startswith(b"HTTP/1.1 100 ")
            connection.sendall(row[:10])
            server.process.send_signal(signal.SIGTERM)
            connection.sendall(row[10:])
            answer = b"".join(iter(lambda: connection.recv(65536), b""))
        assert answer.endswith(b'{"successful_rows":1,"quarantined_rows":0}')
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
