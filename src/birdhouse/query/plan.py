"""From a pipe or a statement to the one SELECT that the engine runs.

Names are resolved the way Tinybird does it: nodes and pipes become subqueries, data sources
become their tables, service data sources and `system` become what this workspace may see of them.
What is left over is no table of this workspace, and is refused. The engine gets what the SQL
toolset prints of it, never the text that was sent.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from birdhouse import screen, tinybird
from birdhouse.errors import BadRequest, Forbidden
from birdhouse.query import catalog, service
from birdhouse.query.parameters import as_text
from birdhouse.workspace.jobs import Job
from birdhouse.workspace.resources import DataSource, Node, Pipe, Resources
from birdhouse.workspace.tokens import Access
from birdhouse.workspace.workspaces import Workspace

SQL_LIMIT = 250_000
"""Characters of SQL that a plan may grow to: pipes over pipes multiply. ClickHouse reads no more
than 262144 bytes."""
BARRIER = "LIMIT 9223372036854775807"
"""Ends a subquery whose rows are not the caller's alone to see: ClickHouse moves conditions down
into a subquery, where those of the caller would meet rows that its own have not left out yet, and
tell of them in their errors. Past a LIMIT it moves none."""


_STAND_IN = f"subquery_{secrets.token_hex(16)}_"
"""Begins what a subquery selects that stands for another one while the SQL around it is printed,
so that what is printed already is not read again on every level. Nobody can guess it."""
_STAND_INS = re.compile(rf"\(\s*SELECT {_STAND_IN}(\d+)\s*\)")


class Plan(msgspec.Struct, frozen=True):
    """A statement ready for the engine."""

    sql: str
    hints: dict[str, Any]
    """What the templates asked for: `max_threads`, `cache_ttl`, `activate`, ..."""
    params: dict[str, str]
    """ClickHouse query parameters: the secrets in use."""
    tables: frozenset[tinybird.Table] = frozenset()
    """What it reads: databases and tables of the engine."""
    names: dict[str, str] = {}
    """The names that its author knows, by that of the table: errors speak of them."""
    reads_service: bool = False
    """It reads service data sources: what is to be seen there has to be written first."""
    lasting: bool = True
    """The same request gives the same plan again."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """What a statement is planned in."""

    resources: Resources
    database: str
    workspace: str
    """The workspace's name, by which SQL may qualify its own tables."""
    workspace_id: str = ""
    variables: Mapping[str, Any] = {}
    secrets: Mapping[str, str] = {}
    jobs: Mapping[str, Job] = {}
    shared: Callable[[str, str], tuple[str, DataSource] | None] = lambda owner, name: None
    """The database and the data source that a workspace of that name shares with this one."""
    access: Access | None = None
    """Whose reading rights apply to the tables that the statement itself names; None: all."""
    test: bool = False
    """Render templates with placeholders, as a build does."""

    @classmethod
    def of(
        cls, workspace: Workspace, variables: Mapping[str, Any], access: Access | None = None
    ) -> Scope:
        """What a workspace serves now."""
        return cls(
            resources=workspace.resources,
            database=workspace.database,
            workspace=workspace.name,
            workspace_id=workspace.id,
            variables=variables,
            secrets=workspace.secret_values(),
            jobs=workspace.jobs,
            shared=workspace.shared,
            access=access,
        )


def plan_pipe(pipe: Pipe, scope: Scope, node: Node | None = None) -> Plan:
    """Plan a pipe's output node, or another node of it.

    Parameters that the access fixes for the pipe hold, whatever the request says.
    """
    planner = _Planner(scope)
    sql = planner.node(pipe, node or pipe.output, planner.variables_of(pipe))
    return planner.finish(sql)


def plan_sql(sql: str, scope: Scope, pipe: Pipe | None = None) -> Plan:
    """Plan a statement of a client. With `pipe`, `_` is its output, and to those who may read the
    whole workspace its nodes are tables.

    Raises `Forbidden` when the access does not cover a table that the statement names.
    """
    planner = _Planner(scope)
    nodes = {}
    if pipe is not None:
        if planner.reads_all:
            nodes = {n.name: (pipe, n) for n in pipe.nodes}
        nodes["_"] = (pipe, pipe.output)
    explain, text = _split_explain(sql)
    if explain and not planner.reads_all:
        raise Forbidden("EXPLAIN shows the SQL of pipes: it needs a token that may read them all")
    if tinybird.is_template(text) and not (scope.access is None or scope.access.is_admin):
        raise Forbidden("A template is a program: to send one of your own takes an ADMIN token")
    rendered = planner.render(text, scope.variables)
    return planner.finish(planner.resolve(rendered, nodes, scope.access, scope.variables), explain)


