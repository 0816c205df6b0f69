"""What only the whole project shows: whether its SQL runs, and its parts fit together.

The checks run on the new tables, which are still empty; nothing of the live deployment is touched.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

from croniter import croniter

from birdhouse import tinybird
from birdhouse.engine import for_people, quote_name, quote_text
from birdhouse.errors import (
    BadRequest,
    BirdhouseError,
    CustomError,
    EngineError,
    FileError,
    ReadsElsewhere,
)
from birdhouse.project.describe import Columns
from birdhouse.project.migration import Forward, Migration
from birdhouse.project.report import Feedback, feedback, place
from birdhouse.workspace.resources import DataSource, Node, Pipe, Resources

PlanNode = Callable[[Resources, Pipe, Node], str]
"""The SELECT of a node, with placeholders for its parameters."""
Describe = Callable[[str], Columns]
"""The columns that a SELECT gives; raises what the engine raises."""

_AT_ONCE = 4
"""Outputs of pipes that the engine looks at side by side."""

_STRUCTURAL = {
    42,  # NUMBER_OF_ARGUMENTS_DOESNT_MATCH
    46,  # UNKNOWN_FUNCTION
    47,  # UNKNOWN_IDENTIFIER
    60,  # UNKNOWN_TABLE
    62,  # SYNTAX_ERROR
    63,  # UNKNOWN_AGGREGATE_FUNCTION
    81,  # UNKNOWN_DATABASE
    179,  # MULTIPLE_EXPRESSIONS_FOR_ALIAS
    184,  # ILLEGAL_AGGREGATION
    207,  # AMBIGUOUS_IDENTIFIER
    215,  # NOT_AN_AGGREGATE
}
"""Errors of the SQL itself, as long as they are not about a placeholder."""

_STATE = "AggregateFunction("
_WRAPPER = re.compile(r"(?:LowCardinality|Nullable)\((.*)\)$")
_ZONE = re.compile(r"(DateTime)\('[^']*'\)|(DateTime64\(\d+),'[^']*'\)")


class Checker:
    """One check of a migration's resources: `errors` and `told` are what it finds."""

    def __init__(self, migration: Migration, plan: PlanNode, describe: Describe) -> None:
        self._migration = migration
        self._resources = migration.resources
        self._plan = plan
        self._describe = describe
        found = migration.resources.datasources.values()
        self._names = {f"{migration.database}.{d.table}": d.name for d in found}
        self.errors: list[FileError] = []
        self.told: list[Feedback] = []

    def run(self) -> None:
        for forward in self._migration.forwards:
            self._forward(forward)
        for datasource in self._resources.datasources.values():
            self._connections(datasource.path, datasource.connector)
            if datasource.connector:
                text = "Connectors do not run here: rows come by the Events API and by imports"
                self.told.append(feedback(datasource.name, "WARNING", text))
        pipes = self._resources.pipes.values()
        with ThreadPoolExecutor(_AT_ONCE, "check") as threads:
            outputs = threads.map(lambda pipe: self._columns(pipe, pipe.output), pipes)
            for pipe, columns in zip(pipes, outputs, strict=True):
                self._pipe(pipe, columns)

    # data sources

    def _forward(self, forward: Forward) -> None:
        datasource = forward.datasource
        try:
            given = self._describe(forward.select)
            wanted = {column.name: column.type for column in datasource.columns}
            given_names = {name for name, _ in given}
            if given_names == wanted.keys():
                casts = (
                    f"CAST({quote_name(name)}, {quote_text(type_)})"
                    for name, type_ in wanted.items()
                )
                self._describe(f"SELECT {', '.join(casts)} FROM ({forward.select})")
                return
            text = "FORWARD_QUERY columns don't match datasource schema. " + _differences(
                given_names, set(wanted), "in the query", "in the schema"
            )
        except EngineError as error:
            text = f"FORWARD_QUERY: {self._reason(error)}"
        self.errors.append(FileError(datasource.path, text))

    def _connections(self, path: str, settings: dict[str, str]) -> None:
        for key, name in settings.items():
            if key.endswith("connection_name") and name not in self._resources.connections:
                text = f"Connection '{name}' not found: {key.upper()} names it"
                self.errors.append(FileError(path, text))

    # pipes

    def _pipe(self, pipe: Pipe, columns: Columns | BirdhouseError | None) -> None:
        """Check a pipe whose output gives these columns."""
        for node in pipe.nodes:
            if node.name in self._resources.datasources or node.name in self._resources.pipes:
                self._fail(pipe, node, "It has the name of another resource")
        if isinstance(columns, list):
            unread = [node for node in pipe.nodes if node.name not in _read_by(pipe, pipe.output)]
        else:
            unread = [node for node in pipe.nodes if node is not pipe.output]
        for node in unread:
            found = self._columns(pipe, node)
            if isinstance(found, BirdhouseError):
                self._fail(pipe, node, self._reason(found))
                return
        if isinstance(columns, BirdhouseError):
            self._fail(pipe, pipe.output, self._reason(columns))
        elif columns is not None:
            self._output(pipe, pipe.output, columns)

    def _output(self, pipe: Pipe, node: Node, columns: Columns) -> None:
        if node.type == "materialized":
            self._target(pipe, node, "datasource", columns)
        elif node.type == "copy":
            schedule = node.settings.get("copy_schedule", "@on-demand")
            if schedule != "@on-demand" and not croniter.is_valid(schedule):
                text = "COPY node schedule must be @on-demand or a valid cron expression"
                self._fail(pipe, node, text)
            self._target(pipe, node, "target_datasource", columns)
        elif node.type == "sink":
            self._connections(pipe.path, node.settings)
            if node.settings.get("export_schedule", "@on-demand") != "@on-demand":
                text = "Its schedule does not run here: run it with tb sink run"
                self.told.append(feedback(pipe.name, "WARNING", text))

    def _columns(self, pipe: Pipe, node: Node) -> Columns | BirdhouseError | None:
        """What a node gives; None when only real parameters could tell."""
        view = self._migration.views.get(pipe.name) if node.type == "materialized" else None
        try:
            return self._describe(view.select if view else self._plan(self._resources, pipe, node))
        except CustomError:
            return None
        except ReadsElsewhere as error:
            said = feedback(pipe.name, "WARNING", str(error))
            if said not in self.told:
                self.told.append(said)
            return None
        except EngineError as error:
            templates = any(tinybird.is_template(other.sql) for other in pipe.nodes)
            return None if templates and not _is_structural(error) else error
        except BirdhouseError as error:
            return None if tinybird.is_template(node.sql) and not _is_final(error) else error

    def _reason(self, error: BirdhouseError) -> str:
        return for_people(str(error), self._names)

    def _fail(self, pipe: Pipe, node: Node, text: str) -> None:
        self.errors.append(FileError(pipe.path, f"{place(pipe, node)}: {text}"))

    # where pipes write

    def _target(self, pipe: Pipe, node: Node, setting: str, columns: Columns) -> None:
        name = node.settings.get(setting, "")
        target = self._resources.datasources.get(name)
        if target is None:
            self._fail(pipe, node, f"Resource '{name}' not found: it is where the node writes")
            return
        given = dict(columns)
        wanted = {column.name for column in target.columns}
        needed = {column.name for column in target.columns if column.default is None}
        if given.keys() - wanted or needed - given.keys():
            kind = "Materialized view" if node.type == "materialized" else "Copy"
            text = f"{kind} target data source columns do not match the query columns. "
            inside = f"in the Data Source '{name}'"
            self._fail(pipe, node, text + _differences(set(given), needed, "in the query", inside))
            return
        self._types(pipe, node, target, given)

    def _types(self, pipe: Pipe, node: Node, target: DataSource, given: dict[str, str]) -> None:
        wanted = {column.name: column.type for column in target.columns if column.name in given}
        clashes = [name for name in wanted if _core(given[name]) != _core(wanted[name])]
        states = [name for name in clashes if _STATE in given[name] or _STATE in wanted[name]]
        misfits = [
            f"`{name}` is {given[name]} and not {wanted[name]}"
            for name in states
            if not (_STATE in given[name] and _STATE in wanted[name])
            or self._misfit(given[name], wanted[name]) is not None
        ]
        if misfits:
            text = f"The states do not fit the Data Source '{target.name}': {'; '.join(misfits)}"
            self._fail(pipe, node, text)
            return
        for name in clashes:
            if name in states:
                continue
            error = self._misfit(given[name], wanted[name])
            if error is not None:
                text = f"`{name}` of the Data Source '{target.name}': {self._reason(error)}"
                self._fail(pipe, node, text)
                continue
            text = (
                f"`{name}` is {given[name]} in the query and {wanted[name]} in '{target.name}': "
                "every value is converted, and one that cannot be fails"
            )
            self.told.append(feedback(pipe.name, "WARNING", text))

    def _misfit(self, given: str, wanted: str) -> EngineError | None:
        """Why values of one type cannot become those of another; the engine knows."""
        value = f"materialize(defaultValueOfTypeName({quote_text(given)}))"
        try:
            self._describe(f"SELECT CAST({value}, {quote_text(wanted)})")
        except EngineError as error:
            return error
        return None


