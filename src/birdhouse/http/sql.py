"""Query API: SQL over what the token may read."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import BadRequest, Forbidden, NotFound
from birdhouse.http.context import (
    body_values,
    caller,
    query_values,
    read_body,
    scope_of,
    template_variables,
)
from birdhouse.http.data import data_response, output_settings
from birdhouse.http.observed import observed
from birdhouse.query import format_named, plan_sql
from birdhouse.query.formats import check_length, split_format

BODY_LIMIT = 1024 * 1024
_FORMS = ("application/json", "multipart/form-data")
_STATEMENTS = ("select", "with", "%", "(", "explain", "describe", "desc", "--", "/*", "from")


async def _statement(request: Request) -> tuple[str, dict[str, Any]]:
    """The SQL and the other values of a request, in any of the forms that clients use.

    A body is a form when it has a field `q`; otherwise all of it is SQL, whatever its content
    type says, so that `+`, `&` and `=` in SQL stay what they are.
    """
    values = query_values(request)
    if request.headers.get("content-type", "").startswith(_FORMS):
        form = {**values, **await body_values(request)}
        return str(form.pop("q", "")), form
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


@observed
async def run_sql(request: Request) -> Response:
    """One reading statement; its FORMAT clause decides on the answer's format, JSON without."""
    who = caller(request)
    sql, values = await _statement(request)
    request.state.sent = {**values, "q": sql}
    if not sql.strip():
        raise BadRequest("The parameter 'q' is required: it is the SQL to run")
    check_length(sql)
    pipe = None
    if values.get("pipeline"):
        name = str(values["pipeline"])
        pipe = who.workspace.pipe(name)
        if pipe is None:
            raise NotFound(f"Pipe '{name}' not found")
        if not who.access.may_read_pipe(pipe.name, pipe.id):
            raise Forbidden(f"Not enough permissions for resource '{pipe.name}'")
    sql, format_ = split_format(sql, format_named("JSON"))
    if str(values.get("explain", "")).lower() in ("true", "1"):
        sql, format_ = f"EXPLAIN {sql}", format_named("JSON")
    scope = scope_of(who, template_variables(values), own_rights=True)
    output = output_settings(values)
    return await data_response(request, lambda: plan_sql(sql, scope, pipe), format_, output)


routes = [Route("/v0/sql", run_sql, methods=["GET", "POST"])]
