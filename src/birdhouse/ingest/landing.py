"""Where rows go, and what came of them."""

from __future__ import annotations

import threading
from typing import NamedTuple

import msgspec

from birdhouse.workspace.resources import DataSource


class Landing(msgspec.Struct, frozen=True):
    """A data source of a workspace: its table and its quarantine are in `database`."""

    database: str
    datasource: DataSource


class Rejection(NamedTuple):
    """Why a row went to quarantine; `column` is `$` when it is the row as a whole."""

    column: str
    message: str


class Receipt(msgspec.Struct, frozen=True):
    """What came of the rows of one request. `successful_rows + quarantined_rows` were sent."""

    successful_rows: int
    quarantined_rows: int
    bytes: int
    """Size of what was sent, decompressed."""
    import_id: str
    """`c__import_id` of the quarantined rows."""
    errors: tuple[Rejection, ...] = ()
    """The first rejections, for a person to read."""


class Totals:
    """Rows since the start; any thread may add."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.successful_rows = 0
        self.quarantined_rows = 0

    def add(self, receipt: Receipt) -> None:
        with self._lock:
            self.successful_rows += receipt.successful_rows
            self.quarantined_rows += receipt.quarantined_rows


ERROR_SAMPLE = 10
"""Rejections that a receipt carries at most."""
