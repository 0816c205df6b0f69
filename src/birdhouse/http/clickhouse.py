"""The ClickHouse interface: ClickHouse's own HTTP protocol over the data of a workspace.

It has a port of its own and is read only. The password is a token that reads all of its workspace,
the user is a label, the database is the workspace. A statement is planned as one of `/v0/sql` is.

Not there: sessions, settings of a request other than how values are printed (they are accepted and
left aside), external data, ClickHouse's own compressed blocks (`compress=1`).
"""

from __future__ import annotations

import base64
import binascii
import re
import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse import query
from birdhouse.errors import BirdhouseError, EngineError, Forbidden, NotFound, PayloadTooLarge
from birdhouse.http.context import Caller, Services, read_body, scope_of, services
from birdhouse.http.data import DataResponse, answer_plan, output_settings
from birdhouse.query.formats import split_format
from birdhouse.query.session import as_select
from birdhouse.workspace.tokens import READ_ALL

SQL_LIMIT = 256 * 1024
_BODY_LIMIT = 1024 * 1024
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f", "0": "\0", "N": r"\N"}
_TRAILING_NAME = re.compile(r"\.? \([A-Z0-9_]+\)$")


class _Code(NamedTuple):
    """An error of ClickHouse's list, with the status that its HTTP interface gives it."""

    number: int
    name: str
    status: int


_AUTHENTICATION_FAILED = _Code(516, "AUTHENTICATION_FAILED", 403)
_ACCESS_DENIED = _Code(497, "ACCESS_DENIED", 403)
_UNKNOWN_TABLE = _Code(60, "UNKNOWN_TABLE", 404)
_UNKNOWN_DATABASE = _Code(81, "UNKNOWN_DATABASE", 404)
_TOO_LARGE = _Code(229, "QUERY_IS_TOO_LARGE", 413)
_NOT_IMPLEMENTED = _Code(48, "NOT_IMPLEMENTED", 501)
_BAD_ARGUMENTS = _Code(36, "BAD_ARGUMENTS", 400)
_READONLY = _Code(164, "READONLY", 403)
_SYNTAX_ERROR = _Code(62, "SYNTAX_ERROR", 400)
_BY_TEXT = {
    "Resource '": _UNKNOWN_TABLE,
    "Syntax error": _SYNTAX_ERROR,
    "Unknown format": _Code(73, "UNKNOWN_FORMAT", 404),
    "Only SELECT": _READONLY,
    "Usage of ": _ACCESS_DENIED,
}
"""What the planner refuses, by the start of its text."""
_STATUS = {46: 404, 47: 404, 50: 404, 60: 404, 63: 404, 73: 404, 81: 404, 115: 404, 159: 408}


class _Refusal(BirdhouseError):
    """What ClickHouse's protocol says with a code that Tinybird's API does not have."""

    def __init__(self, message: str, code: _Code) -> None:
        super().__init__(message)
        self.code = code


class _Statement(NamedTuple):
    sql: str
    values: dict[str, Any]
    """The other values of the request."""

    @property
    def params(self) -> dict[str, str]:
        """ClickHouse query parameters: `param_x=1` fills `{x:UInt8}`; values come escaped."""
        return {
            name.removeprefix("param_"): _ESCAPE.sub(lambda m: _ESCAPED.get(m[1], m[1]), str(value))
            for name, value in self.values.items()
            if name.startswith("param_")
        }


def create_clickhouse_app(services: Services) -> Starlette:
    """The application that listens on the ClickHouse port."""
    app = Starlette(
        routes=[
            Route("/", answer_query, methods=["GET", "POST"]),
            Route("/ping", ping),
            Route("/replicas_status", ping),
        ],
        exception_handlers={
            BirdhouseError: _error,
            HTTPException: _http_error,
            ClientDisconnect: _gone,
        },
    )
    app.state.services = services
    return app


async def ping(_: Request) -> Response:
    return _text("Ok.\n")


async def answer_query(request: Request) -> Response:
    """One reading statement; its FORMAT clause decides on the answer's format, tabs without."""
    statement = await _statement(request)
    if not statement.sql.strip():
        return _text("Ok.\n")
    who = request.state.caller = _caller(request, statement.values)
    if len(statement.sql.encode()) > SQL_LIMIT:
        raise PayloadTooLarge(f"The query is longer than {SQL_LIMIT} bytes")
    if statement.values.get("compress") == "1":
        text = "compress=1 is not supported: use enable_http_compression=1 or no compression"
        raise _Refusal(text, _NOT_IMPLEMENTED)
    default = statement.values.get("default_format") or request.headers.get("x-clickhouse-format")
    sql, format_ = split_format(
        as_select(statement.sql, who.workspace.name),
        query.format_named(default or "TabSeparated"),
    )
    scope = scope_of(who, {}, own_rights=True)

    def plan() -> query.Plan:
        planned = query.plan_sql(sql, scope)
        return msgspec.structs.replace(planned, params={**planned.params, **statement.params})

    found = await answer_plan(request, plan, format_, output_settings(statement.values))
    compressed = statement.values.get("enable_http_compression") == "1"
    compressed = compressed and "gzip" in request.headers.get("accept-encoding", "")
    headers = _headers(found, str(statement.values.get("query_id") or uuid.uuid4()))
    return DataResponse(found, headers, compressed=compressed)


