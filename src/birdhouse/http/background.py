"""Jobs: work that may outlive the request which began it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.requests import Request

from birdhouse.http.context import run, services
from birdhouse.workspace.jobs import Job
from birdhouse.workspace.workspaces import Workspace

_PATIENCE = 2.0
"""Seconds that a request waits for its job: clients look again only after as many."""
_STOPS, _STOP_PAUSE = 40, 0.05


async def start_job(
    request: Request, workspace: Workspace, job: Job, work: Callable[[], dict[str, Any]]
) -> Job:
    """Run `work` as a job; what it returns is added to the job's detail.

    Comes back when the job is over, or after a moment, while it goes on.
    """
    threads = services(request).threads
    future = asyncio.get_running_loop().run_in_executor(threads, workspace.carry_out, job, work)
    await asyncio.wait([future], timeout=_PATIENCE)
    return job


async def stop_job(request: Request, workspace: Workspace, job: Job) -> None:
    """Stop the statement that the job runs, tagged with the job's id; waits for a moment.

    A statement that is only about to begin cannot be stopped yet: so it is tried again.
    """
    job.status = "cancelling"
    workspace.save_job(job)
    for _ in range(_STOPS):
        await run(request, services(request).engine.kill, job.id)
        if not job.cancelling:
            break
        await asyncio.sleep(_STOP_PAUSE)
