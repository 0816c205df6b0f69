"""A request body as rows: those for the table and those for quarantine.

Three tiers, each for what the one before it refused: the typed check of large pieces, the same
check document by document, and the reading value by value. What passes a check goes to the engine
as it was sent; only what needs it is written anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, NamedTuple

import msgspec

from birdhouse.ingest.plan import Plan, Rejected, plan_for
from birdhouse.ingest.typed import REFUSALS
from birdhouse.workspace.resources import Column

Format = Literal["auto", "ndjson", "json"]
"""`json` takes an array as several rows; `ndjson` and `auto` are the same: whole documents one
after the other, else lines."""

_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n"
_PIECE = 256 * 1024
"""Bytes that are checked at once: when one row fails, only its piece is looked at more closely."""

_decode_documents = msgspec.json.Decoder(msgspec.Raw).decode_lines
_decode_array = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Rows(NamedTuple):
    """`good` rows in `chunks`, JSON documents divided by white space, and the rejected ones."""

    chunks: Sequence[bytes | memoryview]
    """What is to be read one after the other, a line feed between each two."""
    good: int
    rejected: tuple[Rejected, ...]
    checked: bool
    """Whether every value was read and written anew: there is nothing more to find out."""


class Source(NamedTuple):
    """Rows as they were sent: what reads them, and by which plan for a table of these columns."""

    size: int
    """Bytes, decompressed."""
    plan: Callable[[tuple[Column, ...]], Plan]
    read: Callable[[Plan], Rows]


def json_source(body: bytes, format_: Format) -> Source:
    return Source(len(body), plan_for, lambda plan: read_rows(plan, body, format_))


def read_rows(plan: Plan, body: bytes, format_: Format) -> Rows:
    """Sort the rows of a body. Every row is in the result once; nothing is raised for bad ones."""
    if body.startswith(_BOM):
        body = body[len(_BOM) :]
    if plan.typed is None:
        return read_documents(plan, split_documents(body, format_), strict=False)
    pieces = list(_pieces(memoryview(body)))
    counts = [plan.typed.count(piece) for piece in pieces]
    if None not in counts:
        return Rows((body,), sum(filter(None, counts)), (), False)
    if len(pieces) == 1:
        return read_documents(plan, split_documents(body, format_), strict=False)
    return _read_pieces(plan, body, format_, list(zip(pieces, counts, strict=True)))


def _pieces(body: memoryview) -> Iterator[memoryview]:
    """The body, cut at the ends of lines."""
    start = 0
    while start < len(body):
        end = start + _PIECE
        if end < len(body):
            # Searched in the next piece only, since a search takes a copy.
            found = bytes(body[end : end + _PIECE]).find(b"\n")
            end = end + found + 1 if found >= 0 else len(body)
        yield body[start:end]
        start = end


def _read_pieces(
    plan: Plan, body: bytes, format_: Format, pieces: list[tuple[memoryview, int | None]]
) -> Rows:
    """Sort the rows of a body of which some pieces are known to be good."""
    chunks: list[bytes | memoryview] = [piece for piece, count in pieces if count is not None]
    found = Rows((), sum(count or 0 for _, count in pieces), (), False)
    for piece in (piece for piece, count in pieces if count is None):
        try:
            documents = [bytes(item) for item in _decode_documents(piece)]
        except REFUSALS:
            if format_ == "json" or _are_documents(body):
                # Written over several lines, it was cut in the middle of a document.
                return read_documents(plan, split_documents(body, format_), strict=False)
            documents = _lines(bytes(piece))
        rows = read_documents(plan, documents, strict=False)
        chunks += rows.chunks
        found = found._replace(good=found.good + rows.good, rejected=found.rejected + rows.rejected)
    return found._replace(chunks=chunks)


def _are_documents(body: bytes) -> bool:
    try:
        _decode_documents(body)
    except REFUSALS:
        return False
    return True


def read_documents(plan: Plan, documents: list[bytes], *, strict: bool) -> Rows:
    """Sort documents; `strict` reads each of them value by value."""
    good: list[bytes] = []
    rejected: list[Rejected] = []
    typed = None if strict else plan.typed
    for document in documents:
        if typed is not None and typed.accepts(document):
            good.append(document)
            continue
        found = plan.read(document)
        if isinstance(found, bytes):
            good.append(found)
        else:
            rejected.append(found)
    return Rows((b"\n".join(good),), len(good), tuple(rejected), typed is None)


def split_documents(body: bytes, format_: Format) -> list[bytes]:
    """The documents of a body, or its lines when it is not JSON throughout."""
    try:
        if format_ == "json" and body.lstrip(_BLANK).startswith(b"["):
            return [bytes(item) for item in _decode_array(body)]
        return [bytes(item) for item in _decode_documents(body)]
    except REFUSALS:
        if format_ == "json":
            return [body.strip(_BLANK)]
        return _lines(body)


def _lines(body: bytes) -> list[bytes]:
    """The lines that are not blank."""
    lines = (line.strip(_BLANK) for line in body.split(b"\n"))
    return [line for line in lines if line]
