"""From the text of datafiles to resources.

Everything that one file alone can get wrong is found here; what only the whole project shows is
found in `check`. Errors of all files are gathered before any is reported.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from birdhouse import tinybird
from birdhouse.errors import BirdhouseError, FileError, ProjectError
from birdhouse.project.ddl import engine_ddl
from birdhouse.workspace.resources import (
    Column,
    Connection,
    DataSource,
    Node,
    NodeType,
    Pipe,
    Resources,
    TokenGrant,
)

EXTENSIONS = ("datasource", "pipe", "connection")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NODE_TYPES: dict[str, NodeType] = {
    "": "standard",
    "standard": "standard",
    "default": "standard",
    "endpoint": "endpoint",
    "materialized": "materialized",
    "copy": "copy",
    "sink": "sink",
    "stream": "stream",
}
_NODE_TEXT = {"name", "description", "sql", "type"}


def read_project(
    files: Mapping[str, str], secrets: Mapping[str, str], live: Resources
) -> Resources:
    """The resources that `files` (path → text) describe.

    A resource that `live` knows by the same name keeps its id and its creation time. Raises
    `ProjectError` with every file that cannot be read.
    """
    errors: list[FileError] = []
    datasources: dict[str, DataSource] = {}
    pipes: dict[str, Pipe] = {}
    connections: dict[str, Connection] = {}
    taken: dict[str, str] = {}
    for path, text in sorted(files.items()):
        name, _, kind = PurePosixPath(path).name.rpartition(".")
        try:
            if not _NAME.fullmatch(name):
                raise BirdhouseError(
                    f"Invalid name '{name}': use letters, digits and underscores, "
                    "and begin with a letter or an underscore"
                )
            if kind != "connection" and name in taken:
                raise BirdhouseError(f"The name '{name}' is already used by {taken[name]}")
            parsed = tinybird.read_datafile(path, text, secrets)
            if kind == "datasource":
                datasources[name] = _datasource(path, name, text, parsed, live)
            elif kind == "pipe":
                pipes[name] = _pipe(path, name, text, parsed, live)
            else:
                connections[name] = _connection(path, name, text, parsed, live)
            if kind != "connection":
                taken[name] = path
        except BirdhouseError as error:
            errors.append(FileError(path, str(error)))
    if errors:
        raise ProjectError(errors)
    return Resources(datasources, pipes, connections)


def _tokens(parsed: dict[str, Any]) -> tuple[TokenGrant, ...]:
    return tuple(TokenGrant(name, permission) for name, permission in parsed["tokens"])


def _datasource(
    path: str, name: str, text: str, parsed: dict[str, Any], live: Resources
) -> DataSource:
    (node,) = parsed["nodes"]
    engine = node.get("engine") or {}
    known = live.datasources.get(name)
    id = known.id if known else f"t_{uuid.uuid4().hex}"
    extra = {} if known is None else {"created_at": known.created_at}
    settings = {str(key): str(value) for key, value in engine.get("args", [])}
    settings["type"] = str(engine.get("type") or "MergeTree")
    datasource = DataSource(
        id=id,
        name=name,
        table=known.table if known else id,
        columns=tuple(_column(column) for column in node["columns"]),
        engine=settings,
        indexes=tuple(_index(index) for index in node.get("indexes") or ()),
        description=parsed["description"] or node.get("description", ""),
        tags=tuple(parsed["tags"]),
        tokens=_tokens(parsed),
        shared_with=tuple(parsed["shared_with"]),
        forward_query=node.get("forward_query"),
        backfill_skip=str(node.get("backfill", "")).lower() == "skip",
        path=path,
        text=text,
        **extra,
    )
    engine_ddl(datasource)
    return datasource


def _column(parsed: Mapping[str, Any]) -> Column:
    type_ = parsed["type"]
    if parsed.get("nullable"):
        type_ = f"Nullable({type_})"
    default = parsed.get("default_value")
    codec = parsed.get("codec")
    return Column(
        name=parsed["name"],
        type=type_,
        jsonpath=parsed.get("jsonpath"),
        default=re.sub(r"^DEFAULT\s+", "", default, flags=re.IGNORECASE) if default else None,
        codec=re.sub(r"^CODEC\((.*)\)$", r"\1", codec, flags=re.DOTALL) if codec else None,
    )


def _index(index: Any) -> str:
    return f"{index.name} {index.expr} TYPE {index.type_full} GRANULARITY {index.granularity}"


def _pipe(path: str, name: str, text: str, parsed: dict[str, Any], live: Resources) -> Pipe:
    known = live.pipes.get(name)
    nodes = []
    names = {name}
    for node in parsed["nodes"]:
        if node["name"] in names:
            raise BirdhouseError(
                f"The node name '{node['name']}' is used twice, or is the name of the pipe"
            )
        names.add(node["name"])
        nodes.append(_node(node))
    if not nodes:
        raise BirdhouseError("The pipe has no node")
    extra = {} if known is None else {"created_at": known.created_at}
    return Pipe(
        id=known.id if known else f"t_{uuid.uuid4().hex}",
        name=name,
        nodes=tuple(nodes),
        description=parsed["description"],
        tags=tuple(parsed["tags"]),
        tokens=_tokens(parsed),
        path=path,
        text=text,
        **extra,
    )


def _node(parsed: Mapping[str, Any]) -> Node:
    sql = str(parsed.get("sql") or "").strip()
    if not sql:
        raise BirdhouseError(f"The node '{parsed['name']}' has no SQL")
    if tinybird.is_template(sql):
        tinybird.check_parameter_names(sql)
    return Node(
        id=f"t_{uuid.uuid4().hex}",
        name=parsed["name"],
        sql=sql,
        type=_NODE_TYPES[str(parsed.get("type") or "").lower()],
        description=parsed.get("description") or "",
        params=tinybird.template_parameters(sql),
        dependencies=_dependencies(sql),
        settings={k: str(v) for k, v in parsed.items() if k not in _NODE_TEXT and v is not None},
    )


def _dependencies(sql: str) -> tuple[str, ...]:
    """What the SQL reads, as far as it can be told without real parameters."""
    try:
        if tinybird.is_template(sql):
            sql = tinybird.render(sql, {}, test=True).sql
        found = tinybird.tables(sql)
    except BirdhouseError:
        return ()
    return tuple(dict.fromkeys(name for _, name, function in found if not function))


def _connection(
    path: str, name: str, text: str, parsed: dict[str, Any], live: Resources
) -> Connection:
    known = live.connections.get(name)
    settings = {k: str(v) for node in parsed["nodes"] for k, v in node.items() if v is not None}
    return Connection(
        id=known.id if known else str(uuid.uuid4()),
        name=name,
        service=settings.get("type", "").lower(),
        settings=settings,
        path=path,
        text=text,
    )
