"""What only the whole project shows: whether its SQL runs, and its parts fit together."""

from __future__ import annotations

from collections.abc import Callable

from croniter import croniter

from birdhouse import tinybird
from birdhouse.errors import BadRequest, BirdhouseError, CustomError, EngineError, FileError
from birdhouse.workspace.resources import DataSource, Node, Pipe, Resources

Describe = Callable[[Resources, Pipe, Node], list[tuple[str, str]]]
"""The columns (name, type) that a node gives; raises what planning or the engine raises."""

_STRUCTURAL = {
    46,  # UNKNOWN_FUNCTION
    47,  # UNKNOWN_IDENTIFIER
    60,  # UNKNOWN_TABLE
    62,  # SYNTAX_ERROR
    81,  # UNKNOWN_DATABASE
}
"""Errors that no parameter value can heal; a template's placeholders may provoke any other."""


def check_resources(resources: Resources, describe: Describe) -> list[FileError]:
    """Every fault of the pipes and their targets, each with its file."""
    errors: list[FileError] = []
    nodes: dict[str, str] = {}
    for pipe in resources.pipes.values():
        for node in pipe.nodes:
            if node.name in resources.datasources or node.name in resources.pipes:
                text = f"The node '{node.name}' has the name of another resource"
                errors.append(FileError(pipe.path, text))
            nodes[node.name] = pipe.name
            errors += [
                FileError(pipe.path, text) for text in _node(resources, pipe, node, describe)
            ]
    return errors


def _node(resources: Resources, pipe: Pipe, node: Node, describe: Describe) -> list[str]:
    where = f"Node '{node.name}': "
    try:
        columns = describe(resources, pipe, node)
    except CustomError:
        return []
    except EngineError as error:
        if tinybird.is_template(node.sql) and error.code not in _STRUCTURAL:
            return []
        return [f"{where}{error}"]
    except BirdhouseError as error:
        if tinybird.is_template(node.sql) and not _is_final(error):
            return []
        return [f"{where}{error}"]
    if node.type == "materialized":
        return [where + text for text in _target(resources, node, columns, "datasource")]
    if node.type == "copy":
        return [where + text for text in _copy(resources, node, columns)]
    return []


def _is_final(error: BirdhouseError) -> bool:
    """Whether the error is one of the SQL, not one that the template raised over a placeholder."""
    text = str(error)
    return isinstance(error, BadRequest) and (
        text.startswith(("Resource '", "[Error]", "The query uses disabled", "The pipe '"))
        or "is not a valid function" in text
        or "Invalid function name" in text
    )


def _target(
    resources: Resources, node: Node, columns: list[tuple[str, str]], setting: str
) -> list[str]:
    name = node.settings.get(setting, "")
    target = resources.datasources.get(name)
    if target is None:
        return [f"Resource '{name}' not found: it is where the node writes"]
    return _fit(target, columns)


def _fit(target: DataSource, columns: list[tuple[str, str]]) -> list[str]:
    """What keeps these columns from being written into the target."""
    wanted = {column.name: column for column in target.columns}
    given = dict(columns)
    extra = [f"`{name}` {type_}" for name, type_ in columns if name not in wanted]
    missing = [
        f"`{column.name}` {column.type}"
        for column in target.columns
        if column.name not in given and column.default is None
    ]
    clashes = [
        f"`{name}` {given[name]} instead of {column.type}"
        for name, column in wanted.items()
        if name in given
        and "AggregateFunction" in column.type + given[name]
        and _state(given[name]) != _state(column.type)
    ]
    if not (extra or missing or clashes):
        return []
    parts = [
        f"{label}: {', '.join(found)}"
        for label, found in (
            ("not in the Data Source", extra),
            ("missing in the query", missing),
            ("of another type", clashes),
        )
        if found
    ]
    return [f"The columns don't match the Data Source '{target.name}': {'; '.join(parts)}"]


def _state(type_: str) -> str:
    """An aggregate state's type, as far as it decides whether states can be merged."""
    if type_.startswith("SimpleAggregateFunction("):
        type_ = type_[:-1].partition(",")[2]
    return type_.replace(" ", "").replace("LowCardinality(String)", "String")


def _copy(resources: Resources, node: Node, columns: list[tuple[str, str]]) -> list[str]:
    schedule = node.settings.get("copy_schedule", "@on-demand")
    if schedule != "@on-demand" and not croniter.is_valid(schedule):
        return ["COPY node schedule must be @on-demand or a valid cron expression."]
    return _target(resources, node, columns, "target_datasource")
