"""What an endpoint takes and gives, without running it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from birdhouse.errors import BirdhouseError
from birdhouse.query.plan import Scope, plan_pipe
from birdhouse.workspace.resources import Pipe, Resources

ResultColumn = tuple[str, str]
"""The name and the ClickHouse type."""


def endpoint_columns(
    describe: Callable[[str], Sequence[ResultColumn]], pipe: Pipe, scope: Scope
) -> Sequence[ResultColumn]:
    """The columns that an endpoint answers with, as far as placeholders for its parameters tell.

    `describe` tells those of a SELECT. [] when its SQL depends on parameters so much that it has no
    shape without them.
    """
    try:
        plan = plan_pipe(pipe, msgspec.structs.replace(scope, test=True, access=None))
        return describe(plan.sql)
    except BirdhouseError:
        return []


def endpoint_parameters(pipe: Pipe, resources: Resources) -> list[dict[str, Any]]:
    """The parameters of an endpoint and of all the pipes that it reads, each once.

    Of several mentions of a parameter the one with a description counts.
    """
    found: dict[str, dict[str, Any]] = {}
    waiting, seen = [pipe], {pipe.name}
    while waiting:
        current = waiting.pop(0)
        for node in current.nodes:
            for param in node.params:
                known = found.get(param["name"])
                if known is None or (param.get("description") and not known.get("description")):
                    found[param["name"]] = param
            below = [resources.pipes[n] for n in node.dependencies if n in resources.pipes]
            waiting += [p for p in below if p.name not in seen]
            seen |= {p.name for p in below}
    return list(found.values())
