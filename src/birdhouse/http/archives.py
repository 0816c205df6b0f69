"""Birdhouse's own: archives of what it holds."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Generator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from birdhouse.export import export
from birdhouse.http.context import caller, run, services


async def backup(request: Request) -> Response:
    """Everything in the data dir as a tar archive, for an admin of any workspace."""
    caller(request).access.require_admin()
    return await _tar(request, services(request).backups.archive())


async def _tar(request: Request, pieces: Generator[bytes]) -> Response:
    """An archive while it is made; what fails before its first piece is answered as an error."""
    first = await run(request, next, pieces)
    return _TarResponse(first, pieces)


class _TarResponse(StreamingResponse):
    """An archive whose making ends with the answer, also when the client goes away."""

    def __init__(self, first: bytes, pieces: Generator[bytes]) -> None:
        super().__init__(itertools.chain((first,), pieces), media_type="application/x-tar")
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await asyncio.to_thread(self._pieces.close)


async def export_table(request: Request) -> Response:
    """The rows of a data source as a tar archive of Parquet files."""
    workspace, access = caller(request)
    access.require_admin()
    datasource = workspace.datasource(request.path_params["name"])
    return await _tar(request, export(services(request).engine, workspace.database, datasource))


routes = [Route("/backup.tar", backup), Route("/export/{name}.tar", export_table)]