_EXPLAIN = re.compile(
    r"\s*EXPLAIN(?:\s+(?:AST|SYNTAX|QUERY\s+TREE|PLAN|PIPELINE|ESTIMATE)\b)?"
    r"(?:\s+[a-z_]+\s*=\s*[01]\s*,?)*\s+(?=[(%A-Za-z])",
    re.IGNORECASE,
)


def _split_explain(sql: str) -> tuple[str, str]:
    """The EXPLAIN in front of a statement, '' when there is none, and the statement."""
    match = _EXPLAIN.match(sql)
    return (match[0].strip(), sql[match.end() :]) if match else ("", sql)


class _Planner:
    """One planning: it collects what the SQL needs, and knows which nodes it is inside of."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._hints: dict[str, Any] = {}
        self._path: list[tuple[str, str]] = []
        self._resolved: dict[tuple[str, str, int], str] = {}
        self._subqueries: list[str] = []
        self._fixed: dict[str, Mapping[str, Any]] = {}
        nonce = secrets.token_hex(8)
        # No SQL but that of a template can name a secret's parameter: nobody can guess it.
        self._parameters = {name: f"secret_{nonce}_{i}" for i, name in enumerate(scope.secrets)}
        self._secrets: set[str] = set()
        self._names: dict[str, str] = {}
        self._tables: set[tinybird.Table] = set()
        self._reads_service = False
        self._lasting = True

    @property
    def reads_all(self) -> bool:
        access = self._scope.access
        return access is None or access.reads_all

    def finish(self, sql: str, explain: str = "") -> Plan:
        """The plan, once its whole text has been looked at again."""
        for table in screen.printed_tables(sql):
            if table not in self._tables:
                raise BadRequest(f"Resource '{'.'.join(filter(None, table))}' not found")
        params = {self._parameters[name]: self._scope.secrets[name] for name in self._secrets}
        text = f"{explain} {sql}" if explain else sql
        lasting = self._lasting and not self._reads_service
        return Plan(
            sql=text,
            hints=self._hints,
            params=params,
            tables=frozenset(self._tables),
            names=self._names,
            reads_service=self._reads_service,
            lasting=lasting,
        )

    def variables_of(self, pipe: Pipe) -> Mapping[str, Any]:
        """The parameters for a pipe that the caller names: the request's, below the fixed ones."""
        access = self._scope.access
        if pipe.name not in self._fixed:
            fixed = access.fixed_params(pipe.name, pipe.id) if access else {}
            texts = {name: as_text(value) for name, value in fixed.items()}
            self._fixed[pipe.name] = {**self._scope.variables, **texts}
        return self._fixed[pipe.name]

    def render(self, sql: str, variables: Mapping[str, Any]) -> str:
        if not tinybird.is_template(sql):
            return sql
        rendered = tinybird.render(sql, variables, self._parameters, test=self._scope.test)
        self._hints.update(rendered.hints)
        self._lasting = self._lasting and "job_timestamp" not in sql
        self._secrets |= rendered.secrets
        return rendered.sql

    def node(self, pipe: Pipe, node: Node, variables: Mapping[str, Any]) -> str:
        """The SQL of a node with everything that it reads inside."""
        place, key = (pipe.name, node.name), (pipe.name, node.name, id(variables))
        if place in self._path:
            circle = [*self._path[self._path.index(place) :], place]
            names = " → ".join(name for _, name in circle)
            raise BadRequest(f"The pipe '{pipe.name}' reads itself: {names}")
        if key not in self._resolved:
            self._path.append(place)
            others = {n.name: (pipe, n) for n in pipe.nodes if n is not node}
            copies = pipe.output.type == "copy"
            text = self.render(node.sql, variables)
            self._resolved[key] = self.resolve(text, others, None, variables, copies=copies)
            self._path.pop()
        return self._resolved[key]

    def resolve(
        self,
        sql: str,
        nodes: Mapping[str, tuple[Pipe, Node]],
        access: Access | None,
        variables: Mapping[str, Any],
        *,
        copies: bool = False,
    ) -> str:
        """The SQL with its tables replaced, as the toolset prints it.

        With `access` it is the caller's own, and names what the caller may read.
        """
        replacements: dict[tinybird.Table, tinybird.Table] = {}
        for database, name in screen.tables(sql, copy=copies):
            if database in ("", self._scope.workspace) and name in nodes:
                pipe, node = nodes[name]
                inside = variables if access is None else self.variables_of(pipe)
                replacements[database, name] = self._subquery(self.node(pipe, node, inside), access)
            else:
                replacements[database, name] = self._table(database, name, access, variables)
        printed = _STAND_INS.sub(
            lambda found: self._subqueries[int(found[1])],
            tinybird.replace_tables(sql, replacements),
        )
        if len(printed) > SQL_LIMIT:
            raise BadRequest(
                f"The query is longer than {SQL_LIMIT} characters with all that it reads"
            )
        return printed

    def _subquery(self, sql: str, access: Access | None) -> tinybird.Table:
        """A subquery in the place of a table, closed when the caller may not see all below it."""
        whole = access is None or access.reads_all
        self._subqueries.append(f"({sql})" if whole else f"(SELECT * FROM ({sql}) {BARRIER})")
        return "", f"(SELECT {_STAND_IN}{len(self._subqueries) - 1})"

    def _table(
        self, database: str, name: str, access: Access | None, variables: Mapping[str, Any]
    ) -> tinybird.Table:
        scope = self._scope
        if database in ("", scope.workspace):
            resources = scope.resources
            if name in resources.datasources:
                return self._datasource(resources.datasources[name], access)
            owner = resources.datasources.get(name.removesuffix("_quarantine"))
            if owner is not None:
                _require(_reads_unfiltered(access, owner), name)
                return self._real(owner.quarantine, name)
            if name in resources.pipes:
                pipe = resources.pipes[name]
                _require(access is None or access.may_read_pipe(pipe.name, pipe.id), name)
                inside = variables if access is None else self.variables_of(pipe)
                return self._subquery(self.node(pipe, pipe.output, inside), access)
        shared = scope.shared(database, name)
        if shared is not None:
            owner_database, owned = shared
            readable = access is None or access.may_read_datasource(f"{database}.{name}", owned.id)
            _require(readable, f"{database}.{name}")
            self._lasting = False  # its owner may give it another table
            self._tables.add((owner_database, owned.table))
            return owner_database, owned.table
        if database in service.DATABASES:
            sql = service.select(
                database, name, scope.workspace_id, self._visible(access), scope.jobs
            )
            if sql is not None:
                _require(service.may_read(database, access), f"{database}.{name}")
                self._reads_service = True
                return self._stand_in(sql)
        if database == "system" and name in catalog.OPEN:
            self._tables.add((database, name))
            return database, name
        if database.lower() in catalog.DATABASES:
            sql = catalog.select(
                database.lower(), name, scope.workspace, scope.database, self._visible(access)
            )
            if sql is not None:
                return self._stand_in(sql)
        if scope.test and (database, name) == ("", tinybird.PLACEHOLDER_TABLE):
            raise BadRequest("Which table it is, only a request tells")
        raise BadRequest(f"Resource '{f'{database}.{name}' if database else name}' not found")

    def _visible(self, access: Access | None) -> list[DataSource]:
        """The data sources that the caller may read."""
        found = self._scope.resources.datasources.values()
        return [d for d in found if _reads_unfiltered(access, d)]

    def _real(self, table: str, name: str) -> tinybird.Table:
        self._names[f"{self._scope.database}.{table}"] = name
        self._tables.add((self._scope.database, table))
        return self._scope.database, table

    def _stand_in(self, sql: str) -> tinybird.Table:
        self._tables.update(screen.tables(sql))
        return self._subquery(sql, None)

    def _datasource(self, datasource: DataSource, access: Access | None) -> tinybird.Table:
        table = self._real(datasource.table, datasource.name)
        if access is None:
            return table
        _require(access.may_read_datasource(datasource.name, datasource.id), datasource.name)
        condition = access.datasource_filter(datasource.name, datasource.id)
        if not condition:
            return table
        others = self._scope.resources.datasources
        kept = screen.condition(condition, own=others.keys())
        rows = self.resolve(f"SELECT * FROM {datasource.name} WHERE {kept}", {}, None, {})
        return self._subquery(rows, access)


def _reads_unfiltered(access: Access | None, datasource: DataSource) -> bool:
    if access is None:
        return True
    name, id = datasource.name, datasource.id
    return access.may_read_datasource(name, id) and not access.datasource_filter(name, id)


def _require(allowed: bool, name: str) -> None:
    if not allowed:
        raise Forbidden(f"Not enough permissions for resource '{name}'")
