"""Tests of Tinybird projects: the classes behind the `tinybird` fixture."""

from __future__ import annotations

from birdhouse.testing.client import Receipt, Refused, RowsRejected, Tinybird
from birdhouse.testing.rows import Row, Rows

__all__ = ["Receipt", "Refused", "Row", "Rows", "RowsRejected", "Tinybird"]
