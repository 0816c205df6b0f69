"""What a new set of resources changes, and what that means for each table.

A data source of the new deployment gets its rows in one of these ways:

    KEEP      the live table serves on, as it is
    ALTER     the live table serves on, after ALTER statements that copy nothing
    CREATE    a new, empty table
    FORWARD   a new table, filled from the live one through FORWARD_QUERY
    REBUILD   a new table, filled by the materialized views that write into it
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import TypeVar

import msgspec

from birdhouse.engine import quote_name
from birdhouse.project.ddl import column_ddl
from birdhouse.workspace.deployments import Changes
from birdhouse.workspace.resources import Column, DataSource, Pipe, Resources
from birdhouse.workspace.workspaces import deployed_tokens

T = TypeVar("T")

_ALTERABLE = {"ttl", "settings"}
_KEYS = (
    "sorting_key",
    "partition_key",
    "primary_key",
    "sampling_key",
    "ver",
    "sign",
    "version",
    "is_deleted",
    "columns",
    "ttl",
)
"""Engine settings that name columns, which then cannot change their type or go."""
_NOT_ROWS = ("id", "table", "path", "text", "created_at", "updated_at")


class Way(Enum):
    """How a data source of a new deployment gets its rows."""

    KEEP = auto()
    ALTER = auto()
    CREATE = auto()
    FORWARD = auto()
    REBUILD = auto()


class Step(msgspec.Struct, frozen=True):
    """The way of one data source. `alters` are clauses of ALTER TABLE; `late` ones take something
    away, so they wait for the promotion; `undo` brings the table back when there is none."""

    way: Way
    alters: tuple[str, ...] = ()
    late: tuple[str, ...] = ()
    undo: tuple[str, ...] = ()
    reason: str = ""
    """Why nothing cheaper will do, for a person."""


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
    changed = [n for n in wanted if n in live and facts(live[n]) != facts(wanted[n])]
    deleted = [name for name in live if name not in wanted]
    return new, changed, deleted


def _datasource_facts(datasource: DataSource) -> object:
    facts = msgspec.structs.asdict(datasource)
    return {key: value for key, value in facts.items() if key not in _NOT_ROWS}


def _pipe_facts(pipe: Pipe) -> object:
    nodes = [{**msgspec.structs.asdict(node), "id": ""} for node in pipe.nodes]
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


def step_for(live: DataSource | None, wanted: DataSource) -> Step:
    """The way of a data source by its own definition, views left aside."""
    if live is None:
        return Step(Way.CREATE)
    if wanted.forward_query and wanted.forward_query != live.forward_query:
        return Step(Way.FORWARD)
    changed_keys = sorted(
        key
        for key in {*live.engine, *wanted.engine}
        if _normal(live.engine.get(key)) != _normal(wanted.engine.get(key))
    )
    rigid = [key for key in changed_keys if key not in _ALTERABLE]
    if rigid:
        return _rewrite(wanted, "changes " + ", ".join(f"ENGINE_{k.upper()}" for k in rigid))
    step = _column_alters(live, wanted)
    if step.way in (Way.FORWARD, Way.REBUILD):
        return step
    alters, undo = [*step.alters], [*step.undo]
    if "ttl" in changed_keys:
        alters.append(_ttl(wanted))
        undo.append(_ttl(live))
    if "settings" in changed_keys:
        setting = _settings_alter(live, wanted)
        if setting is None:
            return _rewrite(wanted, "changes ENGINE_SETTINGS that a table keeps for life")
        alters += setting[0]
        undo += setting[1]
    early, late = _index_alters(live, wanted)
    alters += early
    undo += [_drop_index(text) for text in wanted.indexes if text not in live.indexes]
    late = [*step.late, *late]
    if alters or late:
        return Step(Way.ALTER, tuple(alters), tuple(late), tuple(undo))
    return Step(Way.KEEP)


def _rewrite(wanted: DataSource, reason: str) -> Step:
    return Step(Way.FORWARD if wanted.forward_query else Way.REBUILD, reason=reason)


def _normal(text: str | None) -> str:
    return re.sub(r"\s+", "", text or "").strip("()")


def _key_columns(datasource: DataSource) -> set[str]:
    text = " ".join(datasource.engine.get(key, "") for key in _KEYS)
    return set(re.findall(r"\w+", text))


def _column_alters(live: DataSource, wanted: DataSource) -> Step:
    before = {column.name: column for column in live.columns}
    after = {column.name: column for column in wanted.columns}
    keys = _key_columns(live) | _key_columns(wanted)
    alters: list[str] = []
    undo: list[str] = []
    incompatible: list[str] = []
    previous: str | None = None
    for column in wanted.columns:
        old = before.get(column.name)
        place = f"AFTER {quote_name(previous)}" if previous else "FIRST"
        previous = column.name
        if old is None:
            alters.append(f"ADD COLUMN IF NOT EXISTS {column_ddl(column)} {place}")
            undo.append(f"DROP COLUMN IF EXISTS {quote_name(column.name)}")
        elif old.type != column.type:
            widened = column.type == f"Nullable({old.type})" and column.name not in keys
            if not widened:
                incompatible.append(f"{column.name} from {old.type} to {column.type}")
            alters.append(f"MODIFY COLUMN {column_ddl(column)}")
        elif (old.default, old.codec) != (column.default, column.codec):
            alters += _modify(old, column)
            undo += _modify(column, old)
    if incompatible:
        return _rewrite(wanted, f"changes {'; '.join(incompatible)}")
    gone = [name for name in before if name not in after]
    if any(name in keys for name in gone):
        return _rewrite(wanted, f"drops {', '.join(n for n in gone if n in keys)}, used in a key")
    late = tuple(f"DROP COLUMN IF EXISTS {quote_name(name)}" for name in gone)
    return Step(Way.ALTER, tuple(alters), late, tuple(undo))


def _modify(old: Column, new: Column) -> list[str]:
    name = quote_name(new.name)
    clauses = []
    if old.default is not None and new.default is None:
        clauses.append(f"MODIFY COLUMN {name} REMOVE DEFAULT")
    if old.codec is not None and new.codec is None:
        clauses.append(f"MODIFY COLUMN {name} REMOVE CODEC")
    if new.default is not None or new.codec is not None:
        clauses.append(f"MODIFY COLUMN {column_ddl(new)}")
    return clauses


def _ttl(datasource: DataSource) -> str:
    ttl = datasource.engine.get("ttl")
    return f"MODIFY TTL {ttl}" if ttl else "REMOVE TTL"


_FIXED_SETTINGS = ("index_granularity", "index_granularity_bytes", "storage_policy")


def _settings_alter(live: DataSource, wanted: DataSource) -> tuple[list[str], list[str]] | None:
    old, new = _settings(live), _settings(wanted)
    changed = {name for name in {*old, *new} if old.get(name) != new.get(name)}
    if changed & set(_FIXED_SETTINGS):
        return None
    return [_set(name, new) for name in sorted(changed)], [_set(n, old) for n in sorted(changed)]


def _set(name: str, values: dict[str, str]) -> str:
    return f"MODIFY SETTING {name} = {values[name]}" if name in values else f"RESET SETTING {name}"


def _settings(datasource: DataSource) -> dict[str, str]:
    text = datasource.engine.get("settings", "")
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _index_alters(live: DataSource, wanted: DataSource) -> tuple[list[str], list[str]]:
    added = [text for text in wanted.indexes if text not in live.indexes]
    removed = [text for text in live.indexes if text not in wanted.indexes]
    names = {text.split(" ")[0] for text in removed} & {text.split(" ")[0] for text in added}
    early = [_drop_index(text) for text in removed if text.split(" ")[0] in names]
    early += [f"ADD INDEX IF NOT EXISTS {text}" for text in added]
    early += [f"MATERIALIZE INDEX {quote_name(text.split(' ')[0])}" for text in added]
    late = [_drop_index(text) for text in removed if text.split(" ")[0] not in names]
    return early, late


def _drop_index(text: str) -> str:
    return f"DROP INDEX IF EXISTS {quote_name(text.split(' ')[0])}"


def views_into(resources: Resources, target: str) -> list[Pipe]:
    """The materialized views that write into a data source."""
    return [
        pipe
        for pipe in resources.pipes.values()
        if pipe.view is not None and pipe.view.settings.get("datasource") == target
    ]


def all_views(resources: Resources) -> Iterable[Pipe]:
    return (pipe for pipe in resources.pipes.values() if pipe.view is not None)
