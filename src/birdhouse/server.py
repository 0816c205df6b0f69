"""One birdhouse: its services put together on a data dir, and the HTTP server in front of them.

Everything runs in this process. The event loop translates and answers; whatever blocks runs in
worker threads, where the engine releases the interpreter's lock.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from birdhouse import __version__
from birdhouse.backup import Backups, forget_snapshots
from birdhouse.clock import Clock
from birdhouse.copies import Copies
from birdhouse.datadir import DataDir, StartError
from birdhouse.engine import Engine, quote_text
from birdhouse.errors import BirdhouseError, NotFound
from birdhouse.export import forget_exports
from birdhouse.http.app import create_app
from birdhouse.http.clickhouse import create_clickhouse_app
from birdhouse.http.context import Services
from birdhouse.http.imports import end_import
from birdhouse.http.measured import Measured
from birdhouse.http.metrics import Metrics
from birdhouse.http.rates import Rates
from birdhouse.ingest import Ingestion, Landing, Receipt, RemoteLimits
from birdhouse.kafka import Consumers
from birdhouse.project.deploy import Deployer, Planning
from birdhouse.query import Limits, Plans, Scope, plan_pipe
from birdhouse.sinks import Sinks
from birdhouse.syncs import Syncs, end_sync
from birdhouse.workspace.activity import Activity
from birdhouse.workspace.imported import Imported
from birdhouse.workspace.positions import Positions
from birdhouse.workspace.resources import Node, Pipe, Resources
from birdhouse.workspace.store import Store
from birdhouse.workspace.workspaces import Workspace, Workspaces

log = logging.getLogger("birdhouse")

_THREADS = 32
_STOP = (signal.SIGTERM, signal.SIGINT)
_GRACE = 30
"""Seconds that a request under way has to finish when the server stops."""


def _plan_node(workspace: Workspace, resources: Resources, pipe: Pipe, node: Node) -> str:
    return plan_pipe(pipe, _build_scope(workspace, resources, test=True), node).sql


def _plan_view(workspace: Workspace, resources: Resources, pipe: Pipe) -> str:
    plan = plan_pipe(pipe, _build_scope(workspace, resources))
    sql = plan.sql
    for name, value in plan.params.items():
        sql = sql.replace(f"{{{name}:String}}", quote_text(value))
    return sql


def _build_scope(workspace: Workspace, resources: Resources, *, test: bool = False) -> Scope:
    """What a workspace would serve with those resources."""
    return Scope(
        resources=resources,
        database=workspace.database,
        workspace=workspace.name,
        secrets=workspace.secret_values(),
        shared=workspace.shared,
        test=test,
    )


def _current(workspaces: Workspaces) -> Callable[[Landing], Landing]:
    """Where rows for a landing go now: a deployment may have given its data source a new table."""

    def find(landing: Landing) -> Landing:
        workspace = next((w for w in workspaces if w.database == landing.database), None)
        if workspace is None:
            raise NotFound("The workspace has been deleted")
        return Landing(landing.database, workspace.current(landing.datasource))

    return find


@contextlib.contextmanager
def open_services(data_dir: Path, remote: RemoteLimits) -> Iterator[Services]:
    """The services on a data dir, with what a crash interrupted brought to an end.

    Raises `StartError` for a data dir that cannot be used.
    """
    with contextlib.ExitStack() as stack:
        try:
            services = _open(stack, DataDir(data_dir), remote)
        except (OSError, sqlite3.OperationalError) as error:
            raise StartError(f"The data dir {data_dir} cannot be used: {error}") from None
        yield services


def _open(stack: contextlib.ExitStack, place: DataDir, remote: RemoteLimits) -> Services:
    stack.enter_context(place.owned())
    if place.restoring.exists():
        raise StartError(
            f"A restore into the data dir {place.path} was cut off: "
            "delete the folder and restore again"
        )
    forget_snapshots(place)
    store = Store(place.store)
    stack.callback(store.close)
    engine = Engine(place.clickhouse)
    stack.callback(engine.close)
    forget_exports(engine)
    activity = Activity(engine)
    stack.callback(activity.close)
    workspaces, positions = Workspaces(store), Positions(store)
    imported = Imported(store)

    def resumed(id: str, result: Receipt | BirdhouseError) -> None:
        end_import(workspaces, id, result)
        end_sync(workspaces, imported, id, result)

    ingestion = Ingestion(
        engine,
        place.ingest,
        current=_current(workspaces),
        resumed=resumed,
        moved=positions.move,
    )
    stack.callback(ingestion.close)
    syncs = Syncs(workspaces, ingestion, imported, activity)
    stack.callback(syncs.close)
    copies = Copies(engine, workspaces, ingestion.hold, activity)
    stack.callback(copies.close)
    sinks = Sinks(engine, workspaces, activity)
    stack.callback(sinks.close)
    clock = Clock(copies.due, sinks.due, syncs.due)
    stack.callback(clock.close)
    consumers = Consumers(workspaces, ingestion, positions, activity)
    stack.callback(consumers.close)

    def changed() -> None:
        clock.wake()
        consumers.follow()
        syncs.follow()

    planning = Planning(_plan_node, _plan_view)
    deployer = Deployer(engine, workspaces, ingestion.hold, planning, changed)
    deployer.recover()
    ingestion.replay()
    deployer.sweep()
    for workspace in workspaces:
        workspace.end_jobs(ingestion.resumed_ids)
    clock.start()
    consumers.start()
    syncs.start_following()
    threads = ThreadPoolExecutor(_THREADS, "birdhouse")
    stack.callback(threads.shutdown)
    stack.callback(deployer.close)
    return Services(
        engine,
        workspaces,
        ingestion,
        deployer,
        threads,
        Limits(),
        remote,
        __version__,
        activity,
        Plans(),
        Rates(),
        Backups(place, store, engine, workspaces, ingestion),
        copies,
        consumers,
        syncs,
        sinks,
        clock,
    )


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
    """Says when it listens, and comes back when a signal stops it."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's own would die of the signal, with rows left to commit."""
        previous = {number: signal.signal(number, self.handle_exit) for number in _STOP}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


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
    """Answer requests until SIGTERM or SIGINT, and those that are under way then.

    `ready` is called when the first one can come. `clickhouse` is where ClickHouse's own clients
    connect.
    """
    metrics = Metrics(services)
    app = create_app(services, metrics)
    listeners = [listener]
    if clickhouse is not None:
        app = _ByPort(app, create_clickhouse_app(services), clickhouse.getsockname()[1])
        listeners.append(clickhouse)
    config = uvicorn.Config(
        Measured(app, metrics),
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=_GRACE,
        server_header=False,
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:  # uvloop's
        runner.run(_Server(config, ready).serve(listeners))
    log.info("Birdhouse takes no more requests, and finishes what it has accepted")


__all__ = ["StartError", "listen", "open_services", "serve"]
