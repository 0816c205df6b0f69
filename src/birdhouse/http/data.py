"""The answer of a query: its bytes, its content type, its headers."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from birdhouse import query
from birdhouse.errors import BadRequest
from birdhouse.http.context import run, services
from birdhouse.query.run import OUTPUT_SETTINGS

_numbers = itertools.count(1)


def output_settings(values: Mapping[str, Any]) -> dict[str, int]:
    """How the request wants values printed."""
    found = {}
    for name in OUTPUT_SETTINGS & values.keys():
        if values[name] not in ("0", "1", 0, 1):
            raise BadRequest(f"The parameter '{name}' must be 0 or 1")
        found[name] = int(values[name])
    return found


async def data_response(
    request: Request, plan: query.Plan, format_: query.Format, output: dict[str, int]
) -> Response:
    """Run the plan and answer with what it gives."""
    engine, limits = services(request).engine, services(request).limits
    tag = f"query-{next(_numbers)}"
    found = await run(request, query.run, engine, plan, format_, limits, output, tag)
    response = Response(bytes(found.result.data))
    response.headers["content-type"] = format_.content_type
    response.headers["X-DB-Statistics"] = (
        f'{{"elapsed":{found.result.elapsed},"rows_read":{found.result.rows_read},'
        f'"bytes_read":{found.result.bytes_read}}}'
    )
    return response
