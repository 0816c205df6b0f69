"""Data Sources API: what there is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.engine import quote_name
from birdhouse.errors import Forbidden
from birdhouse.http.context import (
    Caller,
    Services,
    answer,
    caller,
    run,
    services,
    text_answer,
)
from birdhouse.workspace.resources import DataSource
from birdhouse.workspace.sizes import NO_ROWS, TableSize, table_sizes
from birdhouse.workspace.workspaces import Workspace

ONLY_BY_DEPLOYMENT = (
    "Adding or modifying data sources to this workspace can only be done via deployments"
)

_ALWAYS = ("id", "name", "engine", "indexes", "new_columns_detected", "quarantine_rows")
"""What an entry of the list has whatever `attrs` asks for: clients read it without asking."""


def _report(
    workspace: Workspace, datasource: DataSource, sizes: Mapping[str, TableSize]
) -> dict[str, Any]:
    size = sizes.get(datasource.table, NO_ROWS)
    rejected = sizes.get(datasource.quarantine, NO_ROWS)
    columns = [
        {
            "name": column.name,
            "type": column.type,
            "codec": column.codec,
            "default_value": f"DEFAULT {column.default}" if column.default else None,
            "jsonpath": column.jsonpath,
            "nullable": column.nullable,
            "normalized_name": column.name,
        }
        for column in datasource.columns
    ]
    return {
        "id": datasource.id,
        "name": datasource.name,
        "description": datasource.description,
        "cluster": None,
        "tags": {},
        "created_at": datasource.created_at,
        "updated_at": datasource.updated_at,
        "replicated": False,
        "version": 0,
        "project": None,
        "headers": {},
        "shared_with": list(datasource.shared_with),
        "engine": _engine(datasource),
        "columns": columns,
        "schema": {
            "columns": [{**column, "auto": False} for column in columns],
            "sql_schema": ", ".join(
                f"{quote_name(c.name)} {c.type}" + (f" `json:{c.jsonpath}`" if c.jsonpath else "")
                for c in datasource.columns
            ),
        },
        "indexes": [{"name": i.split(" ")[0], "expr": i} for i in datasource.indexes],
        "statistics": {"bytes": size.bytes, "row_count": size.rows},
        "quarantine_rows": rejected.rows,
        "new_columns_detected": {},
        "errors_discarded_at": None,
        "last_commit": {"content_sha": "", "status": "ok", "path": datasource.path},
        "type": "ndjson" if any(c.jsonpath for c in datasource.columns) else "csv",
        "used_by": [
            {"id": pipe.id, "name": pipe.name} for pipe in workspace.pipes_reading(datasource.name)
        ],
    }


def _engine(datasource: DataSource) -> dict[str, str]:
    """The engine with the keys that every table has, given or not."""
    given = {f"engine_{key}": value for key, value in datasource.engine.items() if key != "type"}
    sorting_key = given.get("engine_sorting_key", "")
    return {
        "engine": datasource.engine["type"],
        "engine_sorting_key": sorting_key,
        "engine_partition_key": "",
        "engine_primary_key": sorting_key,
        **given,
    }


async def list_datasources(request: Request) -> Response:
    """What the token may read or append to; `attrs` narrows each entry."""
    who = caller(request)
    workspace, access = who
    shown = [d for d in workspace.resources.datasources.values() if _may_see(who, d)]
    if not shown and not access.reads_all and not access.scopes:
        raise Forbidden("Not enough permissions to list Data Sources")
    sizes = await run(request, table_sizes, services(request).engine, workspace.database)
    reports = [_report(workspace, d, sizes) for d in shown]
    attrs = [a for a in request.query_params.get("attrs", "").split(",") if a]
    if attrs:
        reports = [{key: report.get(key) for key in (*attrs, *_ALWAYS)} for report in reports]
    return answer({"datasources": reports})


def _may_see(who: Caller, datasource: DataSource) -> bool:
    name, id = datasource.name, datasource.id
    return who.access.may_read_datasource(name, id) or who.access.may_append(name, id)


def _readable(request: Request) -> tuple[Caller, DataSource]:
    who = caller(request)
    datasource = who.workspace.datasource(request.path_params["name"])
    if not _may_see(who, datasource):
        raise Forbidden(f"Not enough permissions for resource '{datasource.name}'")
    return who, datasource


def datasource_report(services: Services, who: Caller, datasource: DataSource) -> dict[str, Any]:
    """The data source as the API shows it."""
    sizes = table_sizes(services.engine, who.workspace.database)
    return _report(who.workspace, datasource, sizes)


async def get_datasource(request: Request) -> Response:
    who, datasource = _readable(request)
    return answer(await run(request, datasource_report, services(request), who, datasource))


async def datasource_file(request: Request) -> Response:
    """The datafile as it was deployed."""
    _, datasource = _readable(request)
    return text_answer(datasource.text)


async def change_structure(request: Request) -> Response:
    """Create, alter, drop: deployments do that."""
    caller(request)
    raise Forbidden(ONLY_BY_DEPLOYMENT)


routes = [
    Route("/v0/datasources", list_datasources),
    Route("/v0/datasources/{name}.datasource", datasource_file),
    Route("/v0/datasources/{name}", get_datasource),
    Route("/v0/datasources/{name}", change_structure, methods=["PUT", "DELETE"]),
    Route("/v0/datasources/{name}/alter", change_structure, methods=["POST"]),
]
