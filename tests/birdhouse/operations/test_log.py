"""The log: what a line says, and that no line holds a token."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server import Server, running


def lines(server: Server) -> list[dict[str, Any]]:
    """What the server has logged, once it has logged what was asked of it before."""
    log = server.data_dir.with_name(f"{server.data_dir.name}.log")
    return [json.loads(line) for line in log.read_text().splitlines()]


def line_of(server: Server, answer: httpx.Response) -> dict[str, Any]:
    """The line about a request that has been answered."""
    id = answer.headers["x-request-id"]
    # The line is written when the answer has gone: another answer comes after it.
    httpx.get(f"{server.url}/v0/health")
    return next(line for line in lines(server) if line.get("request_id") == id)


def test_a_line_says_what_was_asked_and_answered(server: Server) -> None:
    with server.client() as http:
        answer = http.get("/v0/datasources", params={"attrs": "name"})
    line = line_of(server, answer)
    assert line.pop("milliseconds") > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line.pop("time"))
    assert line == {
        "level": "info",
        "logger": "birdhouse.requests",
        "request_id": answer.headers["x-request-id"],
        "method": "GET",
        "path": "/v0/datasources",
        "status": 200,
        "workspace": "Tinybird_Local_Testing",
    }


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v0/sql", 403), ("/nothing", 404), ("/v0/pipes/none.json", 403), ("/v0/events", 405)],
)
def test_a_refused_request_has_a_line(server: Server, path: str, status: int) -> None:
    line = line_of(server, httpx.get(f"{server.url}{path}"))
    assert (line["path"], line["status"]) == (path, status)
    assert "workspace" not in line


def test_the_clickhouse_interface_has_lines(server: Server) -> None:
    httpx.post(server.clickhouse_url, content="select 1", auth=("user", server.admin_token))
    httpx.get(f"{server.clickhouse_url}/ping")
    line = [line for line in lines(server) if line.get("path") == "/"][-1]
    assert (line["method"], line["status"]) == ("POST", 200)
    assert line["workspace"] == "Tinybird_Local_Testing"


def test_no_line_holds_a_token(server: Server) -> None:
    token, user = server.admin_token, server.user_token
    with server.client() as http:
        jwt = http.post(
            "/v0/tokens",
            params={"name": "j", "expiration_time": 2_000_000_000},
            json={"scopes": [{"type": "PIPES:READ", "resource": "p"}]},
        ).json()["token"]
        for value in (token, user, jwt):
            http.get("/v0/datasources", params={"token": value})
            http.get(f"/v0/tokens/{value}")
            http.get(f"/v0/tokens/{value}x")
            http.get(f"/nowhere/{value}/{value}?token={value}")
            http.get(f"/v0/pipes/{value}.json")
            http.post("/v0/sql", content=f"select '{value}', throwIf(1, '{value}')")
            http.get(f"{server.clickhouse_url}/{value}", params={"password": value})
    log = server.data_dir.with_name(f"{server.data_dir.name}.log").read_text()
    assert "/nowhere/***/***" in log
    for value in (token, user, jwt):
        for part in value.removeprefix("p.").split("."):
            assert part not in log


def test_only_warnings_are_logged_when_asked(tmp_path: Path) -> None:
    with running(tmp_path / "data", "serve", "--log-level", "warning") as server:
        httpx.get(f"{server.url}/v0/health")
    assert (tmp_path / "data.log").read_text() == ""


def test_a_terminal_gets_lines_for_a_person(tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    command = [sys.executable, "-m", "birdhouse", "serve"]
    command += ["--port", "0", "--data-dir", str(tmp_path / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=terminal, text=True) as process:
        os.close(terminal)
        assert process.stdout is not None
        started = next(line for line in process.stdout if " listens on " in line)
        url = started.split()[-1]
        httpx.get(f"{url}/v0/health?token=secret")
        httpx.get(f"{url}/%1b[31m%0a00:00:00%20GET%20/forged")
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 0
    said = os.read(controller, 10_000).decode()
    os.close(controller)
    assert re.search(r"^\d\d:\d\d:\d\d GET /v0/health 200 [\d.]+ ms\r$", said, re.MULTILINE)
    assert "\x1b" not in said
    assert not re.search(r"^00:00:00", said, re.MULTILINE)
