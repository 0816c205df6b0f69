"""Bodies too large for memory, written to a file as they come."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from birdhouse.errors import PayloadTooLarge
from birdhouse.ingest import disk_error


async def spool(chunks: AsyncIterator[bytes], path: Path, limit: int) -> None:
    """Write the chunks to a file. Raises `PayloadTooLarge` above `limit` bytes, and
    `Unavailable` when the disk takes no more."""
    size = 0
    try:
        with path.open("wb") as file:
            async for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise PayloadTooLarge(f"The request body is larger than {limit} bytes")
                file.write(chunk)
    except OSError as error:
        raise disk_error(error) from error
