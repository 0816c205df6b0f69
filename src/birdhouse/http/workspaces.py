"""Who and where: tokens of the local server, health, workspaces, the user and their branches."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import BadRequest, Forbidden, NotFound
from birdhouse.http.context import answer, body_values, caller, run, services, text_answer
from birdhouse.workspace.workspaces import USER_EMAIL, Workspace


async def local_tokens(request: Request) -> Response:
    """The credentials of the default workspace, for whoever is on this machine."""
    workspaces = services(request).workspaces
    default = workspaces.default
    admin = default.find_token(f"admin {USER_EMAIL}")
    if admin is None:
        raise NotFound("The admin token of the default workspace is gone")
    return answer(
        {
            "user_token": workspaces.account.user_token,
            "admin_token": admin.token,
            "workspace_admin_token": default.admin_token,
        }
    )


async def health(_: Request) -> Response:
    return answer({"status": "ok"})


async def version(request: Request) -> Response:
    return text_answer(services(request).version)


async def regions(_: Request) -> Response:
    local = {"name": "local", "provider": "local", "api_host": "http://localhost:7181"}
    return answer({"regions": [{**local, "host": "http://localhost:7181"}]})


async def auth(request: Request) -> Response:
    """Whether the token is good."""
    try:
        _, access = caller(request)
    except Forbidden:
        return answer({"is_valid": False, "is_user": False})
    return answer({"is_valid": True, "is_user": access.token_id == "user"})


def _report(request: Request, workspace: Workspace, *, token: bool = False) -> dict[str, Any]:
    account = services(request).workspaces.account
    body: dict[str, Any] = {
        "id": workspace.id,
        "name": workspace.name,
        "main": workspace.main,
        "is_branch": workspace.main is not None,
        "is_forward": True,
        "created_at": workspace.created_at,
        "role": "admin",
        "plan": "Local",
        "scope": "admin",
        "user_id": account.user_id,
        "user_email": USER_EMAIL,
        "organization": {"id": account.organization_id, "name": "Tinybird_Local"},
        "members": [{"id": account.user_id, "email": USER_EMAIL, "role": "admin"}],
        "releases": [],
    }
    if token:
        body["token"] = workspace.admin_token
    return body


async def user_workspaces(request: Request) -> Response:
    """Every workspace of the data dir, with its admin token, for an admin of any of them."""
    workspace, access = caller(request)
    access.require_admin()
    registry = services(request).workspaces
    with_branches = request.query_params.get("with_environments", "true") != "false"
    only_branches = request.query_params.get("only_environments") == "true"
    shown = [
        w
        for w in registry
        if (with_branches or w.main is None) and (not only_branches or w.main is not None)
    ]
    return answer(
        {
            **_report(request, workspace),
            "organization_id": registry.account.organization_id,
            "organization_name": "Tinybird_Local",
            "workspaces": [_report(request, w, token=True) for w in shown],
        }
    )


async def current_workspace(request: Request) -> Response:
    workspace, _ = caller(request)
    return answer(_report(request, workspace))


async def create_workspace(request: Request) -> Response:
    """A new, empty workspace. Needs an admin or the user token."""
    _, access = caller(request)
    access.require_admin()
    values = {**await body_values(request), **request.query_params}
    name = str(values.get("name", ""))
    if not name:
        raise BadRequest("The parameter 'name' is required")
    created = services(request).workspaces.create(name)
    return answer(_report(request, created, token=True))


def _named(request: Request) -> Workspace:
    return services(request).workspaces.named(request.path_params["workspace"])


async def get_workspace(request: Request) -> Response:
    workspace, access = caller(request)
    found = _named(request)
    if found is not workspace and not access.is_admin:
        raise Forbidden("Not enough permissions for this workspace")
    with_token = request.query_params.get("with_token") == "true" and access.is_admin
    return answer(_report(request, found, token=with_token))


async def delete_workspace(request: Request) -> Response:
    """Remove a workspace with everything in it."""
    _, access = caller(request)
    access.require_admin()
    found = _named(request)
    values = {**await body_values(request), **request.query_params}
    confirmation = values.get("hard_delete_confirmation", values.get("confirmation"))
    if confirmation not in (None, "yes", "true", found.name):  # the CLI has asked and sends none
        raise BadRequest("To delete a workspace, confirm with hard_delete_confirmation=yes")
    await run(request, services(request).deployer.delete_workspace, found)
    return answer({"ok": True})


routes = [
    Route("/tokens", local_tokens),
    Route("/v0/health", health),
    Route("/version", version),
    Route("/v0/regions", regions),
    Route("/v0/auth", auth),
    Route("/v0/user/workspaces", user_workspaces),
    Route("/v1/user/workspaces", user_workspaces),
    Route("/v0/workspace", current_workspace),
    Route("/v1/workspace", current_workspace),
    Route("/v0/workspaces", create_workspace, methods=["POST"]),
    Route("/v1/workspaces", create_workspace, methods=["POST"]),
    Route("/v0/workspaces/{workspace}", get_workspace),
    Route("/v1/workspaces/{workspace}", get_workspace),
    Route("/v0/workspaces/{workspace}", delete_workspace, methods=["DELETE"]),
    Route("/v1/workspaces/{workspace}", delete_workspace, methods=["DELETE"]),
]