def _is_structural(error: EngineError) -> bool:
    """Whether no parameter value can heal it; placeholders may provoke any other error."""
    about_placeholders = any(name in str(error) for name in tinybird.PLACEHOLDER_NAMES)
    return error.code in _STRUCTURAL and not about_placeholders


def _is_final(error: BirdhouseError) -> bool:
    """Whether the error is one of the SQL, not one that the template raised over a placeholder."""
    text = str(error)
    return isinstance(error, BadRequest) and (
        text.startswith(("Resource '", "[Error]", "The query uses disabled", "The pipe '"))
        or "is not a valid function" in text
        or "Invalid function name" in text
    )


def _read_by(pipe: Pipe, node: Node) -> set[str]:
    """The nodes of the pipe that a node reads, itself among them."""
    nodes = {other.name: other for other in pipe.nodes}
    seen: set[str] = set()
    pending = [node.name]
    while pending:
        name = pending.pop()
        if name in nodes and name not in seen:
            seen.add(name)
            pending += nodes[name].dependencies
    return seen


def _differences(left: set[str], right: set[str], left_name: str, right_name: str) -> str:
    def parts() -> Iterator[str]:
        for names, label in ((left - right, left_name), (right - left, right_name)):
            if names:
                yield f"Only {label}: {', '.join(f'`{name}`' for name in sorted(names))}"

    return "; ".join(parts())


def _core(type_: str) -> str:
    """A type as far as it decides which values fit in."""
    text = type_.replace(" ", "")
    if text.startswith("SimpleAggregateFunction("):
        text = text[:-1].partition(",")[2]
    text = _ZONE.sub(lambda match: match[1] or f"{match[2]})", text)
    while match := _WRAPPER.match(text):
        text = match[1]
    return text.replace("LowCardinality(String)", "String")
