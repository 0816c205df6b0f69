"""Deployments: what a workspace serves, and what it has served."""

from __future__ import annotations

from typing import Any

import msgspec

from birdhouse.workspace.resources import Resources, utc_now


class Changes(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What a build or deployment changes, as Tinybird reports it."""

    new_datasource_names: list[str] = []
    changed_datasource_names: list[str] = []
    deleted_datasource_names: list[str] = []
    new_pipe_names: list[str] = []
    changed_pipe_names: list[str] = []
    deleted_pipe_names: list[str] = []
    new_data_connector_names: list[str] = []
    changed_data_connector_names: list[str] = []
    deleted_data_connector_names: list[str] = []
    disconnected_data_source_names: list[str] = []
    token_changes: list[dict[str, Any]] = []
    data_movements: list[dict[str, Any]] = []
    feedback: list[dict[str, str]] = []

    def __bool__(self) -> bool:
        """Whether there is anything to do."""
        fields = msgspec.structs.asdict(self)
        return any(value for name, value in fields.items() if name != "feedback")

    def report(self) -> dict[str, Any]:
        return msgspec.structs.asdict(self)


class View(msgspec.Struct, frozen=True):
    """A materialized view as ClickHouse has it; `source` and `target` are tables."""

    name: str
    source: str
    target: str
    select: str


SEED = 0
"""The number of the deployment that is live before there is any."""


class Deployment(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One deployment; `resources` are what it serves, empty once it is deleted."""

    number: int
    status: str
    """`creating_schema`, `schema_ready`, `data_ready`, `promoting`, `failed` or `deleted`."""
    live: bool = False
    resources: Resources = msgspec.field(default_factory=Resources)
    changes: Changes = msgspec.field(default_factory=Changes)
    errors: list[dict[str, str]] = []
    views: dict[str, View] = {}
    """The materialized views of its pipes, by pipe."""
    late: list[str] = []
    """Pipes whose view begins to exist at the promotion: until then, live views do its work."""
    feeds: list[str] = []
    """Views that bring new rows of live tables into its own, until the promotion."""
    objects: list[str] = []
    """Every table and view in ClickHouse that it needs. What no deployment needs is dropped."""
    created_at: str = msgspec.field(default_factory=utc_now)
    updated_at: str = msgspec.field(default_factory=utc_now)

    @property
    def id(self) -> str:
        return str(self.number)

    @property
    def serves(self) -> bool:
        """Whether its tables must stay: it is live, ready to be, or on its way there."""
        return self.status not in ("failed", "deleted")

    def report(self) -> dict[str, Any]:
        """The deployment as Tinybird's API shows it."""
        return {
            "id": self.id,
            "status": self.status,
            "live": self.live,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "errors": self.errors,
            "new_data_connector_ids": [],
            **self.changes.report(),
        }
