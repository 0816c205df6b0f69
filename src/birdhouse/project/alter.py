"""From one definition of a data source to another by ALTER TABLE, where that moves no rows."""

from __future__ import annotations

import re

import msgspec

from birdhouse.engine import quote_name
from birdhouse.project.ddl import column_ddl
from birdhouse.workspace.resources import Column, DataSource

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
)
"""Engine settings that name columns, which then cannot change their type."""
_FOR_LIFE = {"index_granularity", "index_granularity_bytes", "storage_policy"}
"""Settings that a table gets when it is created and keeps."""


class Alteration(msgspec.Struct, frozen=True):
    """What follows ALTER TABLE, one statement each, or the `obstacle`: what they cannot do."""

    clauses: tuple[str, ...] = ()
    obstacle: str = ""


def alteration(live: DataSource, wanted: DataSource) -> Alteration:
    """How the table of `live` becomes one of `wanted`. No clauses: it is one already."""
    changed = {
        key
        for key in {*live.engine, *wanted.engine}
        if _normal(live.engine.get(key)) != _normal(wanted.engine.get(key))
    }
    rigid = sorted(changed - _ALTERABLE)
    if rigid:
        return Alteration(obstacle="changes " + ", ".join(map(_directive, rigid)))
    obstacle = _column_obstacle(live, wanted)
    if obstacle:
        return Alteration(obstacle=obstacle)
    settings = _setting_clauses(live, wanted) if "settings" in changed else []
    if settings is None:
        return Alteration(obstacle="changes ENGINE_SETTINGS that a table keeps for life")
    after = {column.name for column in wanted.columns}
    old_indexes = [text for text in live.indexes if text not in wanted.indexes]
    new_indexes = [text for text in wanted.indexes if text not in live.indexes]
    first = [
        *(f"DROP INDEX {_index_name(text)}" for text in old_indexes),
        *_column_clauses(live, wanted),
        *settings,
    ]
    # By itself, and before columns that it used go: its expression may go on after a comma.
    ttl = [_ttl_clause(wanted)] if "ttl" in changed else []
    last = [
        *(f"DROP COLUMN {quote_name(c.name)}" for c in live.columns if c.name not in after),
        *(f"ADD INDEX {text}" for text in new_indexes),
    ]
    return Alteration(tuple(", ".join(group) for group in (first, ttl, last) if group))


def _directive(key: str) -> str:
    return "ENGINE" if key == "type" else f"ENGINE_{key.upper()}"


def _normal(text: str | None) -> str:
    """An engine setting as far as it means something."""
    text = re.sub(r"\s+", "", text or "")
    return "" if text == "tuple()" else re.sub(r"^\((.*)\)$", r"\1", text)


def _key_columns(datasource: DataSource) -> set[str]:
    text = " ".join(datasource.engine.get(key, "") for key in _KEYS)
    return set(re.findall(r"\w+", text))


def _column_obstacle(live: DataSource, wanted: DataSource) -> str:
    before = {column.name: column for column in live.columns}
    keys = _key_columns(live) | _key_columns(wanted)
    retyped = [
        f"{column.name} from {before[column.name].type} to {column.type}"
        for column in wanted.columns
        if column.name in before
        and column.type != before[column.name].type
        and (column.type != f"Nullable({before[column.name].type})" or column.name in keys)
    ]
    return f"changes {'; '.join(retyped)}" if retyped else ""


def _column_clauses(live: DataSource, wanted: DataSource) -> list[str]:
    before = {column.name: column for column in live.columns}
    after = {column.name for column in wanted.columns}
    staying = [name for name in before if name in after]
    reordered = staying != [column.name for column in wanted.columns if column.name in before]
    clauses = []
    previous = ""
    for column in wanted.columns:
        place = f"AFTER {quote_name(previous)}" if previous else "FIRST"
        previous = column.name
        old = before.get(column.name)
        if old is None:
            clauses.append(f"ADD COLUMN {column_ddl(column)} {place}")
            continue
        clauses += _removals(old, column)
        if reordered:
            clauses.append(f"MODIFY COLUMN {column_ddl(column)} {place}")
        elif _definition(old) != _definition(column):
            clauses.append(f"MODIFY COLUMN {column_ddl(column)}")
    return clauses


def _definition(column: Column) -> tuple[str, str | None, str | None]:
    return column.type, column.default, column.codec


def _removals(old: Column, new: Column) -> list[str]:
    """What MODIFY COLUMN leaves in place unless it is told."""
    name = quote_name(new.name)
    clauses = []
    if old.default is not None and new.default is None:
        clauses.append(f"MODIFY COLUMN {name} REMOVE DEFAULT")
    if old.codec is not None and new.codec is None:
        clauses.append(f"MODIFY COLUMN {name} REMOVE CODEC")
    return clauses


def _ttl_clause(wanted: DataSource) -> str:
    ttl = wanted.engine.get("ttl")
    return f"MODIFY TTL {ttl}" if ttl else "REMOVE TTL"


def _setting_clauses(live: DataSource, wanted: DataSource) -> list[str] | None:
    """None when one of the settings cannot change."""
    old, new = _settings(live), _settings(wanted)
    changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    if _FOR_LIFE.intersection(changed):
        return None
    return [
        f"MODIFY SETTING {name} = {new[name]}" if name in new else f"RESET SETTING {name}"
        for name in changed
    ]


def _settings(datasource: DataSource) -> dict[str, str]:
    text = datasource.engine.get("settings", "")
    pairs = (part.partition("=") for part in text.split(",") if "=" in part)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _index_name(text: str) -> str:
    return quote_name(text.split(" ", 1)[0])
