"""What the tests of the scripts share: a way to run them, and a host that misbehaves on request."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from tests.server import Server, running

ROOT = Path(__file__).resolve().parents[2]

Start = Callable[..., subprocess.Popen[str]]
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a script in an empty folder, without what the environment knows of hosts and tokens."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, *args: str, env: dict[str, str] | None = None) -> subprocess.Popen[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TB_")}
        process = subprocess.Popen(
            [sys.executable, ROOT / "scripts" / script, *args],
            cwd=tmp_path,
            env=clean | {"COLUMNS": "200"} | (env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def run(start: Start) -> Run:
    """Run a script to its end."""

    def run(
        script: str, *args: str, env: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        process = start(script, *args, env=env)
        stdout, stderr = process.communicate(timeout=60)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    return run


@dataclass
class Answer:
    """What a host says to one request. Without a status it hangs up."""

    status: int | None = 200
    headers: dict[str, str] = field(default_factory=dict)
    quarantined: int = 0
    body: bytes | None = None


@dataclass
class Request:
    path: str
    params: dict[str, str]
    headers: dict[str, str]
    rows: list[dict[str, str]]


class Host(ThreadingHTTPServer):
    """The Events API of a remote host, as a sender sees it. It stores every batch by default."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.answers: deque[Answer] = deque()
        self.requests: list[Request] = []
        self.received = threading.Event()

    @property
    def rows(self) -> list[dict[str, str]]:
        return [row for request in self.requests for row in request.rows]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Host

    def do_POST(self) -> None:
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers["Content-Encoding"] == "gzip":
            content = gzip.decompress(content)
        rows = [json.loads(line) for line in content.splitlines()]
        url = urlsplit(self.path)
        request = Request(url.path, dict(parse_qsl(url.query)), dict(self.headers), rows)
        self.server.requests.append(request)
        answer = self.server.answers.popleft() if self.server.answers else Answer()
        if answer.status is None:
            self.close_connection = True
        else:
            self._send(answer, len(rows))
        self.server.received.set()

    def _send(self, answer: Answer, rows: int) -> None:
        assert answer.status is not None
        body = answer.body
        if body is None:
            counts = {
                "successful_rows": rows - answer.quarantined,
                "quarantined_rows": answer.quarantined,
            }
            body = json.dumps(counts if answer.status == 200 else {"error": "no [luck]"}).encode()
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def host() -> Iterator[Host]:
    with Host() as host:
        thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield host
        host.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def birdhouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """This project on a birdhouse, without rows."""
    data_dir: Path = tmp_path_factory.mktemp("scripts") / "data"
    with running(data_dir, "up", str(ROOT), "--no-fixtures") as server:
        yield server
