"""What stands around every answer: its id, CORS, and who may see birdhouse's own pages.

An address of the API means the same with a slash at its end: clients write both.

A page in somebody's browser can send requests to this machine. It may read the answers of the API
families that browsers are meant to call, which all want a token. What birdhouse says of itself, the
tokens above all, goes to programs on this machine alone: those answers carry no CORS headers, and a
request for them is refused when it comes from another machine, from a page of another origin, or
under a name that is not this machine's (DNS rebinding). The explorer's page holds nothing of that
sort: other machines may have it. A project's public files are for everybody.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from birdhouse.http.public import public_file
from birdhouse.workspace.locks import Readers

_SHARED = ("/v0/pipes", "/v0/events", "/v0/sql", "/v0/datasources")
"""The families that browsers call from pages of any origin."""
_API = (
    "/v0/",
    "/v1/",
    "/examples/",
    "/version",
    "/metrics",
    "/backup.tar",
    "/export/",
    "/quarantine/",
)
_CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, HEAD, OPTIONS"),
    (b"access-control-allow-headers", b"*, Authorization"),
    (b"access-control-expose-headers", b"*"),
    (b"access-control-max-age", b"86400"),
]
"""Browsers do not take `*` for Authorization."""
_TOKEN = re.compile(r"(?:p\.)?ey[AJ][\w-]+\.[\w.-]+")
"""Static tokens and JWTs: `{"`, or `{` and a space, in base64, and what follows."""


def without_tokens(text: str) -> str:
    """A text in which no token is left to read."""
    return _TOKEN.sub("***", text)


class Around:
    """The application with its headers and its guard."""

    def __init__(self, app: ASGIApp, readers: Readers, public: Path | None) -> None:
        self._app = app
        self._readers = readers
        self._public = public

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if path.startswith(_API):
            path = scope["path"] = path.rstrip("/")
        shared = path.startswith(_SHARED)
        state = scope["state"]

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    (b"x-request-id", state["request_id"].encode()),
                    *state.get("rate_headers", ()),
                    *(_CORS if shared else ()),
                ]
            await send(message)

        if scope["method"] == "OPTIONS":
            await Response(status_code=204)(scope, receive, send_with_headers)
        elif not path.startswith(_API) and (file := public_file(self._public, Request(scope))):
            await file(scope, receive, send_with_headers)
        elif refusal := _refusal(scope):
            body = f'{{"error":"{refusal}"}}'
            answer = Response(body, 403, media_type="application/json; charset=utf-8")
            await answer(scope, receive, send_with_headers)
        else:
            generation = self._readers.enter()
            try:
                await self._app(scope, receive, send_with_headers)
            finally:
                self._readers.leave(generation)


def _refusal(scope: Scope) -> str:
    """Why birdhouse's own pages are not for this request; '' when they are, or for the API."""
    path = scope["path"]
    if path.startswith(_API):
        return ""
    return foreign(scope, page=path == "/" or path.startswith("/explorer/"))


def foreign(scope: Scope, *, page: bool = False) -> str:
    """Why a request is not one of a program on this machine; '' when it is. A `page` without
    secrets may go to other machines, too."""
    headers = Headers(scope=scope)
    client = scope.get("client")
    elsewhere = client is not None and not is_loopback(client[0])
    if elsewhere and not page:
        return "This page is for programs on the machine that birdhouse runs on"
    host = headers.get("host", "")
    if not elsewhere and not is_loopback(_name(host)):
        return "The Host header does not name this machine: use localhost or 127.0.0.1"
    origin = headers.get("origin", "")
    if origin and origin.partition("://")[2] != host:
        return "Pages of another origin may not read this"
    return ""


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    return host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
