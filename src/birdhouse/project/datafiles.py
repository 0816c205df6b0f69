"""From the text of datafiles to resources.

Everything that one file alone can get wrong is found here; what only the whole project shows is
found in `check`. Errors of all files are gathered before any is reported.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from functools import lru_cache
from inspect import cleandoc
from pathlib import PurePosixPath
from typing import Any

import msgspec

from birdhouse import screen, tinybird
from birdhouse.errors import BirdhouseError, FileError, ProjectError
from birdhouse.project.ddl import create_table
from birdhouse.project.folder import EXTENSIONS
from birdhouse.project.report import Feedback, feedback
from birdhouse.workspace.resources import (
    Column,
    Connection,
    DataSource,
    Node,
    NodeType,
    Pipe,
    Resources,
    TokenGrant,
    utc_now,
)

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
_SHORT = ("partition_key", "sorting_key", "primary_key", "sampling_key", "ttl")
"""Directives that may also be written with ENGINE_ before them."""
_CONNECTOR = ("kafka_", "import_", "pg_")
"""What the directives begin with that name where rows come from."""


class Parsed(msgspec.Struct, frozen=True):
    """A datafile read: its resource, and what the parser warns of."""

    resource: DataSource | Pipe | Connection
    warnings: tuple[str, ...]


def read_project(
    files: Mapping[str, str], secrets: Mapping[str, str], live: Resources
) -> tuple[Resources, list[Feedback]]:
    """The resources that `files` (path → text) describe, and the parsers' warnings.

    A resource that `live` knows by the same name keeps its id, its table and its times; one that
    has not changed at all is the same object. Raises `ProjectError` with every file that cannot
    be read.
    """
    errors: list[FileError] = []
    told: list[Feedback] = []
    datasources: dict[str, DataSource] = {}
    pipes: dict[str, Pipe] = {}
    connections: dict[str, Connection] = {}
    taken: dict[str, str] = {}
    for path, text in sorted(files.items()):
        try:
            name = _resource_name(path)
            used = tuple((key, value) for key, value in secrets.items() if key in text)
            parsed = _read(path, text, used)
            resource = parsed.resource
            if not isinstance(resource, Connection):
                if name in taken:
                    raise BirdhouseError(f"The name '{name}' is already used by {taken[name]}")
                taken[name] = path
        except BirdhouseError as error:
            errors.append(FileError(path, str(error)))
            continue
        told += [feedback(name, "WARNING", text) for text in parsed.warnings]
        if isinstance(resource, DataSource):
            datasources[name] = _settle_datasource(resource, live.datasources.get(name))
        elif isinstance(resource, Pipe):
            pipes[name] = _settle_pipe(resource, live.pipes.get(name))
        else:
            connections[name] = _settle_connection(resource, live.connections.get(name))
    if errors:
        raise ProjectError(errors)
    return Resources(datasources, pipes, connections), told


def _resource_name(path: str) -> str:
    name, _, kind = PurePosixPath(path).name.rpartition(".")
    if kind not in EXTENSIONS:
        known = ", ".join(f".{extension}" for extension in EXTENSIONS)
        raise BirdhouseError(f"The file is none of {known}")
    word = name.replace("-", "_") if kind == "connection" else name  # SQL never names it
    if not _NAME.fullmatch(word):
        raise BirdhouseError(
            f"Invalid name '{name}': use letters, digits and underscores, "
            "and begin with a letter or an underscore"
        )
    return name


@lru_cache(maxsize=4096)
def _read(path: str, text: str, secrets: tuple[tuple[str, str], ...]) -> Parsed:
    """One file by itself. Projects are built again and again with few files changed: a file that
    was read once is not read again."""
    name, _, kind = PurePosixPath(path).name.rpartition(".")
    parsed = tinybird.read_datafile(path, text, dict(secrets))
    resource: DataSource | Pipe | Connection
    if kind == "datasource":
        resource = _datasource(path, name, text, parsed)
    elif kind == "pipe":
        resource = _pipe(path, name, text, parsed)
    else:
        resource = _connection(path, name, text, parsed)
    return Parsed(resource, tuple(parsed["warnings"]))


def _settle_datasource(fresh: DataSource, known: DataSource | None) -> DataSource:
    now = utc_now()
    if known is None:
        id = _new_id()
        return msgspec.structs.replace(fresh, id=id, table=id, created_at=now, updated_at=now)
    same = msgspec.structs.replace(
        fresh,
        id=known.id,
        table=known.table,
        fed_by=known.fed_by,
        created_at=known.created_at,
        updated_at=known.updated_at,
    )
    return known if same == known else msgspec.structs.replace(same, updated_at=now)


def _settle_pipe(fresh: Pipe, known: Pipe | None) -> Pipe:
    now = utc_now()
    ids = {node.name: node.id for node in known.nodes} if known else {}
    nodes = tuple(
        msgspec.structs.replace(node, id=ids.get(node.name) or _new_id()) for node in fresh.nodes
    )
    same = msgspec.structs.replace(
        fresh,
        id=known.id if known else _new_id(),
        nodes=nodes,
        created_at=known.created_at if known else now,
        updated_at=known.updated_at if known else now,
    )
    if known is None or same == known:
        return known or same
    return msgspec.structs.replace(same, updated_at=now)


def _settle_connection(fresh: Connection, known: Connection | None) -> Connection:
    return msgspec.structs.replace(fresh, id=known.id if known else str(uuid.uuid4()))


def _new_id() -> str:
    return f"t_{uuid.uuid4().hex}"


def _tokens(parsed: dict[str, Any]) -> tuple[TokenGrant, ...]:
    return tuple(TokenGrant(name, permission) for name, permission in parsed["tokens"])


def _datasource(path: str, name: str, text: str, parsed: dict[str, Any]) -> DataSource:
    (node,) = parsed["nodes"]
    engine = node.get("engine") or {}
    settings = {key: str(node[key]) for key in _SHORT if key in node}
    settings |= {str(key): str(value) for key, value in engine.get("args", [])}
    settings["type"] = str(engine.get("type") or "MergeTree")
    datasource = DataSource(
        id="",
        name=name,
        table="",
        columns=tuple(_column(column) for column in node["columns"]),
        engine=settings,
        indexes=tuple(_index(index) for index in node.get("indexes") or ()),
        description=cleandoc(parsed["description"] or node.get("description", "")),
        tags=tuple(parsed["tags"]),
        tokens=_tokens(parsed),
        shared_with=tuple(parsed["shared_with"]),
        forward_query=node.get("forward_query"),
        backfill_skip=str(node.get("backfill", "")).lower() == "skip",
        connector={k: str(v) for k, v in node.items() if k.startswith(_CONNECTOR)},
        path=path,
        text=text,
    )
    screen.check_definition(create_table("", datasource))
    if datasource.forward_query:
        screen.check_rewrite(datasource.forward_query, name)
    return datasource


def _column(parsed: Mapping[str, Any]) -> Column:
    name = re.sub(r"^'(.+)'$", r"\1", parsed["name"])  # quotes that the parser leaves in place
    type_ = parsed["type"]
    if not type_:
        raise BirdhouseError(f"The column '{name}' has a DEFAULT and no type: add one")
    if parsed.get("nullable"):
        type_ = f"Nullable({type_})"
    default = parsed.get("default_value")
    codec = parsed.get("codec")
    return Column(
        name=name,
        type=type_,
        jsonpath=parsed.get("jsonpath"),
        default=re.sub(r"^DEFAULT\s+", "", default, flags=re.IGNORECASE) if default else None,
        codec=re.sub(r"^CODEC\((.*)\)$", r"\1", codec, flags=re.DOTALL) if codec else None,
    )


def _index(index: Any) -> str:
    return f"{index.name} {index.expr} TYPE {index.type_full} GRANULARITY {index.granularity}"


def _pipe(path: str, name: str, text: str, parsed: dict[str, Any]) -> Pipe:
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
    return Pipe(
        id="",
        name=name,
        nodes=tuple(nodes),
        description=cleandoc(parsed["description"]),
        tags=tuple(parsed["tags"]),
        tokens=_tokens(parsed),
        path=path,
        text=text,
    )


def _node(parsed: Mapping[str, Any]) -> Node:
    sql = str(parsed.get("sql") or "").strip()
    if not sql:
        raise BirdhouseError(f"The node '{parsed['name']}' has no SQL")
    return Node(
        id="",
        name=parsed["name"],
        sql=sql,
        type=_NODE_TYPES[str(parsed.get("type") or "").lower()],
        description=cleandoc(parsed.get("description") or ""),
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


def _connection(path: str, name: str, text: str, parsed: dict[str, Any]) -> Connection:
    settings = {k: str(v) for node in parsed["nodes"] for k, v in node.items() if v is not None}
    service = settings.get("type", "").lower()
    return Connection(id="", name=name, service=service, settings=settings, path=path, text=text)
