"""The ASGI application: its routes, its headers, and the one place where errors become answers."""

from __future__ import annotations

import logging
import time
import uuid
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from birdhouse.errors import BirdhouseError, CustomError, EngineError, TooManyRequests, Unavailable
from birdhouse.http import (
    datasources,
    deployments,
    events,
    imports,
    jobs,
    pipes,
    rows,
    sql,
    tokens,
    variables,
    workspaces,
)
from birdhouse.http.context import Services, answer

log = logging.getLogger("birdhouse")

_FAMILIES = (
    workspaces,
    deployments,
    events,
    imports,
    rows,
    datasources,
    pipes,
    sql,
    jobs,
    tokens,
    variables,
)


def create_app(services: Services) -> ASGIApp:
    """The application over these services."""
    app = Starlette(
        routes=[route for family in _FAMILIES for route in family.routes],
        exception_handlers={
            BirdhouseError: _known_error,
            HTTPException: _http_error,
            Exception: _unknown_error,
        },
    )
    app.state.services = services
    return _Headers(app)


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
    return answer(_envelope(str(error), error.documentation), error.status, headers)


def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    texts = {404: f"Not found: {request.url.path}", 405: f"{request.method} is not allowed here"}
    text = texts.get(error.status_code, error.detail)
    return answer(_envelope(text, BirdhouseError.documentation), error.status_code, error.headers)


def _unknown_error(request: Request, error: Exception) -> Response:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    text = "Internal server error: the reason is in the log of birdhouse"
    return answer(_envelope(text, BirdhouseError.documentation), 500)


def _envelope(error: str, documentation: str) -> dict[str, Any]:
    return {"error": error, "documentation": documentation}


_CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, PUT, DELETE, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"*"),
    (b"access-control-expose-headers", b"*"),
    (b"access-control-max-age", b"86400"),
]


class _Headers:
    """Request ids, CORS for the API that browsers may call, and a line in the log.

    `/tokens` hands out credentials: no page of another origin may read it, so it gets no CORS.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        shared = scope["path"] != "/tokens"
        extra = [(b"x-request-id", str(uuid.uuid4()).encode())]
        status = 0

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *extra, *(_CORS if shared else ())]
            await send(message)

        if scope["method"] == "OPTIONS" and shared:
            await Response(status_code=204)(scope, receive, send_with_headers)
        else:
            await self._app(scope, receive, send_with_headers)
        milliseconds = (time.perf_counter() - started) * 1000
        log.info("%s %s %d %.1f ms", scope["method"], scope["path"], status, milliseconds)
