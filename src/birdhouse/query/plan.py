"""From a pipe or a statement to the one SELECT that the engine runs.

Names are resolved the way Tinybird does it: nodes and pipes become subqueries, data sources
become their tables. What is left over is no table of this workspace, and is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from birdhouse import tinybird
from birdhouse.errors import BadRequest, Forbidden
from birdhouse.workspace.resources import DataSource, Node, Pipe, Resources
from birdhouse.workspace.tokens import Access

TABLE_FUNCTIONS = {"generaterandom", "null", "numbers", "numbers_mt", "values", "zeros", "zeros_mt"}
"""Table functions that every query may use."""
COPY_TABLE_FUNCTIONS = {
    "azureblobstorage",
    "deltalake",
    "gcs",
    "iceberg",
    "mongodb",
    "mysql",
    "postgresql",
    "s3",
    "url",
}
"""Table functions that Tinybird keeps for copy pipes."""
_SYSTEM_TABLES = {"one", "numbers", "numbers_mt", "functions"}


class Plan(msgspec.Struct, frozen=True):
    """A statement ready for the engine."""

    sql: str
    hints: dict[str, Any]
    """What the templates asked for: `max_threads`, `cache_ttl`, `activate`, ..."""
    params: dict[str, str]
    """ClickHouse query parameters: the secrets in use."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a statement is planned in."""

    resources: Resources
    database: str
    workspace: str
    """The workspace's name, by which SQL may qualify its own tables."""
    variables: Mapping[str, Any] = {}
    secrets: Mapping[str, str] = {}
    access: Access | None = None
    """Whose reading rights apply to the tables that the statement itself names; None: all."""
    test: bool = False
    """Render templates with placeholders, as a build does."""


def plan_pipe(pipe: Pipe, scope: Scope, node: Node | None = None) -> Plan:
    """Plan a pipe's output node, or another node of it."""
    planner = _Planner(scope)
    sql = planner.node(pipe, node or pipe.output)
    return planner.finish(sql)


def plan_sql(sql: str, scope: Scope, pipe: Pipe | None = None) -> Plan:
    """Plan a statement of a client. With `pipe`, its nodes are tables and `_` is its output.

    Raises `Forbidden` when the access does not cover a table that the statement names.
    """
    planner = _Planner(scope)
    text = planner.render(sql)
    nodes = {} if pipe is None else {n.name: (pipe, n) for n in pipe.nodes}
    if pipe is not None:
        nodes["_"] = (pipe, pipe.output)
    return planner.finish(planner.resolve(text, nodes, scope.access))


class _Planner:
    """One planning: it collects hints and secrets, and knows which nodes it is inside of."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._hints: dict[str, Any] = {}
        self._path: list[tuple[str, str]] = []
        self._resolved: dict[tuple[str, str], str] = {}

    def finish(self, sql: str) -> Plan:
        if ":identifier}" in sql.lower():  # it would name a table after all names were resolved
            raise BadRequest("Query parameters of the type Identifier are not allowed")
        used = {n: v for n, v in self._scope.secrets.items() if f"{{{n}:" in sql}
        return Plan(sql, self._hints, used)

    def render(self, sql: str) -> str:
        if not tinybird.is_template(sql):
            return sql
        scope = self._scope
        rendered = tinybird.render(sql, scope.variables, scope.secrets, test=scope.test)
        self._hints.update(rendered.hints)
        return rendered.sql

    def node(self, pipe: Pipe, node: Node) -> str:
        """The SQL of a node with everything that it reads inside."""
        key = (pipe.name, node.name)
        if key in self._path:
            circle = " → ".join(name for _, name in [*self._path[self._path.index(key) :], key])
            raise BadRequest(f"The pipe '{pipe.name}' reads itself: {circle}")
        if key not in self._resolved:
            self._path.append(key)
            others = {n.name: (pipe, n) for n in pipe.nodes if n is not node}
            self._resolved[key] = self.resolve(self.render(node.sql), others, None)
            self._path.pop()
        return self._resolved[key]

    def resolve(
        self, sql: str, nodes: Mapping[str, tuple[Pipe, Node]], access: Access | None
    ) -> str:
        replacements: dict[tinybird.Table, tinybird.Table] = {}
        for database, name, function in tinybird.tables(sql):
            if function:
                self._check_function(function)
            elif database in ("", self._scope.workspace) and name in nodes:
                replacements[database, name] = ("", f"({self.node(*nodes[name])})")
            else:
                replacements[database, name] = self._table(database, name, access)
        return tinybird.replace_tables(sql, replacements)

    def _check_function(self, function: str) -> None:
        lower = function.lower()
        if lower in COPY_TABLE_FUNCTIONS:
            raise BadRequest(f"The {function} table function is only allowed in Copy Pipes")
        if lower not in TABLE_FUNCTIONS:
            raise BadRequest(f"The query uses disabled table functions: '{function}'")

    def _table(self, database: str, name: str, access: Access | None) -> tinybird.Table:
        if database == "system" and name in _SYSTEM_TABLES:
            return database, name
        if database in ("", self._scope.workspace):
            resources = self._scope.resources
            if name in resources.datasources:
                return self._datasource(resources.datasources[name], access)
            owner = resources.datasources.get(name.removesuffix("_quarantine"))
            if owner is not None:
                _require(access is None or access.may_read_datasource(owner.name, owner.id), name)
                return self._scope.database, owner.quarantine
            if name in resources.pipes:
                pipe = resources.pipes[name]
                _require(access is None or access.may_read_pipe(pipe.name, pipe.id), name)
                return "", f"({self.node(pipe, pipe.output)})"
        raise BadRequest(f"Resource '{f'{database}.{name}' if database else name}' not found")

    def _datasource(self, datasource: DataSource, access: Access | None) -> tinybird.Table:
        table = (self._scope.database, datasource.table)
        if access is None:
            return table
        _require(access.may_read_datasource(datasource.name, datasource.id), datasource.name)
        condition = access.datasource_filter(datasource.name, datasource.id)
        if not condition:
            return table
        rows = tinybird.replace_tables(
            f"SELECT * FROM source WHERE {condition}", {("", "source"): table}
        )
        return "", f"({rows})"


def _require(allowed: bool, name: str) -> None:
    if not allowed:
        raise Forbidden(f"Not enough permissions for resource '{name}'")
