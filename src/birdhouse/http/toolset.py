"""What clients ask about a statement: which tables it reads, and how else to write it."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse import tinybird
from birdhouse.errors import BadRequest
from birdhouse.http.context import answer, body_values, caller, query_values


async def _values(request: Request) -> tuple[str, dict[str, Any]]:
    """The statement and the other values, for one with a token."""
    caller(request)
    values = {**query_values(request), **await body_values(request)}
    sql = str(values.get("q", ""))
    if not sql.strip():
        raise BadRequest("The parameter 'q' is required: it is the SQL")
    return sql, values


async def tables(request: Request) -> Response:
    """The tables of `q` as [database, name]; of a statement that cannot be read, none.

    With `raising` such a statement is refused; with `table_functions` they are listed too.
    """
    sql, values = await _values(request)
    try:
        found = tinybird.tables(sql)
    except BadRequest:
        if values.get("raising") == "true":
            raise
        found = ()
    functions = values.get("table_functions") == "true"
    names = [
        (database, function or name)
        for database, name, function in found
        if functions or not function
    ]
    return answer({"tables": list(dict.fromkeys(names))})


async def layout(request: Request) -> Response:
    """`q` laid out as ClickHouse does; a template as it is."""
    sql, _ = await _values(request)
    return answer({"q": sql if tinybird.is_template(sql) else tinybird.format_sql(sql)})


async def replace(request: Request) -> Response:
    """`q` with each table that `replacements` names replaced."""
    sql, values = await _values(request)
    try:
        names = msgspec.json.decode(str(values.get("replacements", "{}")), type=dict[str, str])
    except msgspec.DecodeError as error:
        raise BadRequest(f"The parameter 'replacements' cannot be read: {error}") from None
    replacements = {("", name): ("", text) for name, text in names.items()}
    return answer({"query": tinybird.replace_tables(sql, replacements)})


routes = [
    Route("/v0/sql_tables", tables, methods=["GET", "POST"]),
    Route("/v0/sql_format", layout, methods=["GET", "POST"]),
    Route("/v0/sql_replace", replace, methods=["POST"]),
]
