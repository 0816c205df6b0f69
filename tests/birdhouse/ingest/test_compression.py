from __future__ import annotations

import gzip
import zlib

import pytest
import zstandard

from birdhouse.errors import BadRequest, PayloadTooLarge
from birdhouse.ingest import decompress

TEXT = b"hello " * 100_000


def zstd_stream(text: bytes) -> bytes:
    """zstd without the size in its header, as a streaming client sends it."""
    stream = zstandard.ZstdCompressor(write_content_size=False).compressobj()
    return stream.compress(text) + stream.flush()


PACKED = {
    "gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "zstd": zstandard.compress(TEXT),
    "ZSTD": zstd_stream(TEXT),
}


@pytest.mark.parametrize("encoding", PACKED)
def test_unpacks(encoding: str) -> None:
    assert decompress(PACKED[encoding], encoding) == TEXT


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_unpacks_several_streams_in_a_row(encoding: str) -> None:
    assert decompress(PACKED[encoding] * 3, encoding) == TEXT * 3


@pytest.mark.parametrize("encoding", ["", "identity"])
def test_leaves_plain_bodies_alone(encoding: str) -> None:
    assert decompress(TEXT, encoding) == TEXT


@pytest.mark.parametrize("encoding", PACKED)
def test_stops_at_the_limit(encoding: str) -> None:
    with pytest.raises(PayloadTooLarge, match="larger than 1000 bytes"):
        decompress(PACKED[encoding], encoding, 1000)
    assert decompress(PACKED[encoding], encoding, len(TEXT)) == TEXT


@pytest.mark.parametrize("encoding", PACKED)
@pytest.mark.parametrize("cut", [1, 4, -1, -8])
def test_refuses_a_body_that_is_cut_off(encoding: str, cut: int) -> None:
    with pytest.raises(BadRequest, match="cut off"):
        decompress(PACKED[encoding][:cut], encoding)


@pytest.mark.parametrize("encoding", PACKED)
def test_refuses_what_is_not_compressed(encoding: str) -> None:
    with pytest.raises(BadRequest, match="is not valid"):
        decompress(TEXT, encoding)


def test_many_tiny_streams_take_no_quadratic_time() -> None:
    assert decompress(gzip.compress(b"x") * 50_000, "gzip") == b"x" * 50_000


def test_names_the_encodings_it_knows() -> None:
    with pytest.raises(BadRequest, match="'br': use gzip or zstd"):
        decompress(TEXT, "br")
