"""Pipes API: what pipes there are, and the data that endpoints publish."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse import query
from birdhouse.errors import BadRequest, Forbidden, NotFound
from birdhouse.http.context import (
    PUBLIC_URL,
    Caller,
    answer,
    body_values,
    caller,
    query_values,
    run,
    scope_of,
    services,
    template_variables,
    text_answer,
)
from birdhouse.http.data import data_response, output_settings
from birdhouse.http.observed import name_pipe, observed
from birdhouse.http.openapi import document
from birdhouse.query import format_named, plan_pipe, plan_sql
from birdhouse.query.describe import endpoint_columns, endpoint_parameters
from birdhouse.query.formats import ENDPOINT_FORMATS, check_length, split_format
from birdhouse.workspace.resources import Node, Pipe
from birdhouse.workspace.workspaces import USER_EMAIL

ONLY_BY_DEPLOYMENT = "Adding or modifying pipes to this workspace can only be done via deployments"


def _node_report(pipe: Pipe, node: Node) -> dict[str, Any]:
    return {
        "id": node.id,
        "name": node.name,
        "sql": node.sql,
        "description": node.description,
        "node_type": "default" if node.type == "standard" else node.type,
        "materialized": node.settings.get("datasource") if node.type == "materialized" else None,
        "cluster": None,
        "tags": {},
        "created_at": pipe.created_at,
        "updated_at": pipe.updated_at,
        "version": 0,
        "project": None,
        "result": None,
        "ignore_sql_errors": False,
        "dependencies": list(node.dependencies),
        "params": list(node.params),
        "deployment_suffix": "",
        **({"mode": node.settings.get("mode", "append")} if node.type == "copy" else {}),
    }


def pipe_report(who: Caller, pipe: Pipe) -> dict[str, Any]:
    endpoint = pipe.endpoint
    return {
        "id": pipe.id,
        "name": pipe.name,
        "description": pipe.description,
        "type": pipe.type,
        "endpoint": endpoint.id if endpoint else None,
        "url": f"{PUBLIC_URL}/v0/pipes/{pipe.name}.json",
        "created_at": pipe.created_at,
        "updated_at": pipe.updated_at,
        "edited_by": USER_EMAIL,
        "parent": None,
        "path": pipe.path,
        "content": pipe.text,
        "tags": {},
        "last_commit": {"content_sha": "", "status": "ok", "path": pipe.path},
        "workspace_id": who.workspace.id,
        "nodes": [_node_report(pipe, node) for node in pipe.nodes],
    }


async def list_pipes(request: Request) -> Response:
    """The pipes that the token may read; `attrs` and `node_attrs` narrow each entry."""
    who = caller(request)
    pipes = who.workspace.resources.pipes.values()
    reports = [pipe_report(who, p) for p in pipes if who.access.may_read_pipe(p.name, p.id)]
    attrs = [a for a in request.query_params.get("attrs", "").split(",") if a]
    node_attrs = [a for a in request.query_params.get("node_attrs", "").split(",") if a]
    for report in reports:
        if node_attrs:
            report["nodes"] = [{key: n.get(key) for key in node_attrs} for n in report["nodes"]]
    if attrs:
        wanted = {*attrs, "url"} | ({"nodes"} if node_attrs else set())
        reports = [{key: report.get(key) for key in wanted} for report in reports]
    return answer({"pipes": reports})


def _readable(request: Request, missing: str) -> tuple[Caller, Pipe]:
    who = caller(request)
    name = request.path_params["name"]
    pipe = who.workspace.pipe(name)
    if pipe is None:
        raise NotFound(missing.format(name))
    if not who.access.may_read_pipe(pipe.name, pipe.id):
        raise Forbidden(f"Not enough permissions for resource '{pipe.name}'")
    return who, pipe


async def get_pipe(request: Request) -> Response:
    who, pipe = _readable(request, "Pipe '{}' not found")
    return answer(pipe_report(who, pipe))


async def pipe_file(request: Request) -> Response:
    """The datafile as it was deployed."""
    _, pipe = _readable(request, "Pipe '{}' not found")
    return text_answer(pipe.text)


@observed
async def endpoint_data(request: Request) -> Response:
    """Run an endpoint with the request's parameters; `q` runs SQL over its result, as `_`."""
    who, pipe = _readable(request, "The pipe '{}' does not exist")
    name_pipe(request, pipe.id, pipe.name)
    if pipe.endpoint is None:
        raise NotFound(f"The pipe '{pipe.name}' does not have an endpoint yet")
    extension = request.path_params["format"]
    if extension not in ENDPOINT_FORMATS:
        known = ", ".join(ENDPOINT_FORMATS)
        raise BadRequest(f"Unknown format '{extension}': use one of {known}")
    format_ = format_named(ENDPOINT_FORMATS[extension])
    values = {**query_values(request), **await body_values(request)}
    request.state.sent = values
    scope = scope_of(who, template_variables(values), own_rights=True)
    output = output_settings(values)
    sql = str(values.get("q") or "")
    if not sql.strip():
        plans = services(request).plans
        return await data_response(request, lambda: plans.pipe(pipe, scope), format_, output)
    check_length(sql)
    sql, format_ = split_format(sql, format_)
    return await data_response(request, lambda: plan_sql(sql, scope, pipe), format_, output)


