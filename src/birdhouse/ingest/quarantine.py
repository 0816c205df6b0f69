"""Rows of a quarantine table: what was sent, as text, and why it was rejected."""

from __future__ import annotations

from collections.abc import Mapping

from birdhouse.ingest.plan import Rejected
from birdhouse.ingest.values import encode


def quarantine_row(rejected: Rejected, import_id: str, time: str) -> bytes:
    """The rejected row as one JSON line. `time` is `YYYY-MM-DD HH:MM:SS`, UTC."""
    row: Mapping[str, object] = {
        **rejected.values,
        "c__error_column": [error.column for error in rejected.errors],
        "c__error": [error.message for error in rejected.errors],
        "c__import_id": import_id,
        "insertion_date": time,
    }
    return encode(row) + b"\n"
