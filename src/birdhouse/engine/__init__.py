"""ClickHouse in this process: the only package that imports chdb. It knows nothing of Tinybird."""

from __future__ import annotations

from chdb import engine_version as CLICKHOUSE_VERSION

from birdhouse.engine.engine import Engine, Result, Settings
from birdhouse.engine.messages import for_people
from birdhouse.engine.quoting import quote_name, quote_text
from birdhouse.engine.shape import Shapes
from birdhouse.engine.snapshot import forget_snapshots, snapshot

__all__ = [
    "CLICKHOUSE_VERSION",
    "Engine",
    "Result",
    "Settings",
    "Shapes",
    "for_people",
    "forget_snapshots",
    "quote_name",
    "quote_text",
    "snapshot",
]
