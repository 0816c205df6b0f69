"""The record of requests to endpoints and to the Query API."""

from __future__ import annotations

import functools
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlencode

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from birdhouse.engine import Result
from birdhouse.errors import BirdhouseError
from birdhouse.http.context import Caller, query_values, services, template_variables
from birdhouse.http.headers import without_tokens
from birdhouse.workspace import activity

Handler = Callable[[Request], Awaitable[Response]]

_QUERY_API = "query_api"
_CLIENT_LEFT = 499
_SHOWN = 8 * 1024
"""Characters of an address, a message or a value that are recorded."""


def name_pipe(request: Request, id: str, name: str) -> None:
    """Say which pipe the request is about; until then it is about the Query API."""
    request.state.pipe = (id, name)


def observed(handler: Handler) -> Handler:
    """Record each request of a known caller, and how it went.

    Questions to the service data sources leave no trace there, as on Tinybird.
    """

    @functools.wraps(handler)
    async def observe(request: Request) -> Response:
        started = time.perf_counter()
        status, message = 200, None
        try:
            response = await handler(request)
            status = response.status_code
            return response
        except ClientDisconnect:
            status, message = _CLIENT_LEFT, "The client closed the connection"
            return Response(status_code=_CLIENT_LEFT)
        except BirdhouseError as error:
            status, message = error.status, str(error)
            raise
        finally:
            if not getattr(request.state, "reads_service", False):
                _record(request, status, message, time.perf_counter() - started)

    return observe


def _record(request: Request, status: int, message: str | None, duration: float) -> None:
    who: Caller | None = getattr(request.state, "caller", None)
    if who is None:
        return
    id, name = getattr(request.state, "pipe", (_QUERY_API, _QUERY_API))
    result: Result | None = getattr(request.state, "result", None)
    values = {key: value for key, value in query_values(request).items() if key != "token"}
    sent = {**values, **getattr(request.state, "sent", {})}
    parameters = {key: _shown(text) for key, text in template_variables(sent).items()}
    if "q" in sent:
        parameters["q"] = _shown(str(sent["q"]))
    query = urlencode(values, doseq=True)
    url = f"{request.url.path}?{query}" if query else request.url.path
    services(request).activity.record_request(
        activity.Request(
            workspace_id=who.workspace.id,
            pipe_id=id,
            pipe_name=name,
            token=who.access.token_id or who.access.name,
            token_name=who.access.name,
            duration=duration,
            read_bytes=result.bytes_read if result else 0,
            read_rows=result.rows_read if result else 0,
            cpu_time=result.elapsed if result else 0.0,
            result_rows=result.result_rows if result else 0,
            url=_shown(url),
            error=int(status >= 400),
            error_message=None if message is None else _shown(message),
            status_code=status,
            request_id=getattr(request.state, "request_id", ""),
            parameters=parameters,
            method=request.method,
            user_agent=request.headers.get("user-agent"),
            client_ip=request.client.host if request.client else None,
        )
    )


def _shown(text: str) -> str:
    return without_tokens(text[:_SHOWN])
