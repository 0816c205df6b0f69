"""Query API: SQL over what the token may read."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import BadRequest, Forbidden, NotFound
from birdhouse.http.context import (
    caller,
    query_values,
    read_body,
    run,
    scope_of,
    template_variables,
)
from birdhouse.http.data import data_response, output_settings
from birdhouse.query import format_named, plan_sql
from birdhouse.query.formats import split_format

SQL_LIMIT = 8 * 1024
BODY_LIMIT = 1024 * 1024
_STATEMENTS = ("select", "with", "%", "(", "explain", "describe", "desc", "--", "/*", "from")


async def _statement(request: Request) -> tuple[str, dict[str, Any]]:
    """The SQL and the other values of a request, in any of the forms that clients use.

    A body is a form when it has a field `q`; otherwise all of it is SQL, whatever its content
    type says, so that `+`, `&` and `=` in SQL stay what they are.
    """
    values = query_values(request)
    if request.method == "POST":
        try:
            text = (await read_body(request, BODY_LIMIT)).decode()
        except UnicodeDecodeError:
            raise BadRequest("The query is not UTF-8 text") from None
        if text.strip() and not text.lstrip().lower().startswith(_STATEMENTS):
            form = {key: found[-1] for key, found in parse_qs(text, True).items()}
            if "q" in form:
                return form.pop("q"), {**values, **form}
        if text.strip():
            return text, values
    return str(values.get("q", "")), values


async def run_sql(request: Request) -> Response:
    """One reading statement; its FORMAT clause decides on the answer's format, JSON without."""
    who = caller(request)
    sql, values = await _statement(request)
    if not sql.strip():
        raise BadRequest("The parameter 'q' is required: it is the SQL to run")
    if len(sql.encode()) > SQL_LIMIT:
        raise BadRequest(f"The query is longer than {SQL_LIMIT} bytes")
    pipe = None
    if values.get("pipeline"):
        name = str(values["pipeline"])
        pipe = who.workspace.pipe(name)
        if pipe is None:
            raise NotFound(f"Pipe '{name}' not found")
        if not who.access.may_read_pipe(pipe.name, pipe.id):
            raise Forbidden(f"Not enough permissions for resource '{pipe.name}'")
    sql, format_ = split_format(sql, format_named("JSON"))
    scope = scope_of(who, template_variables(values), own_rights=True)
    plan = await run(request, plan_sql, sql, scope, pipe)
    return await data_response(request, plan, format_, output_settings(values))


routes = [Route("/v0/sql", run_sql, methods=["GET", "POST"])]
