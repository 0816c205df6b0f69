"""Bodies too large for memory, kept in a temporary file for the time of a request."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.requests import Request

from birdhouse.errors import PayloadTooLarge


@asynccontextmanager
async def spooled_body(request: Request, limit: int) -> AsyncIterator[tuple[Path, str]]:
    """The request's body in a file, and its content encoding ('' for none).

    Raises `PayloadTooLarge` above `limit` bytes.
    """
    size = 0
    with tempfile.NamedTemporaryFile(prefix="birdhouse-") as file:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise PayloadTooLarge(f"The request body is larger than {limit} bytes")
            file.write(chunk)
        file.flush()
        yield Path(file.name), request.headers.get("content-encoding", "")
