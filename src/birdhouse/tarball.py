"""Tar archives, made while they are sent."""

from __future__ import annotations

import os
import tarfile
import time
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

_PIECE = 1024 * 1024
_BLOCK = tarfile.BLOCKSIZE


class Tarball:
    """An archive that grows member by member; whoever makes it sends on what each method gives."""

    def __init__(self) -> None:
        self.files = 0
        self.bytes = 0
        """Content of those files."""

    def folder(self, name: str) -> Iterator[bytes]:
        yield _header(name, tarfile.DIRTYPE, 0)

    def file(self, name: str, path: Path) -> Iterator[bytes]:
        """A file as far as it goes now: one that grows is cut off."""
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            yield _header(name, tarfile.REGTYPE, size)
            left = size
            while left:
                piece = file.read(min(left, _PIECE))
                if not piece:
                    raise OSError(f"{path} has become shorter while it was read")
                left -= len(piece)
                yield piece
        yield bytes(-size % _BLOCK)
        self.files += 1
        self.bytes += size

    def text(self, name: str, content: bytes) -> Iterator[bytes]:
        """A file that is in memory; not counted."""
        yield _header(name, tarfile.REGTYPE, len(content)) + content + bytes(-len(content) % _BLOCK)

    def end(self) -> Iterator[bytes]:
        yield bytes(2 * _BLOCK)


def _header(name: str, type_: bytes, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.type = type_
    info.size = size
    info.mode = 0o700 if type_ == tarfile.DIRTYPE else 0o600
    info.mtime = int(time.time())
    return info.tobuf(tarfile.PAX_FORMAT)


def gathered(pieces: Iterable[bytes]) -> Generator[bytes]:
    """The same bytes in pieces that are worth sending."""
    found = bytearray()
    for piece in pieces:
        found += piece
        if len(found) >= _PIECE:
            yield bytes(found)
            found.clear()
    if found:
        yield bytes(found)
