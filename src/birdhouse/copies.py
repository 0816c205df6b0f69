"""Copy pipes: the rows of a query, written into a data source on demand or on schedule.

Concurrency: two threads run copies. A copy shares `Workspace.rows`, so a deployment exchanges no
table under it; appends go on. Live pipes have schedules, those of a deployment in staging do not
run, and a run that is still under way when the next is due makes that one fall out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

import msgspec

from birdhouse.clock import Due
from birdhouse.engine import Engine, quote_name
from birdhouse.errors import BadRequest, Conflict
from birdhouse.ingest import Landing, Receipt, replace_rows
from birdhouse.query import Scope, plan_pipe
from birdhouse.workspace.activity import Activity, Operation
from birdhouse.workspace.jobs import Job
from birdhouse.workspace.resources import Pipe
from birdhouse.workspace.workspaces import Workspace, Workspaces

Hold = Callable[[], AbstractContextManager[None]]
"""Keeps every insert waiting while the block runs."""

MODES = ("append", "replace")
_SETTINGS: dict[str, int | float | str] = {
    "insert_deduplicate": 0,
    "max_execution_time": 3600,
    "max_partitions_per_insert_block": 0,
}


class _Run(NamedTuple):
    workspace: Workspace
    pipe: str
    variables: Mapping[str, str]
    mode: str
    job: Job


class Copies:
    """Runs copy pipes. `close` waits for the runs under way, which it stops."""

    def __init__(
        self, engine: Engine, workspaces: Workspaces, hold: Hold, activity: Activity
    ) -> None:
        self._engine = engine
        self._workspaces = workspaces
        self._hold = hold
        self._activity = activity
        self._threads = ThreadPoolExecutor(2, "copy")

    def start(
        self, workspace: Workspace, pipe: Pipe, variables: Mapping[str, str], mode: str = ""
    ) -> Job:
        """Begin a run and give its job.

        Raises `BadRequest` for a pipe that copies nothing, an unknown mode and parameters that
        its templates refuse, `Conflict` while it runs already.
        """
        node = pipe.output
        if node.type != "copy":
            raise BadRequest(f"The pipe '{pipe.name}' is not a copy pipe")
        mode = mode or node.settings.get("mode", "append")
        if mode not in MODES:
            raise BadRequest(f"The mode '{mode}' is none of {', '.join(MODES)}")
        with workspace.lock:
            if self.under_way(workspace, pipe) is not None:
                raise Conflict(f"The copy pipe '{pipe.name}' is running already")
            target = workspace.datasource(node.settings["target_datasource"])
            plan_pipe(pipe, Scope.of(workspace, variables))
            job = Job(
                kind="copy",
                detail={
                    "pipe_id": pipe.id,
                    "pipe_name": pipe.name,
                    "mode": mode,
                    "datasource": {"id": target.id, "name": target.name},
                    "progress_percentage": 0,
                },
            )
            workspace.save_job(job)
        self._threads.submit(self._work, _Run(workspace, pipe.name, variables, mode, job))
        return job

    def under_way(self, workspace: Workspace, pipe: Pipe) -> Job | None:
        """The run of a pipe that is not over."""
        return next(
            (
                job
                for job in list(workspace.jobs.values())
                if job.kind == "copy" and not job.is_over and job.detail.get("pipe_id") == pipe.id
            ),
            None,
        )

    def close(self) -> None:
        for workspace in self._workspaces:
            for job in list(workspace.jobs.values()):
                if job.kind == "copy" and not job.is_over:
                    self._engine.kill(job.id)
        self._threads.shutdown(cancel_futures=True)

    # a run

    def _work(self, run: _Run) -> None:
        job, started = run.job, time.perf_counter()
        run.workspace.carry_out(job, lambda: {"rows": self._copy(run), "progress_percentage": 100})
        self._activity.record_operation(
            Operation(
                workspace_id=run.workspace.id,
                event_type="copy",
                datasource_id=job.detail["datasource"]["id"],
                datasource_name=job.detail["datasource"]["name"],
                result="error" if job.error else "ok",
                error=job.error,
                elapsed_time=time.perf_counter() - started,
                job_id=job.id,
                rows=job.detail.get("rows", 0),
                pipe_id=job.detail["pipe_id"],
                pipe_name=job.detail["pipe_name"],
            )
        )

    def _copy(self, run: _Run) -> int:
        """Write the rows; gives their number."""
        workspace = run.workspace
        name = run.job.detail["datasource"]["name"]
        if run.mode == "append":
            with workspace.rows.shared():
                target = workspace.datasource(name)
                return self._insert(run, Landing(workspace.database, target))
        with workspace.rewriting(name) as target:
            landing = Landing(workspace.database, target)

            def load(beside: Landing) -> Receipt:
                return Receipt(self._insert(run, beside), 0, 0, run.job.id)

            return replace_rows(self._engine, self._hold, landing, load).successful_rows

    def _insert(self, run: _Run, landing: Landing) -> int:
        pipe = run.workspace.resources.pipes[run.pipe]
        plan = plan_pipe(pipe, Scope.of(run.workspace, run.variables))
        if plan.reads_service:
            self._activity.flush()
        described = self._engine.execute(
            f"DESCRIBE TABLE ({plan.sql})",
            params=plan.params,
            fmt="JSONCompactEachRow",
            tag=run.job.id,
        )
        if run.job.cancelling:
            raise Conflict("The copy was cancelled before it wrote anything")
        columns = [msgspec.json.decode(line)[0] for line in bytes(described.data).splitlines()]
        names = ", ".join(map(quote_name, columns))
        table = quote_name(landing.database, landing.datasource.table)
        result = self._engine.execute(
            f"INSERT INTO {table} ({names}) SELECT {names} FROM ({plan.sql})",
            settings=_SETTINGS,
            params=plan.params,
            tag=run.job.id,
        )
        return result.rows_written

    # the clock

    def due(self) -> Iterator[Due]:
        """The pipes that run on schedule."""
        for workspace in self._workspaces:
            for pipe, schedule in workspace.schedules.due(workspace.resources, "copy"):
                yield Due(
                    ("copy", workspace.id, pipe.name),
                    schedule,
                    partial(self._start_scheduled, workspace, pipe),
                )

    def _start_scheduled(self, workspace: Workspace, pipe: Pipe, moment: float) -> None:
        timestamp = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")
        self.start(workspace, pipe, {"job_timestamp": timestamp})
