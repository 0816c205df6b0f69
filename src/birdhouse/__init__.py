"""Birdhouse: any Tinybird project in one process, on in-process ClickHouse."""

from __future__ import annotations

__version__ = "0.1.0"
