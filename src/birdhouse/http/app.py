"""The ASGI application: its routes, its headers, and the one place where errors become answers."""

from __future__ import annotations

import logging
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp

from birdhouse.errors import BirdhouseError, CustomError, EngineError, TooManyRequests, Unavailable
from birdhouse.http import (
    analyze,
    archives,
    cloud,
    connectors,
    copies,
    dashboard,
    datasources,
    dependencies,
    deployments,
    events,
    explorer,
    imports,
    jobs,
    metrics,
    pipes,
    quarantine,
    rows,
    sinks,
    sql,
    tags,
    tokens,
    toolset,
    variables,
    workspaces,
)
from birdhouse.http.context import Services, answer
from birdhouse.http.headers import Around, without_tokens

log = logging.getLogger("birdhouse")

_FAMILIES = (
    # Those that are asked most come first: routes are tried one after the other.
    pipes,
    sql,
    events,
    analyze,
    cloud,
    connectors,
    dependencies,
    tags,
    toolset,
    workspaces,
    deployments,
    imports,
    rows,
    quarantine,
    datasources,
    copies,
    sinks,
    jobs,
    tokens,
    variables,
    archives,
    dashboard,
    explorer,
    metrics,
)


def create_app(services: Services, counted: metrics.Metrics) -> ASGIApp:
    """The application over these services; it shows what is counted, and counts nothing itself."""
    app = Starlette(
        routes=[route for family in _FAMILIES for route in family.routes],
        exception_handlers={
            BirdhouseError: _known_error,
            HTTPException: _http_error,
            ClientDisconnect: _cut_off,
            Exception: _unknown_error,
        },
    )
    app.state.services = services
    app.state.metrics = counted
    return Around(app, services.workspaces.readers, services.public)


def _known_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, BirdhouseError)
    if isinstance(error, CustomError):
        body = error.body if isinstance(error.body, dict) else {"error": str(error.body)}
        return answer(body, error.status)
    headers: dict[str, str] = {}
    if isinstance(error, EngineError):
        headers["X-DB-Exception-Code"] = str(error.code)
    if isinstance(error, TooManyRequests | Unavailable):
        headers["Retry-After"] = str(error.retry_after)
    text = without_tokens(str(error))
    return answer(_envelope(text, error.documentation), error.status, headers)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = without_tokens(request.url.path)
    texts = {404: f"Not found: {path}", 405: f"{request.method} is not allowed here"}
    text = texts.get(error.status_code, error.detail)
    return answer(_envelope(text, BirdhouseError.documentation), error.status_code, error.headers)


def _cut_off(_: Request, error: Exception) -> Response:
    text = "The request ended before its body did: nothing of it was stored"
    return answer(_envelope(text, BirdhouseError.documentation), 400)


def _unknown_error(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, without_tokens(request.url.path), exc_info=error)
    text = "Internal server error: the reason is in the log of birdhouse"
    return answer(_envelope(text, BirdhouseError.documentation), 500)


def _envelope(error: str, documentation: str) -> dict[str, Any]:
    return {"error": error, "documentation": documentation}
