"""Rejected rows, once more: repaired by expressions or by a changed schema, they are appended anew.

A portion of them is one batch, which also takes them out of the quarantine: a crash at any moment
leaves each row in one place. Those that are still rejected go back, with what is wrong now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from birdhouse.engine import Engine, quote_name, quote_text
from birdhouse.ingest.csvfile import cells_plan
from birdhouse.ingest.datatype import parse_type
from birdhouse.ingest.landing import Landing, Receipt
from birdhouse.ingest.plan import DOCUMENT
from birdhouse.ingest.request import Request
from birdhouse.ingest.rows import Source, read_documents
from birdhouse.ingest.ulid import new_ulid
from birdhouse.ingest.values import MISMATCHES, NULL, encode

_PORTION = 2000
"""Rows at once: each is named in the statement that takes them out."""
_TEXTS = ("String", "FixedString")
_IS_NO_ROW = (
    f"arrayExists((c, e) -> c = '{DOCUMENT}' AND startsWith(e, 'value '''), "
    "c__error_column, c__error)"
)
"""Of a line that is no JSON object or CSV row there is nothing but its text in the message."""

_decode = msgspec.json.Decoder(list[msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_check = msgspec.json.Decoder(msgspec.Raw).decode


class Repair(NamedTuple):
    """Which rejected rows are tried again, and how. All of it is checked SQL over the quarantine's
    columns; `values` has an expression for each column that gets another value."""

    condition: str
    values: Mapping[str, str]


class Repaired(NamedTuple):
    """What came of it; `unreadable` rows stay as they are: they are text, not rows."""

    successful_rows: int
    quarantined_rows: int
    unreadable: int
    import_id: str
    """`c__import_id` of those that are back in quarantine."""


def repair_rows(
    engine: Engine, append: Callable[[Request], Receipt], landing: Landing, repair: Repair
) -> Repaired:
    """Append the rejected rows anew. Raises what `append` raises: what was not reached stays."""
    import_id = new_ulid()
    quarantine = quote_name(landing.database, landing.datasource.quarantine)
    chosen = f"c__import_id != {quote_text(import_id)} AND ({repair.condition}\n)"
    successful = quarantined = 0
    for hashes, documents in _portions(engine, landing, repair, chosen):
        receipt = append(_request(landing, quarantine, import_id, hashes, documents))
        successful += receipt.successful_rows
        quarantined += receipt.quarantined_rows
    left = f"SELECT count() FROM {quarantine} WHERE {chosen} AND {_IS_NO_ROW}"
    unreadable = int(engine.query(left, "TSV").text())
    return Repaired(successful, quarantined, unreadable, import_id)


def _hash(landing: Landing) -> str:
    """What names a row of the quarantine; equal ones are taken together."""
    names = (quote_name(column.name) for column in landing.datasource.quarantine_columns)
    return f"hex(sipHash128(toString(tuple({', '.join(names)}))))"


def _portions(
    engine: Engine, landing: Landing, repair: Repair, chosen: str
) -> Iterator[tuple[list[str], list[bytes]]]:
    columns = landing.datasource.columns
    picked = [f"({repair.values[c.name]})" for c in columns if c.name in repair.values]
    kept = [quote_name(c.name) for c in columns if c.name not in repair.values]
    types = [c.type for c in columns if c.name not in repair.values]
    keys = [encode(c.name) for c in columns if c.name in repair.values]
    keys += [encode(c.name) for c in columns if c.name not in repair.values]
    sql = (
        f"SELECT {', '.join([_hash(landing), *picked, *kept])} "
        f"FROM {quote_name(landing.database, landing.datasource.quarantine)} "
        f"WHERE {chosen} AND NOT {_IS_NO_ROW} ORDER BY 1 LIMIT {_PORTION} WITH TIES"
    )
    while lines := bytes(engine.query(sql, "JSONCompactEachRow").data).splitlines():
        hashes, documents = [], []
        for line in lines:
            hash_, *values = _decode(line)
            hashes.append(_decode_text(hash_))
            given = [bytes(value) for value in values[: len(picked)]]
            sent = map(_as_sent, values[len(picked) :], types)
            pairs = zip(keys, [*given, *sent], strict=True)
            documents.append(b"{%s}" % b",".join(b"%s:%s" % p for p in pairs if p[1] is not None))
        yield hashes, documents


def _as_sent(value: msgspec.Raw, type_: str) -> bytes | None:
    """The value that a text in the quarantine was; None for one that was missing or null."""
    if bytes(value) == NULL:
        return None
    text = _decode_text(value).encode()
    if text[:1] in (b"{", b"[") and parse_type(type_).unwrap()[0].family not in _TEXTS:
        try:
            return bytes(_check(text))
        except MISMATCHES:
            pass
    return bytes(value)


def _request(
    landing: Landing, quarantine: str, import_id: str, hashes: list[str], documents: list[bytes]
) -> Request:
    source = Source(
        sum(map(len, documents)),
        cells_plan,
        lambda plan: read_documents(plan, documents, strict=True),
    )
    named = ", ".join(map(quote_text, sorted(set(hashes))))
    taken = (
        f"ALTER TABLE {quarantine} DELETE WHERE {_hash(landing)} IN ({named}) "
        f"AND c__import_id != {quote_text(import_id)}"
    )
    return Request(landing, source, import_id=import_id, token=new_ulid(), taken=taken)
