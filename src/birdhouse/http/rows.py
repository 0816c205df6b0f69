"""Data Sources API: rows out, by truncate or by a condition."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import BadRequest
from birdhouse.http.background import start_job
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
)
from birdhouse.http.operations import operation
from birdhouse.ingest import count_partitions, delete_rows, lightweight_delete, truncate
from birdhouse.query import Plan, count_rows, plan_condition
from birdhouse.workspace.jobs import Job
from birdhouse.workspace.workspaces import Workspace

_PROJECTION_MODES = ("throw", "drop", "rebuild")


@contextmanager
def _table(workspace: Workspace, name: str) -> Iterator[str]:
    """The table of a data source or of its quarantine; no deployment gives it another one while
    the block runs."""
    owner = workspace.resources.datasources.get(name.removesuffix("_quarantine"))
    if owner is not None and name not in workspace.resources.datasources:
        yield owner.quarantine
        return
    with workspace.rewriting(name) as datasource:
        yield datasource.table


async def truncate_datasource(request: Request) -> Response:
    """Remove every row of a data source, or of its quarantine."""
    workspace, access = caller(request)
    access.require_admin()
    name = request.path_params["name"]
    engine, hold = services(request).engine, services(request).ingestion.hold

    def work() -> None:
        with (
            operation(request, workspace, name, "truncate"),
            _table(workspace, name) as table,
        ):
            truncate(engine, hold, workspace.database, table)

    await run(request, work)
    return Response(status_code=205)


async def _condition(
    request: Request, who: Caller
) -> tuple[str, Callable[[], Plan], dict[str, Any]]:
    """The checked condition, what plans its count, and all that was sent."""
    who.access.require_admin()
    name = request.path_params["name"]
    values = {**query_values(request), **await body_values(request)}
    condition = str(values.get("delete_condition", ""))

    def plan() -> Plan:
        return plan_condition(name, condition, scope_of(who, {}, own_rights=False))

    plan()
    return condition, plan, values


async def delete_v0(request: Request) -> Response:
    """Delete by rewriting parts, as a job; with `dry_run` only count."""
    who = caller(request)
    condition, plan, values = await _condition(request, who)
    engine = services(request).engine
    if str(values.get("dry_run", "")).lower() == "true":
        return answer({"rows_to_be_deleted": await run(request, count_rows, engine, plan())})
    datasource = {"name": request.path_params["name"]}
    job = Job(kind="delete_data", detail={"delete_condition": condition, "datasource": datasource})

    def work() -> dict[str, Any]:
        with (
            operation(request, who.workspace, datasource["name"], "delete") as running,
            _table(who.workspace, datasource["name"]) as table,
        ):
            running.operation.rows = rows = count_rows(engine, plan())
            delete_rows(engine, who.workspace.database, table, condition)
        return {"rows_affected": rows}

    report = (await start_job(request, who.workspace, job, work)).report(PUBLIC_URL)
    return answer({**report, "delete_id": job.id, "job": report})


async def delete_v1(request: Request) -> Response:
    """Lightweight delete: at once, or as a job with `wait=false`."""
    who = caller(request)
    condition, plan, values = await _condition(request, who)
    name = request.path_params["name"]
    partition = str(values.get("partition", ""))
    mode = str(values.get("projection_mode", "throw"))
    if mode not in _PROJECTION_MODES:
        raise BadRequest(f"projection_mode has to be one of {', '.join(_PROJECTION_MODES)}")
    engine, database = services(request).engine, who.workspace.database

    def work() -> dict[str, Any]:
        with (
            operation(request, who.workspace, name, "delete") as running,
            _table(who.workspace, name) as table,
        ):
            running.operation.rows = rows = count_rows(engine, plan())
            partitions = count_partitions(engine, database, table)
            lightweight_delete(engine, database, table, condition, partition, mode)
        return {
            "rows_affected": rows,
            "mutation": {
                "partitions_scanned": partitions,
                "partitions_done": partitions,
                "partitions_in_progress": 0,
            },
        }

    if str(values.get("wait", "true")).lower() != "false":
        return answer(await run(request, work))
    job = Job(kind="delete_data", detail={"delete_condition": condition})
    report = (await start_job(request, who.workspace, job, work)).report(PUBLIC_URL)
    return answer({"job_id": job.id, "job_url": report["job_url"]})


routes = [
    Route("/v0/datasources/{name}/truncate", truncate_datasource, methods=["POST"]),
    Route("/v0/datasources/{name}/delete", delete_v0, methods=["POST"]),
    Route("/v1/datasources/{name}/delete", delete_v1, methods=["POST"]),
]
