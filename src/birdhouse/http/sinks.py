"""Sink Pipes API: sink pipes, run on demand."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import NotFound
from birdhouse.http.background import start_job
from birdhouse.http.context import (
    PUBLIC_URL,
    answer,
    body_values,
    caller,
    query_values,
    run,
    scope_of,
    services,
    template_variables,
)
from birdhouse.http.pipes import pipe_report
from birdhouse.query import plan_pipe
from birdhouse.sinks import target_of
from birdhouse.workspace.jobs import Job

_OWN = {"_mode": "mode", "format": "format", "compression": "compression"}


async def run_sink_pipe(request: Request) -> Response:
    """Begin a run with the request's parameters; the answer has its job."""
    who = caller(request)
    who.access.require_admin()
    name = request.path_params["name"]
    pipe = who.workspace.pipe(name)
    if pipe is None:
        raise NotFound(f"Pipe '{name}' not found")
    values = {**query_values(request), **await body_values(request)}
    given = {own: str(values.pop(key)) for key, own in _OWN.items() if key in values}
    target = target_of(pipe, who.workspace.resources, given)
    scope = scope_of(who, template_variables(values), own_rights=False)
    plan = await run(request, plan_pipe, pipe, scope)
    job = Job(kind="sink", detail={"pipe_id": pipe.id, "pipe_name": pipe.name})
    sinks = services(request).sinks

    def work() -> dict[str, Any]:
        return sinks.run(who.workspace, pipe, plan, target, job.id)

    await start_job(request, who.workspace, job, work)
    return answer({**pipe_report(who, pipe), "job": job.report(PUBLIC_URL)})


routes = [Route("/v0/pipes/{name}/sink", run_sink_pipe, methods=["POST"])]
