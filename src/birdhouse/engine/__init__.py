"""ClickHouse in this process: the only package that imports chdb. It knows nothing of Tinybird."""

from __future__ import annotations

from birdhouse.engine.engine import Engine, Result, Settings
from birdhouse.engine.quoting import quote_name, quote_text

__all__ = ["Engine", "Result", "Settings", "quote_name", "quote_text"]
