"""Environment Variables API: the secrets of a workspace. Values go in and never come out."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import BadRequest, NotFound
from birdhouse.http.context import answer, body_values, caller, query_values
from birdhouse.workspace.workspaces import USER_EMAIL, Secret, Workspace


def _report(secret: Secret) -> dict[str, Any]:
    return {
        "name": secret.name,
        "type": "secret",
        "created_at": secret.created_at,
        "updated_at": secret.updated_at,
        "edited_by": USER_EMAIL,
    }


def _admin_workspace(request: Request) -> Workspace:
    workspace, access = caller(request)
    access.require_deploy()
    return workspace


async def list_variables(request: Request) -> Response:
    workspace = _admin_workspace(request)
    return answer({"variables": [_report(secret) for secret in workspace.secrets.values()]})


async def get_variable(request: Request) -> Response:
    workspace = _admin_workspace(request)
    secret = workspace.secrets.get(request.path_params["name"])
    if secret is None:
        raise NotFound("Not found")
    return answer(_report(secret))


async def create_variable(request: Request) -> Response:
    workspace = _admin_workspace(request)
    values = {**query_values(request), **await body_values(request)}
    name, value = str(values.get("name", "")), values.get("value")
    if not name.isidentifier():
        raise BadRequest("The parameter 'name' is required: letters, digits and underscores")
    if value is None:
        raise BadRequest("The parameter 'value' is required")
    return answer(_report(workspace.save_secret(name, str(value))))


async def update_variable(request: Request) -> Response:
    workspace = _admin_workspace(request)
    name = request.path_params["name"]
    if name not in workspace.secrets:
        raise NotFound("Variable not found")
    values = {**query_values(request), **await body_values(request)}
    if values.get("value") is None:
        raise BadRequest("The parameter 'value' is required")
    return answer(_report(workspace.save_secret(name, str(values["value"]))))


async def delete_variable(request: Request) -> Response:
    workspace = _admin_workspace(request)
    name = request.path_params["name"]
    if name not in workspace.secrets:
        raise NotFound("Variable not found")
    workspace.delete_secret(name)
    return answer({"ok": True})


routes = [
    Route("/v0/variables", list_variables),
    Route("/v0/variables", create_variable, methods=["POST"]),
    Route("/v0/variables/{name}", get_variable),
    Route("/v0/variables/{name}", update_variable, methods=["PUT"]),
    Route("/v0/variables/{name}", delete_variable, methods=["DELETE"]),
]
