"""Rows in: decode, check against the schema, group, commit, answer.

`Ingestion` is the door; docs/ingestion.md says what becomes of every kind of value.
"""

from __future__ import annotations

from birdhouse.ingest.analysis import Analysis, analyse
from birdhouse.ingest.compression import decompress
from birdhouse.ingest.csvfile import Dialect
from birdhouse.ingest.deletion import count_partitions, delete_rows, lightweight_delete, truncate
from birdhouse.ingest.files import FileFormat
from birdhouse.ingest.ingestion import Ingestion
from birdhouse.ingest.journal import disk_error
from birdhouse.ingest.landing import Landing, Receipt, Rejection
from birdhouse.ingest.remote import RemoteLimits, fetch
from birdhouse.ingest.repair import Repair, Repaired
from birdhouse.ingest.replacement import replace_rows
from birdhouse.ingest.rows import Format

__all__ = [
    "Analysis",
    "Dialect",
    "FileFormat",
    "Format",
    "Ingestion",
    "Landing",
    "Receipt",
    "Rejection",
    "RemoteLimits",
    "Repair",
    "Repaired",
    "analyse",
    "count_partitions",
    "decompress",
    "delete_rows",
    "disk_error",
    "fetch",
    "lightweight_delete",
    "replace_rows",
    "truncate",
]
