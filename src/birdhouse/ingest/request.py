"""What a client sent and still waits for."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import UTC, datetime

from birdhouse.ingest.landing import ERROR_SAMPLE, Landing, Receipt
from birdhouse.ingest.plan import Plan, Rejected
from birdhouse.ingest.quarantine import quarantine_row
from birdhouse.ingest.rows import Rows, Source, read_documents, split_documents
from birdhouse.ingest.ulid import new_ulid
from birdhouse.workspace.positions import Position


class Request:
    """Rows on their way into a table. Owned by one thread at a time, handed on by the queue.

    A request with a `token` is a batch of its own, and one that was stored before under that token
    is not stored again. `taken` is a statement that takes the rows away from where they were: the
    last of its batch. `position` is where their stream goes on when they are stored.
    """

    def __init__(
        self,
        landing: Landing,
        source: Source,
        *,
        import_id: str = "",
        token: str = "",
        taken: str = "",
        position: Position | None = None,
    ) -> None:
        self.import_id = import_id or new_ulid()
        self.token = token
        self.taken = taken
        self.position = position
        self.time = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        self.future: Future[Receipt] = Future()
        self._source = source
        self.size = source.size
        self.move(landing)

    def move(self, landing: Landing) -> None:
        """Read the rows for a table: the first one, or what took its place."""
        self.landing = landing
        self.plan: Plan = self._source.plan(landing.datasource.columns)
        self.rows: Rows = self._source.read(self.plan)

    def goes_to(self, landing: Landing) -> bool:
        """Whether the rows were read for the table, as it is now."""
        mine, other = self.landing.datasource, landing.datasource
        return mine.table == other.table and mine.columns == other.columns

    def fits(self, other: Request) -> bool:
        """Whether the two can be stored as one batch."""
        return self.plan is other.plan and not self.token and not other.token

    def documents(self) -> list[bytes]:
        """The good rows, one by one."""
        return split_documents(b"\n".join(self.rows.chunks), "ndjson")

    def recheck(self) -> None:
        """Read each good row value by value."""
        found = read_documents(self.plan, self.documents(), strict=True)
        self.rows = found._replace(rejected=self.rows.rejected + found.rejected)

    def reject(self, refused: dict[int, Rejected]) -> None:
        """Move good rows, by their place, to the rejected ones."""
        kept = [row for place, row in enumerate(self.documents()) if place not in refused]
        rejected = self.rows.rejected + tuple(refused.values())
        self.rows = Rows((b"\n".join(kept),), len(kept), rejected, True)

    def lines(self) -> list[bytes | memoryview]:
        """The good rows, in pieces that can follow those of another request."""
        if not self.rows.good:
            return []
        return [part for chunk in self.rows.chunks for part in (chunk, b"\n")]

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
