"""Clients that cost little: they run on the cores that the servers need."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple
from urllib.parse import urlencode


class Request(NamedTuple):
    """What is sent to a server."""

    method: str
    target: str
    body: bytes = b""


def get(path: str, params: dict[str, str]) -> Request:
    return Request("GET", f"{path}?{urlencode(params)}")


class Connection:
    """A connection that stays open."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: dict[str, str]
    ) -> None:
        self._reader = reader
        self._writer = writer
        lines = {"Host": "127.0.0.1", **headers}
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in lines.items())

    async def ask(self, request: Request) -> bytes:
        """The body of the answer. Raises `OSError` when there is none, or it says no."""
        head = f"{request.method} {request.target} HTTP/1.1\r\n{self._headers}"
        if request.body:
            head += f"Content-Length: {len(request.body)}\r\n"
        self._writer.write(head.encode() + b"\r\n" + request.body)
        await self._writer.drain()
        try:
            answer = (await self._reader.readuntil(b"\r\n\r\n")).lower()
            body = await self._body(answer)
        except asyncio.IncompleteReadError:
            raise ConnectionError("the server closed the connection") from None
        status = int(answer[9:12])
        if status not in (200, 202):
            raise OSError(f"{request.method} {request.target}: {status} {body[:500]!r}")
        return body

    async def _body(self, head: bytes) -> bytes:
        if b"transfer-encoding: chunked" not in head:
            length = int(head.partition(b"content-length: ")[2].partition(b"\r")[0])
            return await self._reader.readexactly(length)
        pieces = []
        while size := int(await self._reader.readline(), 16):
            pieces.append((await self._reader.readexactly(size + 2))[:-2])
        await self._reader.readline()
        return b"".join(pieces)


@asynccontextmanager
async def connected(port: int, headers: dict[str, str]) -> AsyncIterator[Connection]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**24)
    try:
        yield Connection(reader, writer, headers)
    finally:
        writer.close()


async def until(end: float, act: Callable[[], Awaitable[None]]) -> list[float]:
    """Call again and again until that time; the seconds that each call took."""
    took = []
    while (began := time.perf_counter()) < end:
        await act()
        took.append(time.perf_counter() - began)
    return took
