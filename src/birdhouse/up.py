"""`birdhouse up`: a project live in the default workspace before the first request is answered."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlencode

from birdhouse.http.context import Services
from birdhouse.ingest import FileFormat, Landing
from birdhouse.project.folder import (
    project_files,
    project_fixtures,
    project_secrets,
    vendored_projects,
)
from birdhouse.query import Scope, format_named, plan_sql, run
from birdhouse.workspace.resources import Pipe
from birdhouse.workspace.sizes import NO_ROWS, table_sizes
from birdhouse.workspace.tokens import APPEND_DATASOURCE, READ_PIPE, Token
from birdhouse.workspace.workspaces import Workspace


def bring_up(services: Services, project: Path, *, fixtures: bool) -> list[str]:
    """Deploy the project and load its fixtures into empty tables; says what was done, a line each.

    Projects in `vendor/` are deployed into workspaces of their own before it, and workspaces that
    it shares data sources with are made, as `tb build` does. Raises `ProjectError` when something
    cannot be deployed.
    """
    workspace = services.workspaces.default
    for name, value in project_secrets(project).items():
        workspace.save_secret(name, value)
    lines = []
    for name, files in vendored_projects(project, workspace.name).items():
        vendor = _workspace(services, name)
        services.deployer.build(vendor, files)
        lines.append(f"Deployed vendor/{name} into the workspace {name}")
        if fixtures:
            lines += _load_fixtures(services, vendor, project / "vendor" / name)
    changes = services.deployer.build(workspace, project_files(project))
    resources = workspace.resources
    for name in {name for d in resources.datasources.values() for name in d.shared_with}:
        _workspace(services, name)
    lines.append(
        f"Deployed {len(resources.datasources)} data sources and {len(resources.pipes)} pipes"
        + ("" if changes else " (no changes)")
    )
    lines += [f"{f['level']} {f['resource']}: {f['message']}" for f in changes.feedback]
    if fixtures:
        lines += _load_fixtures(services, workspace, project)
    return lines


def folder_of(project: Path, name: str) -> Path | None:
    """A folder of the project with files to serve, if it has one."""
    folder = project / name
    return folder if folder.is_dir() else None


def _workspace(services: Services, name: str) -> Workspace:
    known = next((w for w in services.workspaces if w.name == name), None)
    return known or services.workspaces.create(name)


def _load_fixtures(services: Services, workspace: Workspace, project: Path) -> list[str]:
    sizes = table_sizes(services.engine, workspace.database)
    lines = []
    for name, path in project_fixtures(project, workspace.resources.datasources):
        datasource = workspace.datasource(name)
        if sizes.get(datasource.table, NO_ROWS).rows:
            continue
        landing = Landing(workspace.database, datasource)
        if path.suffix == ".sql":
            body = _rows_of(services, workspace, path.read_text())
            receipt = services.ingestion.append(landing, body).result()
        else:
            format_: FileFormat = "csv" if path.suffix == ".csv" else "ndjson"
            receipt = services.ingestion.append_file(landing, path, format_)
        line = f"Loaded {receipt.successful_rows} rows into {name}"
        if receipt.quarantined_rows:
            line += f" ({receipt.quarantined_rows} in {name}_quarantine)"
        lines.append(line)
    return lines


def _rows_of(services: Services, workspace: Workspace, sql: str) -> bytes:
    """What the query of a fixture gives, as NDJSON."""
    plan = plan_sql(sql, Scope.of(workspace, {}))
    answer = run(services.engine, plan, format_named("JSONEachRow"), services.limits)
    return bytes(answer.result.data)


def declared_tokens(workspace: Workspace) -> dict[str, str]:
    """The tokens that a shell wants by name: admin, and what the datafiles declare.

    The append token is the declared one that may append to the most data sources and do nothing
    else; the read token likewise, for endpoints.
    """
    found = {"TB_TOKEN": workspace.admin_token, "TB_ADMIN_TOKEN": workspace.admin_token}
    for variable, scope in (("TB_APPEND_TOKEN", APPEND_DATASOURCE), ("TB_READ_TOKEN", READ_PIPE)):
        token = _narrowest(workspace, scope)
        if token is not None:
            found[variable] = token.token
    return found


def _narrowest(workspace: Workspace, type_: str) -> Token | None:
    fitting = [
        token
        for token in workspace.tokens.values()
        if token.origin == "DS" and all(scope.type == type_ for scope in token.scopes)
    ]
    return max(fitting, key=lambda token: len(token.scopes), default=None)


def try_lines(workspace: Workspace, url: str) -> list[str]:
    """A curl command for each endpoint, with an example for each parameter it requires."""
    token = declared_tokens(workspace).get("TB_READ_TOKEN", workspace.admin_token)
    return [
        f'curl "{url}/v0/pipes/{pipe.name}.json?{urlencode({"token": token, **_examples(pipe)})}"'
        for pipe in workspace.resources.pipes.values()
        if pipe.endpoint is not None
    ]


def _examples(pipe: Pipe) -> dict[str, str]:
    return {
        param["name"]: str(param.get("example") or param.get("default") or "")
        for node in pipe.nodes
        for param in node.params
        if param.get("required") and param.get("default") is None
    }
