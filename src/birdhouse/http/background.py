"""Jobs: work that may outlive the request which began it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from starlette.requests import Request

from birdhouse.errors import BirdhouseError
from birdhouse.http.context import run, services
from birdhouse.workspace.jobs import Job
from birdhouse.workspace.resources import utc_now
from birdhouse.workspace.workspaces import Workspace

log = logging.getLogger("birdhouse")

_PATIENCE = 2.0
"""Seconds that a request waits for its job: clients look again only after as many."""
_STOPS, _STOP_PAUSE = 40, 0.05


async def start_job(
    request: Request, workspace: Workspace, job: Job, work: Callable[[], dict[str, Any]]
) -> Job:
    """Run `work` as a job; what it returns is added to the job's detail.

    Comes back when the job is over, or after a moment, while it goes on.
    """
    job.status, job.started_at = "working", utc_now()
    workspace.save_job(job)

    def run() -> None:
        try:
            job.detail |= work()
            job.status = "done"
        except BirdhouseError as error:
            cancelled = job.status == "cancelling"
            job.status, job.error = "cancelled" if cancelled else "error", str(error)
        except Exception:
            log.exception("the job %s failed", job.id)
            job.status, job.error = "error", "Internal error: the reason is in birdhouse's log"
        workspace.save_job(job)

    future = asyncio.get_running_loop().run_in_executor(services(request).threads, run)
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
