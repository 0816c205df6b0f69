"""Analyze API: the schema that a file would fit into."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import BadRequest
from birdhouse.http.context import answer, caller, run, services
from birdhouse.http.spool import spool
from birdhouse.ingest import Analysis, analyse, fetch

_LIMIT = 50 * 1000 * 1000


async def analyze(request: Request) -> Response:
    """Analyse the file at `url`, in the form's part `file`, or in the body."""
    _, access = caller(request)
    access.require_deploy()
    with tempfile.TemporaryDirectory(prefix="birdhouse-") as folder:
        path, scratch = Path(folder) / "rows", Path(folder) / "unpacked"
        url = request.query_params.get("url", "")
        if url:
            limits = services(request).remote._replace(bytes=_LIMIT)
            await run(request, fetch, url, path, limits)
        elif request.headers.get("content-type", "").startswith("multipart/form-data"):
            async with request.form(max_part_size=_LIMIT) as form:
                part = form.get("file")
                if not isinstance(part, UploadFile):
                    raise BadRequest("The form has no file: send it as the part 'file'")
                path.write_bytes(await part.read())
        else:
            await spool(request.stream(), path, _LIMIT)
        found = await run(request, analyse, services(request).engine, path, scratch)
    return answer(_report(found))


def _report(found: Analysis) -> dict[str, Any]:
    columns = [
        {
            "name": column.name,
            "path": column.jsonpath,
            # Whether it may be null is said by present_pct, and by the schema.
            "recommended_type": column.type.removeprefix("Nullable(").removesuffix(")")
            if column.nullable
            else column.type,
            "present_pct": present,
        }
        for column, present in found.columns
    ]
    meta = [{"name": column.name, "type": column.type} for column, _ in found.columns]
    return {
        "analysis": {"format": found.format, "columns": columns, "schema": found.schema},
        "preview": {"meta": meta, "data": found.preview, "rows": len(found.preview)},
        **({"dialect": found.dialect} if found.dialect else {}),
    }


routes = [
    Route("/v0/analyze", analyze, methods=["POST"]),
]
