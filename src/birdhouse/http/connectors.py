"""Connections: what the `.connection` files declare, and the data sources that use them.

Topics of Kafka and buckets of S3 are read. What else a connection brings in is not: what would
sync it says so, and so does every preview.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import BadRequest, Forbidden, NotFound
from birdhouse.http.context import PUBLIC_URL, answer, body_values, caller, run, services
from birdhouse.http.datasources import ONLY_BY_DEPLOYMENT
from birdhouse.workspace.resources import Connection, DataSource
from birdhouse.workspace.workspaces import Workspace

_STATES = ("paused", "running")
_SECRET = ("secret", "password", "key", "token", "pem", "cert")
"""Parts of the names of settings whose values are not shown."""
_LINK = re.compile(r"""^(?:IMPORT|KAFKA)_CONNECTION_NAME\s+["']?([^\s"']+)""", re.MULTILINE)


def _linker(request: Request, workspace: Workspace, datasource: DataSource) -> dict[str, Any]:
    """A data source that uses a connection, and how its consumer is."""
    status = services(request).consumers.status(workspace, datasource)
    shown = msgspec.structs.asdict(status) if status else {}
    return {"datasource_id": datasource.id, **shown}


def _report(request: Request, workspace: Workspace, connection: Connection) -> dict[str, Any]:
    shown = {
        name: value
        for name, value in connection.settings.items()
        if name not in ("name", "type") and not any(part in name for part in _SECRET)
    }
    return {
        "id": connection.id,
        "name": connection.name,
        "service": connection.service,
        "settings": shown,
        "linkers": [
            _linker(request, workspace, datasource)
            for datasource in workspace.resources.datasources.values()
            if connection.name in _LINK.findall(datasource.text)
        ],
    }


def _named(request: Request) -> tuple[Workspace, Connection]:
    workspace, access = caller(request)
    access.require_deploy()
    name = request.path_params["name"]
    for connection in workspace.resources.connections.values():
        if name in (connection.name, connection.id):
            return workspace, connection
    raise NotFound(f"Connection '{name}' not found")


async def list_connectors(request: Request) -> Response:
    """The connections, without their secrets; `service` narrows the list."""
    workspace, access = caller(request)
    access.require_deploy()
    service = request.query_params.get("service")
    connections = workspace.resources.connections.values()
    shown = [
        _report(request, workspace, c) for c in connections if not service or c.service == service
    ]
    return answer({"connectors": shown})


async def get_connector(request: Request) -> Response:
    return answer(_report(request, *_named(request)))


async def connector_file(request: Request) -> Response:
    """The datafile as it was deployed: secrets stand in it by name."""
    _, connection = _named(request)
    return answer({"content": connection.text, "warnings": []})


async def change_connectors(request: Request) -> Response:
    """Deployments do that."""
    caller(request)
    raise Forbidden(ONLY_BY_DEPLOYMENT.replace("data sources", "connections"))


async def preview(request: Request) -> Response:
    _, connection = _named(request)
    raise BadRequest(f"The connection '{connection.name}' has no preview here")


async def steer(request: Request) -> Response:
    """Start or stop reading the topic of a data source."""
    workspace, access = caller(request)
    access.require_admin()
    datasource = workspace.datasource(request.path_params["name"])
    if "kafka_topic" not in datasource.connector:
        raise _not_read(datasource)
    consumers = services(request).consumers
    starts = request.url.path.endswith("/start")
    await run(request, consumers.resume if starts else consumers.pause, workspace, datasource)
    return answer(_linker(request, workspace, datasource))


async def sync(request: Request) -> Response:
    """Import the objects of a bucket that are not imported yet; a sample is some of them."""
    workspace, access = caller(request)
    access.require_admin()
    datasource = workspace.datasource(request.path_params["name"])
    most = 0
    if request.url.path.endswith("/sample"):
        most = int((await body_values(request)).get("max_files") or 1)
    job = await run(request, services(request).syncs.start, workspace, datasource, most)
    report = job.report(PUBLIC_URL)
    return answer({**report, "job": report})


async def scheduling_state(request: Request) -> Response:
    """Whether a bucket is looked into by itself; PUT changes that."""
    workspace, access = caller(request)
    access.require_admin()
    datasource = workspace.datasource(request.path_params["name"])
    if "import_bucket_uri" not in datasource.connector:
        raise _not_read(datasource)
    if request.method == "PUT":
        wanted = (await body_values(request)).get("state")
        if wanted not in _STATES:
            raise BadRequest(f"The state is {' or '.join(_STATES)}, not '{wanted}'")
        change = workspace.schedules.pause if wanted == "paused" else workspace.schedules.resume
        change(datasource)
        await run(request, services(request).syncs.follow)
    paused = workspace.schedules.is_paused(datasource)
    return answer({"state": "paused" if paused else "running"})


def _not_read(datasource: DataSource) -> BadRequest:
    return BadRequest(f"The Data Source '{datasource.name}' has no connection that is read here")


routes = [
    Route("/v0/connectors", list_connectors),
    Route("/v0/connectors", change_connectors, methods=["POST"]),
    Route("/v0/connectors/{name}.connection", connector_file),
    Route("/v0/connectors/{name}/preview", preview),
    Route("/v0/connectors/{name}", get_connector),
    Route("/v0/connectors/{name}", change_connectors, methods=["PUT", "DELETE"]),
    Route("/v0/datasources/{name}/sample", sync, methods=["POST"]),
    Route("/v0/datasources/{name}/start", steer, methods=["POST"]),
    Route("/v0/datasources/{name}/stop", steer, methods=["POST"]),
    Route("/v0/datasources/{name}/scheduling/runs", sync, methods=["POST"]),
    Route("/v0/datasources/{name}/scheduling/state", scheduling_state, methods=["GET", "PUT"]),
]
