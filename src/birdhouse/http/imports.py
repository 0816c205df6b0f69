"""Data Sources API: files in, by append or replace, as the v0 and the v1 routes have it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import BadRequest, BirdhouseError, Forbidden
from birdhouse.http.background import start_job
from birdhouse.http.context import (
    PUBLIC_URL,
    Caller,
    answer,
    caller,
    query_values,
    run,
    scope_of,
    services,
)
from birdhouse.http.datasources import ONLY_BY_DEPLOYMENT, datasource_report
from birdhouse.http.operations import operation
from birdhouse.http.spool import spool
from birdhouse.ingest import Dialect, FileFormat, Landing, Receipt, fetch, replace_rows
from birdhouse.query import plan_condition
from birdhouse.workspace.jobs import Job
from birdhouse.workspace.resources import DataSource
from birdhouse.workspace.workspaces import Workspaces

IMPORT_LIMIT = 500 * 1000 * 1000
_FORMATS: dict[str, FileFormat] = {"csv": "csv", "ndjson": "ndjson", "parquet": "parquet"}
_DIALECT = {
    "dialect_delimiter": "delimiter",
    "dialect_new_line": "newline",
    "dialect_escapechar": "escape",
}


class _Import:
    """One import: where the file comes from, and what is to be done with its rows."""

    def __init__(self, request: Request, who: Caller, datasource: DataSource, mode: str) -> None:
        values = query_values(request)
        format_ = str(values.get("format", "csv"))
        if format_ not in _FORMATS:
            raise BadRequest(f"Unknown format '{format_}': use one of {', '.join(_FORMATS)}")
        self.request = request
        self.workspace = who.workspace
        self.services = services(request)
        self.datasource = datasource
        self.landing = Landing(who.workspace.database, datasource)
        self.mode = mode
        self.format = _FORMATS[format_]
        self.dialect = _dialect(values)
        self.condition = str(values.get("replace_condition", ""))
        if self.condition:
            plan_condition(datasource.name, self.condition, scope_of(who, {}, own_rights=False))
        self.path = Path()
        self.job: Job | None = None

    def load(self, landing: Landing) -> Receipt:
        append_file = self.services.ingestion.append_file
        id = self.job.id if self.job else ""
        return append_file(
            landing, self.path, self.format, self.dialect, import_id=id, progress=self._tell
        )

    def _tell(self, so_far: Receipt) -> None:
        """Show in the job how far it is: 100 % is for its end."""
        if self.job is None:
            return
        size = max(self.path.stat().st_size, 1)
        self.job.detail["progress_percentage"] = min(99, 100 * so_far.bytes // size)

    def run(self) -> Receipt:
        workspace, name = self.workspace, self.datasource.name
        with operation(self.request, workspace, name, self.mode, format=self.format) as running:
            receipt = self._run()
            running.received(receipt)
        return receipt

    def _run(self) -> Receipt:
        if self.mode != "replace":
            return self.load(self.landing)
        engine, hold = self.services.engine, self.services.ingestion.hold
        with self.workspace.rewriting(self.datasource.name) as datasource:
            landing = Landing(self.landing.database, datasource)
            return replace_rows(engine, hold, landing, self.load, self.condition)

    def new_job(self, url: str = "") -> Job:
        named = {"id": self.datasource.id, "name": self.datasource.name}
        detail = {"mode": self.mode, "datasource": named, "progress_percentage": 0}
        self.job = Job(kind="import", detail=detail | ({"url": url} if url else {}))
        return self.job

    def file(self, job: Job) -> AbstractContextManager[Path]:
        """Where to put the file. What is appended goes on after a crash; a replacement does not."""
        ingestion = self.services.ingestion
        return ingestion.upload() if self.mode == "replace" else ingestion.spooled(job.id)


def _dialect(values: dict[str, Any]) -> Dialect | None:
    given = {name: str(values[key]) for key, name in _DIALECT.items() if key in values}
    return Dialect(**given) if given else None


def _outcome(receipt: Receipt) -> dict[str, Any]:
    lines = receipt.successful_rows + receipt.quarantined_rows
    block = {"lines": lines, "quarantine": receipt.quarantined_rows, "bytes": receipt.bytes}
    return {
        "import_id": receipt.import_id,
        "progress_percentage": 100,
        "quarantine_rows": receipt.quarantined_rows,
        "invalid_lines": 0,
        "statistics": {"row_count": receipt.successful_rows, "bytes": receipt.bytes},
        "blocks": [
            {"block_id": receipt.import_id, "process_return": [block], "processing_time": 0}
        ],
    }


def _require_rights(who: Caller, datasource: DataSource, mode: str) -> None:
    """Replacing deletes rows, which a token that may append must not."""
    if mode == "replace":
        who.access.require_admin()
    else:
        who.access.require_append(datasource.name, datasource.id)


def end_import(workspaces: Workspaces, id: str, result: Receipt | BirdhouseError) -> None:
    """Bring the job of an import to its end that a crash had cut off."""
    for workspace in workspaces:
        job = workspace.jobs.get(id)
        if job is None:
            continue
        if isinstance(result, Receipt):
            job.status = "done"
            job.detail |= _outcome(result)
        else:
            job.status, job.error = "error", str(result)
        workspace.save_job(job)


async def import_v1(request: Request) -> Response:
    """`/v1/datasources/X/append` and `/replace`: always a job."""
    who = caller(request)
    datasource = who.workspace.datasource(request.path_params["name"])
    mode = request.url.path.rpartition("/")[2]
    _require_rights(who, datasource, mode)
    return await _import_as_job(request, who, datasource, mode)


async def import_v0(request: Request) -> Response:
    """`/v0/datasources?name=X&mode=append`: a job with `url`, otherwise done when answered."""
    who = caller(request)
    values = query_values(request)
    mode = str(values.get("mode", "create"))
    name = str(values.get("name", ""))
    known = name in who.workspace.resources.datasources
    if mode not in ("append", "replace") or not known:
        raise Forbidden(ONLY_BY_DEPLOYMENT)
    datasource = who.workspace.datasource(name)
    _require_rights(who, datasource, mode)
    if "url" in values:
        return await _import_as_job(request, who, datasource, mode)
    task = _Import(request, who, datasource, mode)
    with task.services.ingestion.upload() as task.path:
        sent_url = await _receive(request, task)
        if sent_url:
            return await _start_url_job(request, who, task, sent_url)
        receipt = await run(request, task.run)
    error: str | bool = False
    if receipt.quarantined_rows:
        rows = "row" if receipt.quarantined_rows == 1 else "rows"
        count = f"{receipt.quarantined_rows} {rows} in quarantine"
        error = f"There was an error with file contents: {count}."
    return answer(
        {
            "datasource": await run(request, datasource_report, task.services, who, datasource),
            "import_id": receipt.import_id,
            "invalid_lines": 0,
            "quarantine_rows": receipt.quarantined_rows,
            "error": error,
        }
    )


async def _import_as_job(
    request: Request, who: Caller, datasource: DataSource, mode: str
) -> Response:
    task = _Import(request, who, datasource, mode)
    url = request.query_params.get("url", "")
    if url:
        return await _start_url_job(request, who, task, url)
    job = task.new_job()
    upload = ExitStack()
    try:
        task.path = upload.enter_context(task.file(job))
        await _receive(request, task)
    except BaseException:
        upload.close()
        raise

    def work() -> dict[str, Any]:
        with upload:
            return _outcome(task.run())

    await start_job(request, who.workspace, job, work)
    return answer(job.report(PUBLIC_URL))


async def _start_url_job(request: Request, who: Caller, task: _Import, url: str) -> Response:
    job = task.new_job(url.partition("?")[0])

    def work() -> dict[str, Any]:
        with task.file(job) as task.path:
            fetch(url, task.path, task.services.remote)
            return _outcome(task.run())

    await start_job(request, who.workspace, job, work)
    return answer(job.report(PUBLIC_URL))


async def _receive(request: Request, task: _Import) -> str:
    """Put the file of the body where the import reads it; the `url` that a form has instead."""
    type_ = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if type_ not in ("multipart/form-data", "application/x-www-form-urlencoded"):
        await spool(request.stream(), task.path, IMPORT_LIMIT)
        return ""
    if type_ == "application/x-www-form-urlencoded":
        # curl's default for any body: rows are rows, unless the form has a url.
        await spool(request.stream(), task.path, IMPORT_LIMIT)
        with task.path.open("rb") as file:
            return _form_url(file.read(8192))
    async with request.form(max_part_size=IMPORT_LIMIT) as form:
        for part in form.values():
            if isinstance(part, UploadFile):
                await spool(_chunks(part), task.path, IMPORT_LIMIT)
                return ""
        for field in ("csv", "ndjson", "data"):
            text = form.get(field)
            if isinstance(text, str):
                task.path.write_text(text)
                return ""
        url = form.get("url")
        if isinstance(url, str):
            return url
    raise BadRequest("The request has no file: send it as the body, as a form part, or as url=")


def _form_url(body: bytes) -> str:
    if not body.startswith(b"url="):
        return ""
    return parse_qs(body.decode(errors="replace")).get("url", [""])[0]


async def _chunks(part: UploadFile) -> AsyncIterator[bytes]:
    while chunk := await part.read(1024 * 1024):
        yield chunk


routes = [
    Route("/v0/datasources", import_v0, methods=["POST"]),
    Route("/v1/datasources/{name}/append", import_v1, methods=["POST"]),
    Route("/v1/datasources/{name}/replace", import_v1, methods=["POST"]),
]
