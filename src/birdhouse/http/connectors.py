"""Connections: what the `.connection` files declare, and the data sources that use them.

Data that a connection brings in (Kafka, S3, GCS, DynamoDB) is not read: what would start, stop or
preview it says so.
"""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import BadRequest, Forbidden, NotFound
from birdhouse.http.context import answer, caller
from birdhouse.http.datasources import ONLY_BY_DEPLOYMENT
from birdhouse.workspace.resources import Connection
from birdhouse.workspace.workspaces import Workspace

_SECRET = ("secret", "password", "key", "token", "pem", "cert")
"""Parts of the names of settings whose values are not shown."""
_LINK = re.compile(r"""^(?:IMPORT|KAFKA)_CONNECTION_NAME\s+["']?([^\s"']+)""", re.MULTILINE)


def _report(workspace: Workspace, connection: Connection) -> dict[str, Any]:
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
            {"datasource_id": datasource.id}
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
    shown = [_report(workspace, c) for c in connections if not service or c.service == service]
    return answer({"connectors": shown})


async def get_connector(request: Request) -> Response:
    return answer(_report(*_named(request)))


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
    raise BadRequest(f"The connection '{connection.name}' is kept, but its data is not read here")


async def linked_data(request: Request) -> Response:
    """Start, stop, sample or sync what a connection brings in."""
    workspace, access = caller(request)
    access.require_admin()
    name = workspace.datasource(request.path_params["name"]).name
    raise BadRequest(f"The Data Source '{name}' has no connection that is read here")


routes = [
    Route("/v0/connectors", list_connectors),
    Route("/v0/connectors", change_connectors, methods=["POST"]),
    Route("/v0/connectors/{name}.connection", connector_file),
    Route("/v0/connectors/{name}/preview", preview),
    Route("/v0/connectors/{name}", get_connector),
    Route("/v0/connectors/{name}", change_connectors, methods=["PUT", "DELETE"]),
    Route("/v0/datasources/{name}/sample", linked_data, methods=["POST"]),
    Route("/v0/datasources/{name}/start", linked_data, methods=["POST"]),
    Route("/v0/datasources/{name}/stop", linked_data, methods=["POST"]),
    Route("/v0/datasources/{name}/scheduling/runs", linked_data, methods=["POST"]),
    Route("/v0/datasources/{name}/scheduling/state", linked_data, methods=["GET", "PUT"]),
]
