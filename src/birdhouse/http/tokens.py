"""Tokens API: static tokens are kept, JWTs are only signed."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import BadRequest, Conflict, Forbidden
from birdhouse.http.context import answer, body_values, caller, query_values, services, text_answer
from birdhouse.workspace.resources import utc_now
from birdhouse.workspace.tokens import Scope, Token, new_token, parse_scope, sign_jwt
from birdhouse.workspace.workspaces import WORKSPACE_ADMIN_TOKEN, Workspace

_UNKNOWN = "Token has not enough permissions to get information about this token"


def _report(token: Token) -> dict[str, Any]:
    return {
        "id": token.id,
        "token": token.token,
        "name": token.name,
        "description": token.description,
        "scopes": [
            {"type": scope.type, **({"resource": scope.resource} if scope.resource else {})}
            for scope in token.scopes
        ],
        "origin": {"type": token.origin},
        "host": "local",
        "is_internal": False,
        "created_at": token.created_at,
        "updated_at": token.updated_at,
    }


def _find(request: Request) -> tuple[Workspace, Token]:
    """The token that the path names, for one who may manage tokens, or for itself."""
    workspace, access = caller(request)
    found = workspace.find_token(request.path_params["token"])
    if found is None:
        raise Forbidden(_UNKNOWN)
    if found.id != access.token_id:
        access.require_tokens()
    return workspace, found


async def list_tokens(request: Request) -> Response:
    workspace, access = caller(request)
    access.require_tokens()
    return answer({"tokens": [_report(token) for token in workspace.tokens.values()]})


async def create_token(request: Request) -> Response:
    """A static token; with `expiration_time` a JWT."""
    workspace, access = caller(request)
    access.require_tokens()
    values = query_values(request)
    body = await body_values(request)
    name = str(values.get("name") or body.get("name") or "")
    if not name:
        raise BadRequest("The parameter 'name' is required")
    if "expiration_time" in values:
        return answer({"token": _jwt(workspace, name, str(values["expiration_time"]), body)})
    _require_free(workspace, name)
    scopes = _scopes(values, body)
    if not scopes:
        raise BadRequest("A token needs at least one scope")
    description = str(values.get("description") or body.get("description") or "")
    user = services(request).workspaces.account.user_id
    token = new_token(user, name, scopes, "C", description)
    workspace.save_token(token)
    return answer(_report(token))


def _require_free(workspace: Workspace, name: str) -> None:
    if any(token.name == name for token in workspace.tokens.values()):
        raise Conflict(f"Token with name '{name}' already exists")


def _scopes(values: dict[str, Any], body: dict[str, Any]) -> list[Scope]:
    found = values.get("scope") or body.get("scope") or []
    return [parse_scope(text) for text in ([found] if isinstance(found, str) else found)]


def _jwt(workspace: Workspace, name: str, expiration: str, body: dict[str, Any]) -> str:
    if not (expiration.isascii() and expiration.isdecimal()):
        raise BadRequest("The parameter 'expiration_time' must be Unix seconds")
    scopes = body.get("scopes")
    if not isinstance(scopes, list) or not scopes:
        raise BadRequest("A JWT needs 'scopes' in its JSON body: [{type, resource}, ...]")
    claims: dict[str, Any] = {
        "workspace_id": workspace.id,
        "name": name,
        "exp": int(expiration),
        "scopes": scopes,
    }
    if "limits" in body:
        claims["limits"] = body["limits"]
    return sign_jwt(claims, workspace.admin_token)


async def get_token(request: Request) -> Response:
    _, token = _find(request)
    return answer(_report(token))


async def token_text(request: Request) -> Response:
    """Just the value."""
    _, token = _find(request)
    return text_answer(token.token)


async def update_token(request: Request) -> Response:
    """Replace scopes, name or description."""
    workspace, token = _find(request)
    caller(request).access.require_tokens()
    if token.name == WORKSPACE_ADMIN_TOKEN:
        raise BadRequest("The workspace admin token cannot be changed, only refreshed")
    values = query_values(request)
    body = await body_values(request)
    scopes = _scopes(values, body)
    name = str(values.get("name") or body.get("name") or token.name)
    if name != token.name:
        _require_free(workspace, name)
    changed = msgspec.structs.replace(
        token,
        name=name,
        description=str(values.get("description") or body.get("description") or token.description),
        scopes=tuple(scopes) if scopes else token.scopes,
        updated_at=utc_now(),
    )
    workspace.save_token(changed)
    return answer(_report(changed))


async def refresh_token(request: Request) -> Response:
    """Give the token a new value; the old one is refused from now on."""
    workspace, token = _find(request)
    caller(request).access.require_tokens()
    user = services(request).workspaces.account.user_id
    fresh = new_token(user, token.name, token.scopes, token.origin, token.description)
    changed = msgspec.structs.replace(token, token=fresh.token, updated_at=utc_now())
    workspace.save_token(changed)
    return answer(_report(changed))


async def delete_token(request: Request) -> Response:
    workspace, token = _find(request)
    caller(request).access.require_tokens()
    if token.name == WORKSPACE_ADMIN_TOKEN:
        raise BadRequest("The workspace admin token cannot be deleted, only refreshed")
    workspace.delete_token(token.id)
    return answer({"ok": True})


routes = [
    Route("/v0/tokens", list_tokens),
    Route("/v0/tokens", create_token, methods=["POST"]),
    Route("/v0/tokens/{token}.token", token_text),
    Route("/v0/tokens/{token}/refresh", refresh_token, methods=["POST"]),
    Route("/v0/tokens/{token}", get_token),
    Route("/v0/tokens/{token}", update_token, methods=["PUT"]),
    Route("/v0/tokens/{token}", delete_token, methods=["DELETE"]),
]
