"""Jobs API."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import NotFound
from birdhouse.http.context import PUBLIC_URL, answer, caller


async def list_jobs(request: Request) -> Response:
    """The newest first; `kind` and `status` narrow the list."""
    workspace, access = caller(request)
    access.require_admin()
    kind = request.query_params.get("kind")
    status = request.query_params.get("status")
    shown = [
        job.report(PUBLIC_URL)
        for job in reversed(workspace.jobs.values())
        if (not kind or job.kind == kind) and (not status or job.status == status)
    ]
    return answer({"jobs": shown})


async def get_job(request: Request) -> Response:
    workspace, _ = caller(request)
    id = request.path_params["job"]
    job = workspace.jobs.get(id)
    if job is None:
        raise NotFound(f"Job '{id}' not found")
    return answer(job.report(PUBLIC_URL))


routes = [Route("/v0/jobs", list_jobs), Route("/v0/jobs/{job}", get_job)]