async def explain_pipe(request: Request) -> Response:
    """The SQL that a request to the pipe, or to a node of it, comes down to, and how the engine
    would run it."""
    who, pipe = _readable(request, "Pipe '{}' not found")
    who.access.require_admin()
    wanted = request.path_params.get("node")
    node = next((n for n in pipe.nodes if wanted in (n.name, n.id)), None)
    if wanted and node is None:
        raise NotFound(f"The pipe '{pipe.name}' does not have a node '{wanted}'")
    scope = scope_of(who, template_variables(query_values(request)), own_rights=True)
    engine, limits = services(request).engine, services(request).limits

    def explain() -> tuple[str, str]:
        plan = plan_pipe(pipe, scope, node)
        explained = msgspec.structs.replace(plan, sql=f"EXPLAIN {plan.sql}")
        found = query.run(engine, explained, format_named("TSV"), limits)
        return plan.sql, found.result.text()

    sql, steps = await run(request, explain)
    return answer({"debug_query": sql, "query_explain": steps})


async def change_pipes(request: Request) -> Response:
    """Create, change, drop: deployments do that."""
    caller(request)
    raise Forbidden(ONLY_BY_DEPLOYMENT)


async def openapi(request: Request) -> Response:
    """The OpenAPI document of the endpoints that the token may read."""
    who = caller(request)
    resources = who.workspace.resources
    scope = scope_of(who, {}, own_rights=False)
    columns_of = services(request).deployer.describer(who.workspace, resources)
    shown = [
        pipe
        for pipe in resources.pipes.values()
        if pipe.endpoint and who.access.may_read_pipe(pipe.name, pipe.id)
    ]

    def describe() -> dict[str, Any]:
        return document(
            str(request.base_url).rstrip("/"),
            [
                (
                    pipe,
                    endpoint_parameters(pipe, resources),
                    endpoint_columns(columns_of, pipe, scope),
                )
                for pipe in shown
            ],
        )

    return answer(await run(request, describe))


async def example_request(request: Request) -> Response:
    """A line to paste into a shell: the address of an endpoint with its token."""
    who = caller(request)
    name = request.query_params.get("pipe", "")
    format_ = request.query_params.get("format", "json")
    pipe = who.workspace.pipe(name)
    if pipe is None:
        raise NotFound(f"Pipe '{name}' not found")
    token = request.query_params.get("token", "")
    given = {p["name"]: p.get("default") for n in pipe.nodes for p in n.params}
    query = "".join(f"&{key}={value}" for key, value in given.items() if value is not None)
    return text_answer(f"{PUBLIC_URL}/v0/pipes/{pipe.name}.{format_}?token={token}{query}")


_CHANGES = (
    ("/v0/pipes", "POST"),
    ("/v0/pipes/{name}", "PUT DELETE"),
    ("/v0/pipes/{name}/nodes", "POST"),
    ("/v0/pipes/{name}/nodes/{node}", "PUT DELETE"),
    ("/v0/pipes/{name}/nodes/{node}/endpoint", "POST DELETE"),
    ("/v0/datafiles", "POST"),
)
"""Where Classic workspaces are changed."""

routes = [
    Route("/v0/pipes", list_pipes),
    Route("/v1/pipes", list_pipes),
    Route("/v0/pipes/openapi.json", openapi),
    Route("/v0/pipes/{name}.pipe", pipe_file),
    Route("/v1/pipes/{name}.pipe", pipe_file),
    Route("/v0/pipes/{name}.{format}", endpoint_data, methods=["GET", "POST"]),
    Route("/v0/pipes/{name}", get_pipe),
    Route("/v1/pipes/{name}", get_pipe),
    Route("/v0/pipes/{name}/explain", explain_pipe),
    Route("/v0/pipes/{name}/nodes/{node}/explain", explain_pipe),
    *(Route(path, change_pipes, methods=methods.split()) for path, methods in _CHANGES),
    Route("/examples/query.http", example_request),
]
