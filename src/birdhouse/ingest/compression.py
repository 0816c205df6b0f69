"""Compressed request bodies, unpacked up to a limit."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Protocol

import zstandard

from birdhouse.errors import BadRequest, PayloadTooLarge

BODY_LIMIT = 100 * 1000 * 1000
"""Bytes that a body of the Events API may have when it is unpacked."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_ZSTD_WINDOW = 1 << 27


class _Stream(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: memoryview, /) -> bytes: ...


def decompress(body: bytes, encoding: str, limit: int = BODY_LIMIT) -> bytes:
    """The body without its Content-Encoding: gzip, deflate, zstd or identity.

    Raises `PayloadTooLarge` as soon as more than `limit` bytes come out, and `BadRequest` for a
    body that is not what its encoding says.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip" | "deflate" as name:
            return _unpack(body, name, limit, lambda: zlib.decompressobj(_GZIP_OR_ZLIB), 16384)
        case "zstd" as name:
            # Not a stream_reader: that one takes a body that is cut off for a whole one.
            unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
            return _unpack(body, name, limit, unpacker.decompressobj, 1024)
        case other:
            raise BadRequest(f"Unsupported Content-Encoding '{other}': use gzip or zstd")


def _unpack(
    body: bytes, name: str, limit: int, new_stream: Callable[[], _Stream], step: int
) -> bytes:
    """Unpack one stream after the other: both formats allow several in a row.

    What one call gives has no bound of its own, so `step` keeps it to some 32 MB.
    """
    view = memoryview(body)
    chunks: list[bytes] = []
    at, left = 0, limit
    try:
        while at < len(view):
            stream = new_stream()
            while at < len(view) and not stream.eof:
                chunk = stream.decompress(view[at : at + step])
                at += min(step, len(view) - at)
                left -= len(chunk)
                if left < 0:
                    raise PayloadTooLarge(f"The decompressed body is larger than {limit} bytes")
                chunks.append(chunk)
            if not stream.eof:
                raise BadRequest(f"The {name} body is cut off")
            at -= len(stream.unused_data)
    except (zlib.error, zstandard.ZstdError) as error:
        raise BadRequest(f"The body is not valid {name}: {error}") from None
    return b"".join(chunks)