async def _statement(request: Request) -> _Statement:
    """The parameter `query`, followed by the body; or the fields of a form."""
    values: dict[str, Any] = dict(request.query_params)
    sql = str(values.pop("query", ""))
    if request.headers.get("content-type", "").startswith("multipart/form-data"):
        form = dict(await request.form())
        if not all(isinstance(value, str) for value in form.values()):
            raise _Refusal("External data is not supported", _NOT_IMPLEMENTED)
        sql = str(form.pop("query", sql))
        return _Statement(sql, {**values, **form})
    try:
        body = (await read_body(request, _BODY_LIMIT)).decode()
    except UnicodeDecodeError:
        raise _Refusal("The query is not UTF-8 text", _BAD_ARGUMENTS) from None
    return _Statement(f"{sql}\n{body}" if sql and body else sql or body, values)


def _password(request: Request, values: Mapping[str, Any]) -> str:
    """The token, from whichever place ClickHouse's clients put a password in."""
    headers = request.headers
    if "x-clickhouse-key" in headers:
        return headers["x-clickhouse-key"]
    scheme, _, text = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return text.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(text, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return str(values.get("password", ""))


def _caller(request: Request, values: Mapping[str, Any]) -> Caller:
    """Who asks. Raises `_Refusal` for a token or a database that is not theirs."""
    try:
        workspace, access = services(request).workspaces.authenticate(_password(request, values))
    except Forbidden as error:
        text = f"Authentication failed: {error}. The password is a token of the workspace"
        raise _Refusal(text, _AUTHENTICATION_FAILED) from None
    if not access.reads_all:
        text = f"Not enough privileges: the ClickHouse interface needs a token with {READ_ALL}"
        raise _Refusal(text, _ACCESS_DENIED)
    database = values.get("database") or request.headers.get("x-clickhouse-database")
    if database and database not in ("default", workspace.name):
        text = f"Database {database} does not exist: the database is the workspace {workspace.name}"
        raise _Refusal(text, _UNKNOWN_DATABASE)
    return Caller(workspace, access)


def _headers(found: query.Answer, query_id: str) -> dict[str, str]:
    result = found.result
    summary = {
        "read_rows": result.rows_read,
        "read_bytes": result.bytes_read,
        "written_rows": 0,
        "written_bytes": 0,
        "total_rows_to_read": 0,
        "result_rows": result.result_rows,
        "result_bytes": len(result.data),
        "elapsed_ns": int(result.elapsed * 1_000_000_000),
    }
    # ClickHouse writes these numbers as texts, and clients read them so.
    texts = {name: str(value) for name, value in summary.items()}
    return {
        "content-type": found.format.content_type,
        "X-ClickHouse-Format": found.format.name,
        "X-ClickHouse-Timezone": "UTC",
        "X-ClickHouse-Query-Id": query_id,
        "X-ClickHouse-Summary": msgspec.json.encode(texts).decode(),
    }


def _text(text: str, status: int = 200) -> Response:
    return Response(text, status, media_type="text/plain")


def _code(error: BirdhouseError) -> _Code:
    match error:
        case _Refusal():
            return error.code
        case EngineError():
            return _Code(error.code, error.name, _STATUS.get(error.code, error.status))
        case Forbidden():
            return _ACCESS_DENIED
        case NotFound():
            return _UNKNOWN_TABLE
        case PayloadTooLarge():
            return _TOO_LARGE
    text = _message(error)
    return next((c for start, c in _BY_TEXT.items() if text.startswith(start)), _BAD_ARGUMENTS)


def _message(error: BirdhouseError) -> str:
    return _TRAILING_NAME.sub("", str(error).removeprefix("[Error] ")).rstrip(".")


async def _error(_: Request, error: Exception) -> Response:
    """A line as ClickHouse writes it: `Code: 60. DB::Exception: ... (UNKNOWN_TABLE)`."""
    assert isinstance(error, BirdhouseError)
    code = _code(error)
    line = f"Code: {code.number}. DB::Exception: {_message(error)}. ({code.name})\n"
    response = _text(line, code.status)
    response.headers["X-ClickHouse-Exception-Code"] = str(code.number)
    return response


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _text(f"There is no handle {request.url.path}\n", error.status_code)


async def _gone(_: Request, __: Exception) -> Response:
    return _text("", 499)  # nobody reads it
