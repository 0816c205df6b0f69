"""Pipes API: copy pipes, run on demand, paused and resumed."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import BadRequest, NotFound
from birdhouse.http.background import stop_job
from birdhouse.http.context import (
    PUBLIC_URL,
    Caller,
    answer,
    body_values,
    caller,
    query_values,
    run,
    services,
    template_variables,
)
from birdhouse.http.pipes import pipe_report
from birdhouse.workspace.resources import Pipe
from birdhouse.workspace.schedules import schedule_of

_OWN_PARAMETERS = ("_mode", "on_demand_compute")


def _named(request: Request) -> tuple[Caller, Pipe]:
    who = caller(request)
    who.access.require_admin()
    name = request.path_params["name"]
    pipe = who.workspace.pipe(name)
    if pipe is None:
        raise NotFound(f"Pipe '{name}' not found")
    return who, pipe


async def run_copy(request: Request) -> Response:
    """Begin a copy with the request's parameters; the answer has its job."""
    who, pipe = _named(request)
    values = {**query_values(request), **await body_values(request)}
    mode = str(values.get("_mode", ""))
    given = {key: value for key, value in values.items() if key not in _OWN_PARAMETERS}
    start = services(request).copies.start
    job = await run(request, start, who.workspace, pipe, template_variables(given), mode)
    target = job.detail["datasource"]["id"]
    body = {**pipe_report(who, pipe), "tags": {"copy_target_datasource": target}}
    return answer({**body, "job": job.report(PUBLIC_URL)})


async def cancel_copy(request: Request) -> Response:
    """Stop the run of a copy pipe that is under way."""
    who, pipe = _named(request)
    job = services(request).copies.under_way(who.workspace, pipe)
    if job is not None:
        await stop_job(request, who.workspace, job)
    jobs = [job.report(PUBLIC_URL)] if job else []
    return answer({"id": pipe.id, "jobs": jobs})


def _scheduled(request: Request) -> tuple[Caller, Pipe]:
    who, pipe = _named(request)
    if not schedule_of(pipe):
        raise BadRequest(f"The pipe '{pipe.name}' has no schedule")
    return who, pipe


async def pause_copy(request: Request) -> Response:
    """Let the schedule of a copy pipe rest, over deployments and restarts."""
    who, pipe = _scheduled(request)
    who.workspace.schedules.pause(pipe)
    services(request).clock.wake()
    return answer(pipe_report(who, pipe))


async def resume_copy(request: Request) -> Response:
    who, pipe = _scheduled(request)
    who.workspace.schedules.resume(pipe)
    services(request).clock.wake()
    return answer(pipe_report(who, pipe))


routes = [
    Route("/v0/pipes/{name}/copy", run_copy, methods=["POST"]),
    Route("/v0/pipes/{name}/copy/cancel", cancel_copy, methods=["POST"]),
    Route("/v0/pipes/{name}/copy/pause", pause_copy, methods=["POST"]),
    Route("/v0/pipes/{name}/copy/resume", resume_copy, methods=["POST"]),
]
