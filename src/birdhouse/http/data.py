"""The answer of a query: its bytes as they come from the engine, and what they cost."""

from __future__ import annotations

import asyncio
import itertools
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from birdhouse import query
from birdhouse.errors import BadRequest
from birdhouse.http.context import run, services
from birdhouse.query.run import OUTPUT_SETTINGS

_numbers = itertools.count(1)
_CHUNK = 256 * 1024
"""Bytes that are copied out of the engine's memory at a time."""
_PATIENCE = 0.02
"""Seconds before anybody looks whether the client is still there."""
_COMPRESSED_FROM = 1024
"""Bytes from which compressing an answer is worth its while."""


def output_settings(values: Mapping[str, Any]) -> dict[str, int]:
    """How the request wants values printed."""
    found = {}
    for name in OUTPUT_SETTINGS & values.keys():
        if values[name] not in ("0", "1", 0, 1):
            raise BadRequest(f"The parameter '{name}' must be 0 or 1")
        found[name] = int(values[name])
    return found


async def answer_plan(
    request: Request,
    plan: Callable[[], query.Plan],
    format_: query.Format,
    output: Mapping[str, int],
) -> query.Answer:
    """Make the plan and run it, in a worker thread.

    A client that goes away takes its query with it. Raises what planning and running raise, and
    `ClientDisconnect`.
    """
    found = services(request)
    tag = f"query-{next(_numbers)}"

    def work() -> query.Answer:
        planned = plan()
        if planned.reads_service:
            found.activity.flush()
        request.state.reads_service = planned.reads_service
        return query.run(found.engine, planned, format_, found.limits, output, tag)

    working = asyncio.get_running_loop().run_in_executor(found.threads, work)
    await asyncio.wait({working}, timeout=_PATIENCE)
    if not working.done():
        await _until_either(request, working, tag)
    return working.result()


async def _until_either(request: Request, working: asyncio.Future[Any], tag: str) -> None:
    """Wait for the query, or for its client to leave: then stop the query."""
    leaving = asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            while not working.done():
                await run(request, services(request).engine.kill, tag)
                await asyncio.wait({working}, timeout=0.05)
            working.exception()  # nobody is left to be told
            raise ClientDisconnect
    finally:
        leaving.cancel()


async def _left(request: Request) -> None:
    """Comes back when the client has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def data_response(
    request: Request,
    plan: Callable[[], query.Plan],
    format_: query.Format,
    output: Mapping[str, int],
) -> Response:
    """Make the plan, run it and answer with what it gives."""
    found = await answer_plan(request, plan, format_, output)
    result = found.result
    request.state.result = result
    statistics = (
        f'{{"elapsed":{result.elapsed},"rows_read":{result.rows_read},'
        f'"bytes_read":{result.bytes_read}}}'
    )
    headers = {"X-DB-Statistics": statistics, "content-type": format_.content_type}
    compressed = "gzip" in request.headers.get("accept-encoding", "")
    return DataResponse(found, headers, compressed=compressed)


class DataResponse(Response):
    """The bytes of a result, sent from the engine's own memory a piece at a time."""

    def __init__(
        self, found: query.Answer, headers: Mapping[str, str], *, compressed: bool
    ) -> None:
        self._result = found.result  # the bytes live as long as it does
        self._data = found.result.data
        self._compressed = compressed and len(self._data) >= _COMPRESSED_FROM
        self.status_code = 200
        self.background = None
        self.body = b""
        sizes = {"vary": "accept-encoding"}
        if self._compressed:
            sizes["content-encoding"] = "gzip"
        else:
            sizes["content-length"] = str(len(self._data))
        self.raw_headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in {**headers, **sizes}.items()
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope["method"] == "HEAD" or len(self._data) <= _CHUNK:
            pieces = self._packed() if self._compressed else self._pieces()
            body = b"" if scope["method"] == "HEAD" else b"".join(pieces)
            await send({"type": "http.response.body", "body": body})
            return
        pieces = self._packed() if self._compressed else self._pieces()
        while piece := await self._next(pieces):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    async def _next(self, pieces: Iterator[bytes]) -> bytes:
        if self._compressed:  # takes a core a while
            return await asyncio.to_thread(next, pieces, b"")
        return next(pieces, b"")

    def _pieces(self) -> Iterator[bytes]:
        for start in range(0, len(self._data), _CHUNK):
            yield bytes(self._data[start : start + _CHUNK])

    def _packed(self) -> Iterator[bytes]:
        packer = zlib.compressobj(4, wbits=31)
        for piece in self._pieces():
            if packed := packer.compress(piece):
                yield packed
        yield packer.flush()
