"""What a client sent and still waits for."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import UTC, datetime

from birdhouse.ingest.landing import ERROR_SAMPLE, Landing, Receipt
from birdhouse.ingest.plan import Plan, Rejected, plan_for
from birdhouse.ingest.quarantine import quarantine_row
from birdhouse.ingest.rows import Format, Rows, read_documents, read_rows, split_documents
from birdhouse.ingest.ulid import new_ulid


class Request:
    """One body on its way into a table. Owned by one thread at a time, handed on by the queue."""

    __slots__ = (
        "_body", "_format", "future", "generation", "import_id", "landing", "plan", "rows", "size",
        "time",
    )  # fmt: skip

    def __init__(self, landing: Landing, body: bytes, format_: Format) -> None:
        self.landing = landing
        self.plan: Plan = plan_for(landing.datasource.columns)
        self.import_id = new_ulid()
        self.time = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        self.size = len(body)
        self.future: Future[Receipt] = Future()
        self.generation = 0
        self._body = body
        self._format: Format = format_
        self.rows: Rows = read_rows(self.plan, body, format_)

    def move(self, landing: Landing) -> None:
        """Read the body again, for a table that took the place of the first."""
        self.landing = landing
        self.plan = plan_for(landing.datasource.columns)
        self.rows = read_rows(self.plan, self._body, self._format)

    def documents(self) -> list[bytes]:
        """The good rows, one by one."""
        return split_documents(self.rows.data, "ndjson")

    def recheck(self) -> None:
        """Read each good row value by value."""
        found = read_documents(self.plan, self.documents(), strict=True)
        self.rows = found._replace(rejected=self.rows.rejected + found.rejected)

    def reject(self, refused: dict[int, Rejected]) -> None:
        """Move good rows, by their place, to the rejected ones."""
        kept = [row for place, row in enumerate(self.documents()) if place not in refused]
        rejected = self.rows.rejected + tuple(refused.values())
        self.rows = Rows(b"\n".join(kept), len(kept), rejected, True)

    def quarantined(self) -> list[bytes]:
        """The rejected rows, as lines for the quarantine."""
        return [quarantine_row(row, self.import_id, self.time) for row in self.rows.rejected]

    def receipt(self) -> Receipt:
        rejected = self.rows.rejected
        errors = [error for row in rejected[:ERROR_SAMPLE] for error in row.errors]
        return Receipt(
            self.rows.good,
            len(rejected),
            self.size,
            self.import_id,
            tuple(errors[:ERROR_SAMPLE]),
        )
