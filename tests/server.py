"""A birdhouse of our own: a process on a free port of the loopback address."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
from tests import record

STARTED = " listens on "
CLICKHOUSE = "ClickHouse interface on "


class Server:
    """A running birdhouse."""

    def __init__(
        self, process: subprocess.Popen[str], url: str, data_dir: Path, clickhouse_url: str
    ) -> None:
        self.process = process
        self.url = url
        self.clickhouse_url = clickhouse_url
        self.data_dir = data_dir
        tokens = httpx.get(f"{url}/tokens").json()
        self.admin_token: str = tokens["workspace_admin_token"]
        self.user_token: str = tokens["user_token"]

    @property
    def port(self) -> int:
        return httpx.URL(self.url).port or 80

    def client(self, token: str | None = None) -> httpx.Client:
        """An HTTP client that sends the admin token, or another one."""
        headers = {"Authorization": f"Bearer {token or self.admin_token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)

    def workspace(self) -> Workspace:
        """A new, empty workspace."""
        name = f"Test_{uuid.uuid4().hex}"
        with self.client(self.user_token) as http:
            created = http.post("/v1/workspaces", params={"name": name})
        assert created.status_code == 200, created.text
        return Workspace(self, name, created.json()["id"], created.json()["token"])

    def kill(self) -> None:
        """End it at once, as the kernel would."""
        self.process.kill()
        self.process.wait()


class Workspace:
    """A workspace of a server; `http` sends its admin token."""

    def __init__(self, server: Server, name: str, id: str, token: str) -> None:
        self.server = server
        self.name = name
        self.id = id
        self.token = token
        self.http = server.client(token)

    def post_project(self, path: str, files: Mapping[str, str], **params: str) -> dict[str, Any]:
        """What `/v1/build` or `/v1/deploy` answers to a project, path → text."""
        parts = [("data_project://", (name, text)) for name, text in files.items()]
        answer = self.http.post(path, files=parts, params=params)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def build(self, files: Mapping[str, str]) -> None:
        """Make a project live. Fails when that does not succeed."""
        body = self.post_project("/v1/build", files)
        assert body["result"] == "success", body

    def deploy(self, files: Mapping[str, str], **params: str) -> dict[str, Any]:
        """Deploy a project, and promote it unless `auto_promote` says otherwise. Gives the
        deployment. Fails when that does not succeed."""
        body = self.post_project("/v1/deploy", files, **{"auto_promote": "true", **params})
        assert body["result"] == "success", body
        deployment: dict[str, Any] = body["deployment"]
        return deployment

    def send(self, datasource: str, body: str | bytes, **params: str) -> httpx.Response:
        """Post a body to the Events API and wait for the commit."""
        params = {"name": datasource, "wait": "true", **params}
        return self.http.post("/v0/events", params=params, content=body)

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """What a statement gives. Fails when it is refused."""
        answer = self.http.post("/v0/sql", content=sql)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()["data"]
        return rows


@contextmanager
def running(data_dir: Path, *arguments: str, within: Sequence[str] = ()) -> Iterator[Server]:
    """`birdhouse ARGUMENTS` (`serve`, or `up` and a project) until the block ends; `within` is a
    command that runs it.

    Fails with what it printed when it does not start.
    """
    command = [*within, sys.executable, "-m", "birdhouse", *arguments]
    command += ["--port", "0", "--data-dir", str(data_dir)]
    log = data_dir.with_name(f"{data_dir.name}.log")
    with (
        ExitStack() as ended,
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        ended.callback(record.keep_requests, log)
        try:
            assert process.stdout is not None
            printed = []
            for line in process.stdout:
                printed.append(line)
                if STARTED in line:
                    break
            else:
                process.wait()
                said = "".join(printed) + log.read_text()
                raise AssertionError(f"birdhouse did not start:\n{said}")
            url = _address(line, STARTED)
            yield Server(process, url, data_dir, _address(process.stdout.readline(), CLICKHOUSE))
        finally:
            process.terminate()


def _address(line: str, before: str) -> str:
    return line.partition(before)[2].strip().replace("localhost", "127.0.0.1")
