"""Tags of resources, as the datafiles have them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import BadRequest
from birdhouse.http.context import answer, caller


async def list_tags(request: Request) -> Response:
    """Each tag with the data sources and pipes that have it."""
    workspace, access = caller(request)
    access.require_deploy()
    tags: dict[str, list[dict[str, str]]] = {}
    for kind, resources in (
        ("datasource", workspace.resources.datasources),
        ("pipe", workspace.resources.pipes),
    ):
        for resource in resources.values():
            for tag in resource.tags:
                named = {"id": resource.id, "name": resource.name, "type": kind}
                tags.setdefault(tag, []).append(named)
    return answer({"tags": [{"name": tag, "resources": tags[tag]} for tag in sorted(tags)]})


async def change_tags(request: Request) -> Response:
    """Datafiles do that."""
    caller(request)
    raise BadRequest('Tags come from the datafiles: add TAGS "name" to a file and deploy it')


routes = [
    Route("/v0/tags", list_tags),
    Route("/v0/tags", change_tags, methods=["POST"]),
    Route("/v0/tags/{tag}", change_tags, methods=["PUT", "DELETE"]),
]
