"""The same tests on a server that runs already, and on Tinybird Cloud.

Of Tinybird Cloud there is only what its clients see: branches, and deployments instead of builds.
A stand-in translates those and hands everything else to a birdhouse.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.birdhouse.plugin.conftest import Suite
from tests.server import Server

TOKEN = "p.token-of-the-main-workspace"
TESTS = """
from birdhouse.testing import Refused

VISIT = {"page": "/", "at": "2025-05-01 10:00:00", "seconds": 5}

@pytest.mark.parametrize("number", range(2))
def test_own(tinybird, number):
    assert tinybird.endpoint("top_pages") == []
    assert tinybird.ingest("visits", [VISIT, {}], strict=False) == (1, 1)
    assert tinybird.endpoint("top_pages") == [{"page": "/", "visits": 1}]
    assert len(tinybird.sql("select * from visits_quarantine")) == 1

@pytest.mark.frozen_data
def test_frozen(tinybird):
    assert len(tinybird.sql("select * from visits")) == 3
"""


class Cloud(ThreadingHTTPServer):
    """Tinybird Cloud, as the plugin sees it."""

    daemon_threads = True

    def __init__(self, behind: Server) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.behind = behind
        self.http = behind.client(behind.user_token)
        self.branches: dict[str, dict[str, str]] = {}
        self.looked: set[str] = set()
        self.deleted: list[str] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Cloud

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        url = urlsplit(self.path)
        family, _, name = url.path[1:].partition("/")[2].partition("/")
        if url.path in ("/tokens", "/v1/build"):
            self._send(404, {"error": "Not found"})
        elif family == "environments":
            if self.headers["Authorization"] != f"Bearer {TOKEN}":
                self._send(403, {"error": "Invalid token"})
            else:
                self._branch(name, parse_qs(url.query))
        elif url.path.startswith("/v0/jobs/branch-"):
            first = url.path not in self.server.looked
            self.server.looked.add(url.path)
            self._send(200, {"status": "working" if first else "done"})
        else:
            self._forward(body)

    do_GET = do_POST = do_DELETE = _answer

    def _branch(self, name: str, params: dict[str, list[str]]) -> None:
        server = self.server
        if self.command == "POST":
            name = params["name"][0]
            made = server.http.post("/v1/workspaces", params={"name": name}).json()
            server.branches[name] = {"id": made["id"], "name": name, "token": made["token"]}
            self._send(200, {"job": {"job_id": f"branch-{made['id']}"}, "workspace": {}})
        elif self.command == "GET":
            assert params["with_token"] == ["true"]
            self._send(200, server.branches[name])
        else:
            params_ = {"hard_delete_confirmation": "yes"}
            server.http.delete(f"/v1/workspaces/{name}", params=params_).raise_for_status()
            server.deleted.append(name)
            self._send(200, {"ok": True})

    def _forward(self, body: bytes) -> None:
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() in ("authorization", "content-type")
        }
        with httpx.Client(timeout=60) as http:
            url = self.server.behind.url + self.path
            answer = http.request(self.command, url, content=body, headers=headers)
        self._send(answer.status_code, answer.content)

    def _send(self, status: int, body: object) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def cloud(server: Server) -> Iterator[Cloud]:
    with Cloud(server) as cloud, cloud.http:
        thread = threading.Thread(target=cloud.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield cloud
        cloud.shutdown()
        thread.join()


def workspaces(server: Server) -> list[str]:
    with server.client() as http:
        found = http.get("/v1/user/workspaces").json()["workspaces"]
    return [workspace["name"] for workspace in found]


def test_a_server_that_runs_already(suite: Suite, server: Server) -> None:
    before = workspaces(server)
    ended = suite.run(TESTS, env={"TB_HOST": server.url})
    assert (ended.code, ended.passed) == (0, 3), ended.output
    assert not (suite.basetemp / "tinybird").exists()
    assert workspaces(server) == before


def test_tinybird_cloud(suite: Suite, cloud: Cloud) -> None:
    ended = suite.run(TESTS, env={"TB_HOST": cloud.url, "TB_TOKEN": TOKEN})
    assert (ended.code, ended.passed) == (0, 3), ended.output
    assert sorted(cloud.deleted) == sorted(branch["id"] for branch in cloud.branches.values())
    assert len(cloud.deleted) == 2, "one for own rows and one for frozen data"


def test_tinybird_cloud_refuses_a_project(suite: Suite, cloud: Cloud) -> None:
    (suite.folder / "project" / "endpoints" / "broken.pipe").write_text(
        "NODE a\nSQL >\n    SELECT nope FROM visits\n"
    )
    ended = suite.run(TESTS, "-k", "frozen", env={"TB_HOST": cloud.url, "TB_TOKEN": TOKEN})
    assert "endpoints/broken.pipe" in ended.output
    assert len(cloud.deleted) == 1


@pytest.mark.parametrize(
    ("token", "words"),
    [("", "is no local server, and TB_TOKEN is not set"), ("p.wrong", "403 for a new branch")],
)
def test_a_token_that_does_not_open_the_host(
    suite: Suite, cloud: Cloud, token: str, words: str
) -> None:
    ended = suite.run(TESTS, "-k", "frozen", env={"TB_HOST": cloud.url, "TB_TOKEN": token})
    assert (ended.code, ended.error) == (1, 1), ended.output
    assert words in ended.output
    assert cloud.branches == {}


def test_a_host_that_is_not_there(suite: Suite) -> None:
    ended = suite.run(TESTS, "-k", "frozen", env={"TB_HOST": "http://127.0.0.1:1"})
    assert "TB_HOST=http://127.0.0.1:1 cannot be reached" in ended.output
