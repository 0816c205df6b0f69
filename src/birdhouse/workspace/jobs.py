"""Jobs: work that a request starts and a client watches."""

from __future__ import annotations

import uuid
from typing import Any, Literal

import msgspec

from birdhouse.workspace.resources import utc_now

Status = Literal["waiting", "working", "done", "error", "cancelling", "cancelled"]


class Job(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A job; `detail` holds what only its kind has, under Tinybird's names."""

    id: str = msgspec.field(default_factory=lambda: str(uuid.uuid4()))
    kind: str
    status: Status = "waiting"
    created_at: str = msgspec.field(default_factory=utc_now)
    updated_at: str = msgspec.field(default_factory=utc_now)
    started_at: str | None = None
    error: str | None = None
    detail: dict[str, Any] = {}

    @property
    def cancelling(self) -> bool:
        return self.status == "cancelling"

    @property
    def is_over(self) -> bool:
        return self.status in ("done", "error", "cancelled")

    def report(self, base_url: str) -> dict[str, Any]:
        """The job as the Jobs API shows it."""
        body: dict[str, Any] = {
            "id": self.id,
            "job_id": self.id,
            "kind": self.kind,
            "status": self.status,
            "created_at": self.created_at,
            "updated_at": self.updated_at,
            "started_at": self.started_at,
            "job_url": f"{base_url}/v0/jobs/{self.id}",
            "is_cancellable": self.status in ("waiting", "working"),
            **self.detail,
        }
        if self.error:
            body["error"] = self.error
        return body
