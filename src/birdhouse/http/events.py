"""Events API: rows in, a receipt out."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import Future

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import BadRequest
from birdhouse.http.context import (
    answer,
    caller,
    count_request,
    declared_size,
    read_body,
    run,
    services,
)
from birdhouse.http.operations import record_events
from birdhouse.ingest import Format, Landing, Receipt, decompress

BODY_LIMIT = 10 * 1000 * 1000
SMALL_BODY = 16 * 1024
"""Bytes that are read faster than a worker thread is asked to read them."""
FORMATS: dict[str, Format] = {"auto": "auto", "ndjson": "ndjson", "json": "json"}


async def send_events(request: Request) -> Response:
    """Append the JSON rows of the body.

    Both answers come after the commit: 200 to `wait=true`, 202 otherwise.
    """
    workspace, access = caller(request)
    name = request.query_params.get("name", "")
    if not name:
        raise BadRequest("The parameter 'name' is required: it names the Data Source")
    datasource = workspace.datasource(name)
    access.require_append(datasource.name, datasource.id)
    rps = services(request).events_rps
    if rps is not None:
        count_request(request, f"events {workspace.id}", rps, "the Events API")
    format_ = request.query_params.get("format", "auto")
    if format_ not in FORMATS:
        raise BadRequest(f"Unknown format '{format_}': use ndjson or json")
    ingestion = services(request).ingestion
    with ingestion.expecting(declared_size(request, BODY_LIMIT)):
        body = await read_body(request, BODY_LIMIT)
    encoding = request.headers.get("content-encoding", "")
    landing = Landing(workspace.database, datasource)

    def decode() -> Future[Receipt]:
        text = decompress(body, encoding) if encoding else body
        return ingestion.append(landing, text, FORMATS[format_])

    started = time.perf_counter()
    small = len(body) < SMALL_BODY and not encoding
    receipt = await asyncio.wrap_future(decode() if small else await run(request, decode))
    elapsed = time.perf_counter() - started
    record_events(request, workspace, datasource.name, datasource.id, receipt, elapsed)
    waited = request.query_params.get("wait", "false").lower() in ("true", "1")
    return answer(
        {
            "successful_rows": receipt.successful_rows,
            "quarantined_rows": receipt.quarantined_rows,
        },
        200 if waited else 202,
    )


routes = [Route("/v0/events", send_events, methods=["POST"])]
