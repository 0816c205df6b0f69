"""The output formats that Tinybird allows, and the content type of each."""

from __future__ import annotations

import re
from typing import NamedTuple

from birdhouse.errors import BadRequest

_JSON = "application/json; charset=utf-8"
_NDJSON = "application/x-ndjson; charset=utf-8"
_CSV = "text/csv; charset=utf-8"
_TEXT = "text/plain"  # bare: clients compare it to the letter
_BINARY = "application/octet-stream"


class Format(NamedTuple):
    """A ClickHouse output format and how it travels."""

    name: str
    content_type: str


_FORMATS = {
    "JSON": _JSON,
    "JSONStrings": _JSON,
    "JSONCompact": _JSON,
    "JSONEachRow": _NDJSON,
    "JSONCompactEachRow": _NDJSON,
    "JSONCompactEachRowWithNamesAndTypes": _NDJSON,
    "JSONStringsEachRowWithProgress": _NDJSON,
    "CSV": _CSV,
    "CSVWithNames": _CSV,
    "TSV": _TEXT,
    "TSVWithNames": _TEXT,
    "TabSeparated": _TEXT,
    "TabSeparatedWithNamesAndTypes": _TEXT,
    "PrettyCompact": _TEXT,
    "Markdown": _TEXT,
    "Prometheus": "text/plain; version=0.0.4",
    "Parquet": "application/vnd.apache.parquet",
    "Native": _BINARY,
    "RowBinaryWithNamesAndTypes": _BINARY,
    "ODBCDriver2": _BINARY,
}
_BY_LOWER_NAME = {name.lower(): Format(name, type_) for name, type_ in _FORMATS.items()}

ENDPOINT_FORMATS = {
    "json": "JSON",
    "csv": "CSVWithNames",
    "csvwithnames": "CSVWithNames",
    "ndjson": "JSONEachRow",
    "parquet": "Parquet",
    "prometheus": "Prometheus",
}
"""The format behind each extension of a published endpoint."""

_FORMAT_CLAUSE = re.compile(r"\bformat\s+([A-Za-z0-9_]+)\s*;?\s*$", re.IGNORECASE)


def format_named(name: str) -> Format:
    """The allowed format of that name, in any case. Raises `BadRequest`."""
    try:
        return _BY_LOWER_NAME[name.lower()]
    except KeyError:
        raise BadRequest(f"Unknown format {name}. Allowed: {', '.join(_FORMATS)}") from None


SQL_LIMIT = 8 * 1024
"""Bytes of SQL that a client may send."""


def check_length(sql: str) -> None:
    """Refuse a statement of a client that is too long."""
    if len(sql.encode()) > SQL_LIMIT:
        raise BadRequest(f"The query is longer than {SQL_LIMIT} bytes")


def split_format(sql: str, default: Format) -> tuple[str, Format]:
    """A statement without its trailing FORMAT clause, and the format that it names."""
    text = sql.rstrip().rstrip(";").rstrip()
    match = _FORMAT_CLAUSE.search(text)
    if match is None or match.group(1).lower() in ("asc", "desc"):  # ORDER BY a column `format`
        return text, default
    return text[: match.start()].rstrip(), format_named(match.group(1))
