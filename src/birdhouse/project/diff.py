"""What a new set of resources changes, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from birdhouse.project.grants import deployed_tokens
from birdhouse.workspace.deployments import Changes
from birdhouse.workspace.resources import DataSource, Pipe, Resources

T = TypeVar("T")

_NOT_FACTS = ("id", "table", "fed_by", "path", "text", "created_at", "updated_at")
"""What may differ between two data sources that are the same to a person."""


def compare(live: Resources, wanted: Resources) -> Changes:
    """The names of what is new, changed and gone, and the changes of tokens."""
    new_d, changed_d, deleted_d = _names(live.datasources, wanted.datasources, _datasource_facts)
    new_p, changed_p, deleted_p = _names(live.pipes, wanted.pipes, _pipe_facts)
    new_c, changed_c, deleted_c = _names(live.connections, wanted.connections, lambda c: c.settings)
    return Changes(
        new_datasource_names=new_d,
        changed_datasource_names=changed_d,
        deleted_datasource_names=deleted_d,
        new_pipe_names=new_p,
        changed_pipe_names=changed_p,
        deleted_pipe_names=deleted_p,
        new_data_connector_names=new_c,
        changed_data_connector_names=changed_c,
        deleted_data_connector_names=deleted_c,
        token_changes=_token_changes(live, wanted),
    )


def _names(
    live: dict[str, T], wanted: dict[str, T], facts: Callable[[T], object]
) -> tuple[list[str], list[str], list[str]]:
    new = [name for name in wanted if name not in live]
    changed = [
        name
        for name, resource in wanted.items()
        if name in live and live[name] is not resource and facts(live[name]) != facts(resource)
    ]
    deleted = [name for name in live if name not in wanted]
    return new, changed, deleted


def _datasource_facts(datasource: DataSource) -> object:
    facts = msgspec.structs.asdict(datasource)
    return {key: value for key, value in facts.items() if key not in _NOT_FACTS}


def _pipe_facts(pipe: Pipe) -> object:
    nodes = [msgspec.structs.replace(node, id="") for node in pipe.nodes]
    return nodes, pipe.description, pipe.tags, pipe.tokens


def _token_changes(live: Resources, wanted: Resources) -> list[dict[str, object]]:
    before, after = deployed_tokens(live), deployed_tokens(wanted)
    changes: list[dict[str, object]] = []
    for name in sorted({*before, *after}):
        old, new = before.get(name, ()), after.get(name, ())
        added = [_permission(s.type, s.resource) for s in new if s not in old]
        removed = [_permission(s.type, s.resource) for s in old if s not in new]
        if not added and not removed:
            continue
        kind = "new" if name not in before else "deleted" if name not in after else "changed"
        changes.append(
            {
                "token_name": name,
                "change_type": kind,
                "permission_changes": {
                    "added_permissions": added,
                    "removed_permissions": removed,
                },
            }
        )
    return changes


def _permission(type_: str, resource: str) -> dict[str, str]:
    family, _, permission = type_.partition(":")
    kind = "pipe" if family == "PIPES" else "datasource"
    return {"resource_name": resource, "resource_type": kind, "permission": permission}
