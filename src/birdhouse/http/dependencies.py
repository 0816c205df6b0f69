"""What the rows of a data source flow into."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.http.context import answer, caller
from birdhouse.workspace.resources import Pipe, Resources


async def dependencies(request: Request) -> Response:
    """The data sources that views fill from `datasource`, with those views; `recursive` goes on.

    Answers `{dependencies: {target: [{pipe, node}]}, incompatible_datasources: {}}`.
    """
    workspace, access = caller(request)
    access.require_deploy()
    values = request.query_params
    reached = {workspace.datasource(values.get("datasource", "")).name}
    views: dict[str, list[Pipe]] = {}
    waiting = list(reached)
    while waiting:
        for target, pipes in _fed_by(workspace.resources, waiting.pop()).items():
            views.setdefault(target, []).extend(pipes)
            if target not in reached:
                reached.add(target)
                if values.get("recursive") == "true":
                    waiting.append(target)
    found = {
        target: [{"pipe": pipe.name, "node": pipe.output.name} for pipe in pipes]
        for target, pipes in views.items()
    }
    return answer({"dependencies": found, "incompatible_datasources": {}})


def _fed_by(resources: Resources, datasource: str) -> dict[str, list[Pipe]]:
    """The targets of the views that read the data source, each with its views."""
    found: dict[str, list[Pipe]] = {}
    for pipe in resources.pipes.values():
        if pipe.view is not None and any(datasource in n.dependencies for n in pipe.nodes):
            found.setdefault(pipe.view.settings["datasource"], []).append(pipe)
    return found


routes = [Route("/v0/dependencies", dependencies)]
