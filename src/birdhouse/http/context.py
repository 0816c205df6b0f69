"""What every handler needs: the services behind it, who is asking, and what was sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from birdhouse.backup import Backups
from birdhouse.clock import Clock
from birdhouse.copies import Copies
from birdhouse.engine import Engine
from birdhouse.errors import BadRequest, Forbidden, PayloadTooLarge, TooManyRequests
from birdhouse.http.rates import Rates
from birdhouse.ingest import Ingestion, RemoteLimits
from birdhouse.kafka import Consumers
from birdhouse.project.deploy import Deployer
from birdhouse.query import Limits, Plans, Scope
from birdhouse.query.parameters import as_text
from birdhouse.sinks import Sinks
from birdhouse.syncs import Syncs
from birdhouse.workspace.activity import Activity
from birdhouse.workspace.tokens import INVALID, Access
from birdhouse.workspace.workspaces import Workspace, Workspaces

P = ParamSpec("P")
T = TypeVar("T")

PUBLIC_URL = "http://localhost:8001"
"""The address inside Tinybird Local that its answers carry; the CLI replaces it by its own."""

FORM_LIMIT = 10 * 1024 * 1024

RESERVED_PARAMETERS = frozenset(
    {
        "token",
        "q",
        "pipeline",
        "playground",
        "explain",
        "debug",
        "debug_source_tables",
        "format",
        "from",
        "tag",
        "query_id",
        "template_parameters",
        "release_replacements",
        "finalize_aggregations",
        "job_timestamp",
        "cli_version",
        "__tb__semver",
        "__tb__deployment",
        "__tb_min_deployment",
        "__tb__client",
        "__tb__csv_header",
        "output_format_json_quote_64bit_integers",
        "output_format_json_quote_denormals",
        "output_format_parquet_string_as_string",
    }
)
"""Names that clients add to any request: never parameters of a template."""


class Services(NamedTuple):
    """What the handlers work with; `app.state.services`."""

    engine: Engine
    workspaces: Workspaces
    ingestion: Ingestion
    deployer: Deployer
    threads: ThreadPoolExecutor
    limits: Limits
    remote: RemoteLimits
    version: str
    activity: Activity
    plans: Plans
    rates: Rates
    backups: Backups
    copies: Copies
    consumers: Consumers
    syncs: Syncs
    sinks: Sinks
    clock: Clock
    events_rps: int | None = None
    """Requests a second that the Events API takes from a workspace; None for any number."""
    dashboard: Path | None = None
    """The folder with the project's own pages."""
    public: Path | None = None
    """The folder with the project's files for everybody."""


class Caller(NamedTuple):
    """Who asks: in which workspace, and with which rights."""

    workspace: Workspace
    access: Access


def services(request: Request) -> Services:
    found: Services = request.app.state.services
    return found


async def run(request: Request, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run what blocks in a worker thread."""
    loop = asyncio.get_running_loop()
    threads = services(request).threads
    return await loop.run_in_executor(threads, lambda: function(*args, **kwargs))


def caller(request: Request) -> Caller:
    """The bearer of the request's token. Raises `Forbidden`, `TooManyRequests`."""
    known: Caller | None = getattr(request.state, "caller", None)
    if known is not None:
        return known
    token = request.query_params.get("token", "")
    scheme, _, header = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        token = header.strip()
    if not token:
        raise Forbidden(INVALID)
    workspace, access = services(request).workspaces.authenticate(token)
    found = Caller(_as_asked_for(request, workspace), access)
    request.state.caller = found
    if found.access.rps is not None:
        count_request(request, token, found.access.rps, "the token")
    return found


def count_request(request: Request, key: str, rps: int, who: str) -> None:
    """Count a request against a limit a second. Raises `TooManyRequests` above it."""
    rate = services(request).rates.take(key, rps)
    request.state.rate_headers = rate.headers
    if not rate.allowed:
        text = f"Too many requests: {who} allows {rate.limit} a second"
        raise TooManyRequests(text, rate.reset)


def _as_asked_for(request: Request, workspace: Workspace) -> Workspace:
    """The workspace with the deployment that the request wants to see: live, or in staging."""
    asked = request.query_params.get("__tb__deployment", "")
    least = request.query_params.get("__tb_min_deployment", "")
    if not asked and not least:
        return workspace
    staging = workspace.staging
    if staging is not None and staging.id in (asked, least):
        asked = "staging"
    if asked != "staging":
        return workspace
    if staging is None:
        raise BadRequest("There is no deployment in staging: make one with tb deployment create")
    return workspace.seen_from(staging)


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(
        msgspec.json.encode(body),
        status,
        dict(headers or {}),
        media_type="application/json; charset=utf-8",
    )


def text_answer(body: str) -> Response:
    """A text answer whose content type is bare `text/plain`: the CLI compares it to the letter."""
    response = Response(body)
    response.headers["content-type"] = "text/plain"
    return response


def declared_size(request: Request, limit: int) -> int:
    """The size of the body, `limit` when it is not declared. Raises `PayloadTooLarge`."""
    declared = request.headers.get("content-length", "")
    if not declared.isdigit():
        return limit if "transfer-encoding" in request.headers else 0
    if int(declared) > limit:
        raise PayloadTooLarge(f"The request body is larger than {limit} bytes")
    return int(declared)


async def read_body(request: Request, limit: int) -> bytes:
    """The whole body. Raises `PayloadTooLarge` as soon as it is above `limit` bytes."""
    declared_size(request, limit)
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise PayloadTooLarge(f"The request body is larger than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def query_values(request: Request) -> dict[str, Any]:
    """The query string; a key that comes several times has a list of its values."""
    values: dict[str, Any] = {}
    for key in request.query_params:
        found = request.query_params.getlist(key)
        values[key] = found[0] if len(found) == 1 else found
    return values


async def body_values(request: Request) -> dict[str, Any]:
    """The values of a form or JSON body; {} for any other."""
    type_ = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if type_ in ("application/json", ""):
        body = (await read_body(request, FORM_LIMIT)).strip()
        # The CLI sends JSON without saying so.
        if not body or (not type_ and not body.startswith(b"{")):
            return {}
        try:
            found = msgspec.json.decode(body)
        except (ValueError, RecursionError) as error:
            raise BadRequest(f"The JSON body cannot be read: {error}") from None
        if not isinstance(found, dict):
            raise BadRequest("The JSON body must be an object with the parameters")
        return found
    if type_ in ("application/x-www-form-urlencoded", "multipart/form-data"):
        form = await request.form()
        values: dict[str, Any] = {}
        for key in form:
            texts = [value for value in form.getlist(key) if isinstance(value, str)]
            values[key] = texts[0] if len(texts) == 1 else texts
        return values
    return {}


def template_variables(values: Mapping[str, Any]) -> dict[str, str]:
    """The values that are parameters of templates, as texts."""
    return {
        key: as_text(value)
        for key, value in values.items()
        if key not in RESERVED_PARAMETERS and value is not None
    }


def scope_of(caller: Caller, variables: Mapping[str, Any], *, own_rights: bool) -> Scope:
    """The planning scope of a request; with `own_rights` the token's reading rights apply."""
    workspace, access = caller
    return Scope.of(workspace, variables, access if own_rights else None)
