"""Build and Deployments API: a whole project in, a deployment out."""

from __future__ import annotations

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import BadRequest, BirdhouseError, NotFound, ProjectError
from birdhouse.http.context import answer, caller, run, services
from birdhouse.workspace.deployments import SEED, Deployment
from birdhouse.workspace.workspaces import Workspace

_PART = "data_project://"


def _deploying(request: Request) -> Workspace:
    """The workspace itself, whatever deployment the request asks to see."""
    workspace, access = caller(request)
    access.require_deploy()
    return services(request).workspaces.named(workspace.id)


async def _project_files(request: Request) -> dict[str, str]:
    """The datafiles of a multipart body, path → text."""
    files: dict[str, str] = {}
    form = await request.form(max_files=10_000, max_fields=10_000, max_part_size=16 * 1024 * 1024)
    for field, part in form.multi_items():
        if field != _PART or not isinstance(part, UploadFile):
            continue
        try:
            files[part.filename or ""] = (await part.read()).decode()
        except UnicodeDecodeError:
            raise BadRequest(f"{part.filename}: the file is not UTF-8 text") from None
    if not files:
        raise BadRequest(f"The request has no datafile: send each as a part named '{_PART}'")
    return files


def _file_errors(error: BirdhouseError) -> list[dict[str, str]]:
    if isinstance(error, ProjectError):
        return [{"filename": e.filename, "error": e.error} for e in error.errors]
    return [{"filename": "", "error": str(error)}]


async def build(request: Request) -> Response:
    """Replace what is live by the project, at once."""
    workspace = _deploying(request)
    files = await _project_files(request)
    try:
        changes = await run(request, services(request).deployer.build, workspace, files)
    except BirdhouseError as error:
        if error.status >= 500:
            raise
        return answer({"result": "failed", "errors": _file_errors(error)})
    live = workspace.live
    return answer(
        {
            "result": "success",
            "build": {
                "id": live.id if live else "0",
                **changes.report(),
                "datasources": [],
                "pipes": [],
                "data_linkers": [],
            },
        }
    )


async def deploy(request: Request) -> Response:
    """Make a deployment of the project; with `check=true` only say what it would do."""
    workspace = _deploying(request)
    files = await _project_files(request)
    flags = {
        flag: request.query_params.get(flag, "").lower() == "true"
        for flag in ("check", "auto_promote", "allow_destructive_operations")
    }
    deployer = services(request).deployer
    try:
        deployment = await run(request, deployer.deploy, workspace, files, **flags)
    except BirdhouseError as error:
        if error.status >= 500:
            raise
        failed = Deployment(number=0, status="failed", errors=_file_errors(error))
        return answer({"result": "failed", "deployment": failed.report()})
    result = "success" if deployment.changes else "no_changes"
    return answer({"result": result, "deployment": deployment.report()})


def _seed(workspace: Workspace) -> Deployment:
    """What is live before the first promotion: an empty deployment, which no record has."""
    live = workspace.live is None
    status = "data_ready" if live else "deleted"
    return Deployment(number=SEED, status=status, live=live, created_at=workspace.created_at)


def _numbered(request: Request, workspace: Workspace) -> Deployment:
    text = request.path_params["deployment"]
    if text == str(SEED):
        return _seed(workspace)
    found = workspace.deployments.get(int(text)) if text.isdigit() else None
    if found is None:
        raise NotFound(f"Deployment '{text}' not found")
    return found


async def list_deployments(request: Request) -> Response:
    """The live deployment first, then the one in staging."""
    workspace = _deploying(request)
    with_deleted = request.query_params.get("include_deleted") == "true"
    shown = [d for d in list(workspace.deployments.values()) if with_deleted or d.serves]
    if workspace.live is None:
        shown.append(_seed(workspace))
    shown.sort(key=lambda d: (not d.live, -d.number))
    return answer({"deployments": [d.report() for d in shown]})


async def get_deployment(request: Request) -> Response:
    workspace = _deploying(request)
    return answer({"result": "success", "deployment": _numbered(request, workspace).report()})


async def set_live(request: Request) -> Response:
    """Promote a deployment that is ready."""
    workspace = _deploying(request)
    found = _numbered(request, workspace)
    promoted = await run(request, services(request).deployer.promote, workspace, found)
    return answer({"result": "success", "deployment": promoted.report()})


async def delete_deployment(request: Request) -> Response:
    """Discard a staging deployment; one that is gone already stays gone."""
    workspace = _deploying(request)
    found = _numbered(request, workspace)
    if found.number != SEED:
        await run(request, services(request).deployer.discard, workspace, found)
    return answer({"result": "success", "deployment": found.report()})


routes = [
    Route("/v1/build", build, methods=["POST"]),
    Route("/v1/deploy", deploy, methods=["POST"]),
    Route("/v1/deployments", list_deployments),
    Route("/v1/deployments/{deployment}", get_deployment),
    Route("/v1/deployments/{deployment}", delete_deployment, methods=["DELETE"]),
    Route("/v1/deployments/{deployment}/set-live", set_live, methods=["POST"]),
]
