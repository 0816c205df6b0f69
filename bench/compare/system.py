"""What every system does: the same functions in each file of `systems/`."""

from __future__ import annotations

import json
import subprocess
import sys
from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path

from bench.compare import process
from bench.compare.client import Request, connected, get
from bench.compare.truth import Rows
from bench.compare.work import Params

ROOT = Path(__file__).resolve().parents[2]


class System(ABC):
    """A server on the loopback address, with a folder of its own."""

    name: str
    label: str
    promise: str
    """What an acknowledged row survives."""
    packages: tuple[str, ...] = ()
    """What it needs to be imported."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.log = folder / "server.log"
        self.port = 0
        self.headers: dict[str, str] = {}
        self.server: subprocess.Popen[bytes] | None = None

    @classmethod
    def missing(cls) -> str:
        """What is not installed, or nothing."""
        return ", ".join(name for name in cls.packages if find_spec(name) is None)

    @classmethod
    @abstractmethod
    def version(cls) -> str: ...

    @abstractmethod
    def start(self) -> None:
        """Listen at `port`, with what is already in the folder."""

    def stop(self) -> None:
        if self.server is not None:
            process.stop(self.server)
            self.server = None

    def kill(self) -> None:
        process.kill_tree(self.roots())
        if self.server is not None:
            self.server.wait()
            self.server = None

    def roots(self) -> list[int]:
        """The processes that belong to it, with all below them."""
        return [self.server.pid] if self.server is not None else []

    @abstractmethod
    async def load(self, files: dict[str, list[Path]]) -> None:
        """Put the files of each table in, the way that is fastest here."""

    @abstractmethod
    async def settle(self) -> None:
        """Do or wait for what is done now and then: merges, statistics, rollups."""

    @abstractmethod
    async def size(self) -> int:
        """The size of what is stored."""

    @abstractmethod
    def ingest(self, rows: bytes) -> Request:
        """Store rows of `events`; an answer says that they are stored."""

    @abstractmethod
    def question(self, name: str, params: Params) -> Request: ...

    def rows(self, name: str, body: bytes) -> Rows:
        """The rows of an answer, in the order of columns of `truth`."""
        found: Rows = json.loads(body)["data"]
        return found

    def serve(self, command: list[str]) -> None:
        """Start the server and wait until it listens."""
        self.port = self.port or process.free_port()
        with self.log.open("ab") as log:
            self.server = subprocess.Popen(
                [*command, "--port", str(self.port)], stdout=log, stderr=log, cwd=ROOT
            )
        process.wait_for_port(self.port, self.server, self.log)


class AppSystem(System):
    """A system whose server is `bench.compare.app` with a store of its own."""

    store: str
    """The module of the store."""

    def start(self) -> None:
        self.serve(
            [sys.executable, "-m", "bench.compare.app", self.store, "--folder", str(self.folder)]
        )

    async def load(self, files: dict[str, list[Path]]) -> None:
        listed = {table: [str(file) for file in paths] for table, paths in files.items()}
        await self.ask(Request("POST", "/load", json.dumps(listed).encode()))

    async def settle(self) -> None:
        await self.ask(Request("POST", "/settle"))

    async def size(self) -> int:
        return int(await self.ask(Request("GET", "/size")))

    def ingest(self, rows: bytes) -> Request:
        return Request("POST", "/events", rows)

    def question(self, name: str, params: Params) -> Request:
        return get(f"/questions/{name}", params)

    async def ask(self, request: Request) -> bytes:
        async with connected(self.port, self.headers) as connection:
            return await connection.ask(request)
