"""The record of what is done to data sources."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.requests import Request

from birdhouse.errors import BirdhouseError
from birdhouse.http.context import services
from birdhouse.ingest import Receipt
from birdhouse.workspace.activity import Activity, Block, Operation
from birdhouse.workspace.workspaces import Workspace


class Running:
    """An operation under way, for what becomes known of it."""

    def __init__(self, activity: Activity, operation: Operation) -> None:
        self._activity = activity
        self.operation = operation

    def received(self, receipt: Receipt) -> None:
        """It was an import, and this came of it."""
        done = self.operation
        done.import_id = receipt.import_id
        done.rows, done.rows_quarantine = receipt.successful_rows, receipt.quarantined_rows
        done.written_bytes = receipt.bytes
        self._activity.record_block(
            Block(
                workspace_id=done.workspace_id,
                request_id=done.request_id,
                import_id=receipt.import_id,
                source=done.options.get("url", "body"),
                block_id=receipt.import_id,
                datasource_id=done.datasource_id,
                datasource_name=done.datasource_name,
                rows=receipt.successful_rows + receipt.quarantined_rows,
                parser=done.options.get("format"),
                quarantine_lines=receipt.quarantined_rows,
                bytes=receipt.bytes,
                processing_time=time.time() - done.timestamp,
            )
        )


@contextmanager
def operation(
    request: Request, workspace: Workspace, name: str, event_type: str, **options: str
) -> Iterator[Running]:
    """Record what the block does to the data source `name`, and whether it fails."""
    owner = workspace.datasource(
        name if name in workspace.resources.datasources else name.removesuffix("_quarantine")
    )
    done = Operation(
        workspace_id=workspace.id,
        event_type=event_type,
        datasource_id=owner.id,
        datasource_name=name,
        options=options,
        request_id=getattr(request.state, "request_id", ""),
    )
    activity = services(request).activity
    started = time.perf_counter()
    try:
        yield Running(activity, done)
    except BirdhouseError as error:
        done.result, done.error = "error", str(error)
        raise
    finally:
        done.elapsed_time = time.perf_counter() - started
        activity.record_operation(done)


def record_events(
    request: Request, workspace: Workspace, name: str, id: str, receipt: Receipt, elapsed: float
) -> None:
    """Record a request to the Events API; the log has one row for all that come together."""
    services(request).activity.record_append(
        Operation(
            workspace_id=workspace.id,
            event_type="append-hfi",
            datasource_id=id,
            datasource_name=name,
            elapsed_time=elapsed,
            request_id=getattr(request.state, "request_id", ""),
            import_id=receipt.import_id,
            rows=receipt.successful_rows,
            rows_quarantine=receipt.quarantined_rows,
            written_bytes=receipt.bytes,
        )
    )
