"""One birdhouse: its services put together on a data dir, and the HTTP server in front of them.

Everything runs in this process. The event loop translates and answers; whatever blocks runs in
worker threads, where the engine releases the interpreter's lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from birdhouse import __version__
from birdhouse.engine import Engine
from birdhouse.errors import NotFound
from birdhouse.http.app import create_app
from birdhouse.http.clickhouse import create_clickhouse_app
from birdhouse.http.context import Services
from birdhouse.ingest import Ingestion, Landing, RemoteLimits
from birdhouse.project.deploy import Deployer
from birdhouse.query import Limits, Scope, plan_pipe
from birdhouse.workspace.resources import Node, Pipe, Resources
from birdhouse.workspace.store import Store
from birdhouse.workspace.workspaces import Workspace, Workspaces

log = logging.getLogger("birdhouse")

STORE = "birdhouse.sqlite"
_THREADS = 32


class StartError(Exception):
    """The server cannot start; the message says why and what to do."""


@contextlib.contextmanager
def _locked(data_dir: Path) -> Iterator[None]:
    """Own a data dir. Raises `StartError` when another process does."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StartError(
                f"Another birdhouse uses the data dir {data_dir}: stop it, "
                "or choose another one with --data-dir"
            ) from None
        yield


def _plan_node(workspace: Workspace, resources: Resources, pipe: Pipe, node: Node) -> str:
    scope = Scope(
        resources=resources,
        database=workspace.database,
        workspace=workspace.name,
        secrets=workspace.secret_values(),
        test=True,
    )
    return plan_pipe(pipe, scope, node).sql


def _current(workspaces: Workspaces) -> Callable[[Landing], Landing]:
    """Where rows for a landing go now: a deployment may have given its data source a new table."""

    def find(landing: Landing) -> Landing:
        workspace = next((w for w in workspaces if w.database == landing.database), None)
        if workspace is None:
            raise NotFound("The workspace has been deleted")
        return Landing(landing.database, workspace.datasource(landing.datasource.name))

    return find


@contextlib.contextmanager
def open_services(data_dir: Path, remote: RemoteLimits) -> Iterator[Services]:
    """The services on a data dir, with what a crash interrupted brought to an end.

    Raises `StartError` for a data dir that cannot be used.
    """
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(_locked(data_dir))
            store = Store(data_dir / STORE)
            stack.callback(store.close)
            engine = Engine(data_dir / "clickhouse")
            stack.callback(engine.close)
            workspaces = Workspaces(store)
            ingestion = Ingestion(engine, data_dir / "ingest", current=_current(workspaces))
            stack.callback(ingestion.close)
            deployer = Deployer(engine, workspaces, ingestion.hold, _plan_node)
            deployer.recover()
            ingestion.replay()
            threads = ThreadPoolExecutor(_THREADS, "birdhouse")
            stack.callback(threads.shutdown)
            yield Services(
                engine,
                workspaces,
                ingestion,
                deployer,
                threads,
                Limits(),
                remote,
                __version__,
            )
    except PermissionError as error:
        raise StartError(f"The data dir {data_dir} cannot be written: {error}") from None


def listen(host: str, port: int, option: str = "--port") -> socket.socket:
    """A listening socket. Raises `StartError` when the port is taken, naming the option for it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Inherited by each connection: without it a small answer waits 40 ms for the client's ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StartError(
            f"Port {port} of {host} cannot be used ({error.strerror}): stop what listens there, "
            f"or choose another one with {option}"
        ) from None
    return listener


class _Server(uvicorn.Server):
    """Says when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()


class _ByPort:
    """The API on every port but one: that one speaks ClickHouse's protocol."""

    def __init__(self, api: ASGIApp, clickhouse: ASGIApp, clickhouse_port: int) -> None:
        self._api = api
        self._clickhouse = clickhouse
        self._clickhouse_port = clickhouse_port

    async def __call__(self, scope: Connection, receive: Receive, send: Send) -> None:
        _, port = scope["server"]
        app = self._clickhouse if port == self._clickhouse_port else self._api
        await app(scope, receive, send)


def serve(
    services: Services,
    listener: socket.socket,
    ready: Callable[[], None],
    clickhouse: socket.socket | None = None,
) -> None:
    """Answer requests until a signal. `ready` is called when the first one can come.

    `clickhouse` is where ClickHouse's own clients connect.
    """
    app = create_app(services)
    listeners = [listener]
    if clickhouse is not None:
        app = _ByPort(app, create_clickhouse_app(services), clickhouse.getsockname()[1])
        listeners.append(clickhouse)
    config = uvicorn.Config(
        app,
        log_level=logging.WARNING,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=10,
        server_header=False,
    )
    asyncio.run(_Server(config, ready).serve(listeners))


__all__ = ["STORE", "StartError", "listen", "open_services", "serve"]
