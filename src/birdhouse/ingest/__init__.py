"""Rows in: decode, check against the schema, group, commit, answer.

`Ingestion` is the door; docs/ingestion.md says what becomes of every kind of value.
"""

from __future__ import annotations

from birdhouse.ingest.compression import decompress
from birdhouse.ingest.ingestion import Ingestion
from birdhouse.ingest.landing import Landing, Receipt, Rejection
from birdhouse.ingest.rows import Format

__all__ = ["Format", "Ingestion", "Landing", "Receipt", "Rejection", "decompress"]
