"""The resources of a deployment, as the rest of birdhouse sees them.

Immutable: a deployment never changes its resources, a new deployment brings new ones.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

NodeType = Literal["standard", "endpoint", "materialized", "copy", "sink", "stream"]


def utc_now() -> str:
    """The time as Tinybird prints it: `YYYY-MM-DD HH:MM:SS.ffffff`, UTC."""
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


class Column(msgspec.Struct, frozen=True, omit_defaults=True):
    """A column of a data source."""

    name: str
    type: str
    """The ClickHouse type in full, `Nullable(...)` included."""
    jsonpath: str | None = None
    """`$.a.b`, or None for a column that JSON never fills."""
    default: str | None = None
    """The expression after DEFAULT."""
    codec: str | None = None
    """The text inside CODEC(...)."""

    @property
    def nullable(self) -> bool:
        return self.type.startswith("Nullable(")


_QUARANTINE_COLUMNS = (
    Column("c__error_column", "Array(String)"),
    Column("c__error", "Array(String)"),
    Column("c__import_id", "Nullable(String)"),
    Column("insertion_date", "DateTime"),
)


class TokenGrant(msgspec.Struct, frozen=True):
    """A `TOKEN "name" READ` line of a datafile."""

    name: str
    permission: Literal["READ", "APPEND"]


class DataSource(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A data source and the ClickHouse table that holds its rows."""

    id: str
    """`t_` and 32 hex digits; stays as long as the data source has its name."""
    name: str
    table: str
    """The table's name inside the workspace's database; a rewritten data source gets a new one."""
    fed_by: tuple[str, ...] = ()
    """The pipes whose materialized views have written into the table."""
    columns: tuple[Column, ...]
    engine: dict[str, str] = {}
    """Engine settings as the datafile has them: `type`, `sorting_key`, `partition_key`, ..."""
    indexes: tuple[str, ...] = ()
    description: str = ""
    tags: tuple[str, ...] = ()
    tokens: tuple[TokenGrant, ...] = ()
    shared_with: tuple[str, ...] = ()
    forward_query: str | None = None
    backfill_skip: bool = False
    connector: dict[str, str] = {}
    """Where a connector would bring rows from: `kafka_topic`, `import_bucket_uri`, ..."""
    path: str = ""
    text: str = ""
    """The datafile as it was sent."""
    created_at: str = msgspec.field(default_factory=utc_now)
    updated_at: str = msgspec.field(default_factory=utc_now)

    @property
    def quarantine(self) -> str:
        """The table that keeps rejected rows. It stays when `table` gives way to another."""
        return f"{self.id}_quarantine"

    @property
    def quarantine_columns(self) -> tuple[Column, ...]:
        """What that table keeps of them: the raw text of each value, and why it was rejected."""
        values = (Column(column.name, "Nullable(String)") for column in self.columns)
        return (*values, *_QUARANTINE_COLUMNS)


class Node(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One step of a pipe; `sql` keeps its leading `%` when it is a template."""

    id: str
    name: str
    sql: str
    type: NodeType = "standard"
    description: str = ""
    params: tuple[dict[str, Any], ...] = ()
    """The template's parameters, as Tinybird lists them for a node."""
    dependencies: tuple[str, ...] = ()
    """The names that its SQL reads: data sources, pipes, nodes of the same pipe."""
    settings: dict[str, str] = {}
    """What only some types have: `datasource`, `target_datasource`, `copy_schedule`, `mode`."""


class Pipe(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A chain of nodes; at most one of them is not standard."""

    id: str
    name: str
    nodes: tuple[Node, ...]
    description: str = ""
    tags: tuple[str, ...] = ()
    tokens: tuple[TokenGrant, ...] = ()
    path: str = ""
    text: str = ""
    created_at: str = msgspec.field(default_factory=utc_now)
    updated_at: str = msgspec.field(default_factory=utc_now)

    @property
    def output(self) -> Node:
        """The node that the pipe's name stands for: the typed one, else the last."""
        return next((n for n in self.nodes if n.type != "standard"), self.nodes[-1])

    @property
    def type(self) -> str:
        return self.output.type if self.output.type != "standard" else "default"

    @property
    def view(self) -> Node | None:
        return self.output if self.output.type == "materialized" else None

    @property
    def endpoint(self) -> Node | None:
        return self.output if self.output.type == "endpoint" else None


class Connection(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A `.connection` file."""

    id: str
    name: str
    service: str
    settings: dict[str, str] = {}
    path: str = ""
    text: str = ""


class Resources(msgspec.Struct, frozen=True, omit_defaults=True):
    """Everything that one deployment holds, by name."""

    datasources: dict[str, DataSource] = {}
    pipes: dict[str, Pipe] = {}
    connections: dict[str, Connection] = {}
