"""Jobs API."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import BadRequest, NotFound
from birdhouse.http.background import stop_job
from birdhouse.http.context import PUBLIC_URL, answer, caller
from birdhouse.workspace.jobs import Job
from birdhouse.workspace.workspaces import Workspace


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


def _job(workspace: Workspace, request: Request) -> Job:
    id = request.path_params["job"]
    job = workspace.jobs.get(id)
    if job is None:
        raise NotFound(f"Job '{id}' not found")
    return job


async def get_job(request: Request) -> Response:
    workspace, _ = caller(request)
    return answer(_job(workspace, request).report(PUBLIC_URL))


async def cancel_job(request: Request) -> Response:
    """Stop the statement that the job runs, tagged with the job's id."""
    workspace, access = caller(request)
    access.require_admin()
    job = _job(workspace, request)
    if job.status not in ("waiting", "working"):
        raise BadRequest(f"Job '{job.id}' cannot be cancelled: it is {job.status} already")
    await stop_job(request, workspace, job)
    return answer(job.report(PUBLIC_URL))


async def retry_job(request: Request) -> Response:
    """Nothing is kept of a job that would let it run once more."""
    workspace, access = caller(request)
    access.require_admin()
    job = _job(workspace, request)
    raise BadRequest(f"Job '{job.id}' cannot be retried: start a new {job.kind} job instead")


routes = [
    Route("/v0/jobs", list_jobs),
    Route("/v0/jobs/{job}", get_job),
    Route("/v0/jobs/{job}/cancel", cancel_job, methods=["POST"]),
    Route("/v0/jobs/{job}/retry", retry_job, methods=["POST"]),
]
