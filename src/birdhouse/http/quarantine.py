"""Birdhouse's own: rejected rows, appended anew."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import BadRequest
from birdhouse.http.context import FORM_LIMIT, answer, caller, read_body, run, scope_of, services
from birdhouse.http.operations import operation
from birdhouse.ingest import Landing, Receipt, Repair
from birdhouse.query import check_expression


class _Replay(msgspec.Struct):
    """What is asked for: the rows, and other values for their columns."""

    where: str = ""
    set: dict[str, str] = {}


async def replay(request: Request) -> Response:
    """Append rows of a quarantine anew, and take them out of it."""
    who = caller(request)
    who.access.require_admin()
    workspace, name = who.workspace, request.path_params["name"]
    datasource = workspace.datasource(name)
    try:
        asked = msgspec.json.decode(await read_body(request, FORM_LIMIT) or b"{}", type=_Replay)
    except msgspec.MsgspecError as error:
        raise BadRequest(f"The body has to be JSON with 'where' and 'set': {error}") from None
    scope = scope_of(who, {}, own_rights=False)

    def check(expression: str) -> str:
        return check_expression(f"{name}_quarantine", expression, scope)

    unknown = asked.set.keys() - {column.name for column in datasource.columns}
    if unknown:
        raise BadRequest(f"The Data Source '{name}' has no column '{min(unknown)}'")

    def work() -> dict[str, Any]:
        repair = Repair(
            check(asked.where or "1"), {column: check(sql) for column, sql in asked.set.items()}
        )
        with operation(request, workspace, name, "append") as running:
            landing = Landing(workspace.database, datasource)
            done = services(request).ingestion.repair(landing, repair)
            receipt = Receipt(done.successful_rows, done.quarantined_rows, 0, done.import_id)
            running.received(receipt)
        return {
            "import_id": done.import_id,
            "successful_rows": done.successful_rows,
            "quarantined_rows": done.quarantined_rows,
            "unreadable_rows": done.unreadable,
        }

    return answer(await run(request, work))


routes = [Route("/quarantine/{name}/replay", replay, methods=["POST"])]
