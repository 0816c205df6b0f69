"""Jobs that a kill of the server cuts off: imports go on, the others are over."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server import Workspace, running

ROWS = 400_000
THINGS = "SCHEMA >\n    id UInt32 `json:$.id`,\n    text String `json:$.text`\n"
ENDLESS = (
    "NODE rows\nSQL >\n    select toUInt32(max(sipHash64(number)) % 9) as id, 'x' as text\n"
    "    from numbers(100000000000)\n\nTYPE copy\nTARGET_DATASOURCE things\n"
)
PROJECT = {"things.datasource": THINGS, "endless.pipe": ENDLESS}


def ask_for(workspace: Workspace, path: str, content: str = "") -> threading.Thread:
    """A client that starts a job, and may never hear of it."""

    def ask() -> None:
        with suppress(httpx.TransportError):
            workspace.http.post(path, content=content)

    client = threading.Thread(target=ask)
    client.start()
    return client


def jobs(workspace: Workspace) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = workspace.http.get("/v0/jobs").json()["jobs"]
    return found


def until_over(workspace: Workspace) -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while (job := jobs(workspace)[0])["status"] in ("waiting", "working"):
        assert time.monotonic() < deadline, job
        time.sleep(0.05)
    return job


def count(workspace: Workspace) -> int:
    found: int = workspace.rows("select count() as n from things")[0]["n"]
    return found


def test_an_import_goes_on_after_a_kill(tmp_path: Path) -> None:
    body = "".join(f'{{"id":{n},"text":"{"x" * 40}"}}\n' for n in range(ROWS))
    with running(tmp_path / "data", "serve") as server:
        workspace = server.workspace()
        workspace.build(PROJECT)
        client = ask_for(workspace, "/v1/datasources/things/append?format=ndjson", body)
        while not (stored := count(workspace)):
            pass
        server.kill()
        assert stored < ROWS
        client.join()
        workspace.http.close()
    with running(tmp_path / "data", "serve") as server:
        again = Workspace(server, workspace.name, workspace.id, workspace.token)
        with again.http:
            job = until_over(again)
            assert job["status"] == "done", job
            assert job["progress_percentage"] == 100
            assert job["statistics"]["row_count"] == ROWS
            assert again.rows("select count() as n, uniqExact(id) as ids from things") == [
                {"n": ROWS, "ids": ROWS}
            ]
    spool = tmp_path / "data" / "ingest" / "spool"
    assert not list(spool.iterdir())


@pytest.mark.parametrize("mode", ["copy", "replace"])
def test_another_job_is_over(tmp_path: Path, mode: str) -> None:
    with running(tmp_path / "data", "serve") as server:
        workspace = server.workspace()
        workspace.build(PROJECT)
        workspace.send("things", '{"id": 7, "text": "kept"}')
        if mode == "copy":
            client = ask_for(workspace, "/v0/pipes/endless/copy")
        else:
            body = "".join(f'{{"id":{n},"text":"new"}}\n' for n in range(ROWS))
            client = ask_for(workspace, "/v1/datasources/things/replace?format=ndjson", body)
        while not any(job["status"] == "working" for job in jobs(workspace)):
            pass
        server.kill()
        client.join()
        workspace.http.close()
    with running(tmp_path / "data", "serve") as server:
        again = Workspace(server, workspace.name, workspace.id, workspace.token)
        with again.http:
            (job,) = jobs(again)
            assert job["status"] == "error"
            assert "The server stopped before" in job["error"]
            assert again.rows("select id, text from things") == [{"id": 7, "text": "kept"}]
