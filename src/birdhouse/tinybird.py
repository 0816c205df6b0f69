"""The one door to Tinybird's own packages: datafile parsers, template engine, SQL toolset.

Their internals may change with any release, so nothing else imports them. What they raise leaves
here as `BadRequest` or `CustomError`, what they return as plain dicts and strings.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from chtoolset import query as toolset
from tinybird.ch_utils.engine import engine_full_from_dict
from tinybird.datafile.common import Datafile, DatafileSyntaxError
from tinybird.datafile.parse_connection import parse_connection
from tinybird.datafile.parse_datasource import parse_datasource
from tinybird.datafile.parse_pipe import parse_pipe
from tinybird.service_datasources import (
    get_organization_service_datasources,
    get_tinybird_service_datasources,
)
from tinybird.sql_template import (
    Expression,
    SQLTemplateCustomError,
    SQLTemplateException,
    Symbol,
    column,
    expression_wrapper,
    get_template_and_variables,
    get_var_names_and_types_cached,
    render_sql_template,
    type_fns,
)
from tinybird.tornado_template import ParseError, UnClosedIfError

from birdhouse.errors import BadRequest, BirdhouseError, CustomError

_parsing = threading.Lock()
"""`parse_pipe` tries to import a module late, and fails otherwise in the second of two threads."""

Table = tuple[str, str]
"""A table as SQL names it: database (or '') and name."""


class Rendered(NamedTuple):
    """A template's SQL, and what else it asked for."""

    sql: str
    hints: dict[str, Any]
    """How to execute it: `max_threads`, `cache_ttl`, ..."""
    secrets: frozenset[str]
    """The secrets that it used through `tb_secret`."""


# --- datafiles ---------------------------------------------------------------------------------


_PARSERS: dict[str, Callable[..., Any]] = {
    "datasource": parse_datasource,
    "pipe": parse_pipe,
    "connection": parse_connection,
}


_PARSER_NOISE = re.compile(r"\x1b\[\d*m|error parsing \S+: | \+ SQL\([a-z ]+\): .*", re.DOTALL)
"""What the parsers wrap around their reason: colours, the file's name, the whole SQL."""


def read_datafile(path: str, text: str, secrets: Mapping[str, str]) -> dict[str, Any]:
    """Parse a `.datasource`, `.pipe` or `.connection` file.

    Returns a dict with `kind`, `nodes`, `tokens`, `description`, `shared_with`, `tags` and
    `warnings`. Environment variables are left as written: they belong to the sender's machine.
    Raises `BadRequest` with the parser's reason, line and context.
    """
    kind = path.rpartition(".")[2]
    try:
        with _parsing:
            parsed = _PARSERS[kind](path, content=text, skip_eval=True, secrets=dict(secrets))
        datafile: Datafile = parsed.datafile
        datafile.validate()
    except DatafileSyntaxError as error:
        raise BadRequest(f"Line {error.lineno}: {error}") from None
    except Exception as error:  # the parsers raise bare Exception and click's classes alike
        raise BadRequest(_PARSER_NOISE.sub("", str(error))) from None
    return {
        "kind": kind,
        "nodes": datafile.nodes,
        "tokens": [(t["token_name"], t["permission"]) for t in datafile.tokens],
        "description": datafile.description or "",
        "shared_with": list(datafile.shared_with or ()),
        "tags": list(datafile.filtering_tags or ()),
        "warnings": [str(w) for w in parsed.warnings],
    }


def engine_clause(type_: str, args: Mapping[str, str], columns: Iterable[str]) -> str:
    """What follows `ENGINE =` in CREATE TABLE.

    Join, Set and Memory, which the package does not know, are taken as written. Raises
    `BadRequest` for an engine that does not exist or does not fit its arguments and columns.
    """
    if type_.lower().startswith(("join", "set", "memory")):
        return type_
    try:
        known = [{"name": name} for name in columns]
        clause: str = engine_full_from_dict(type_, dict(args), columns=known)
    except ValueError as error:
        raise BadRequest(str(error)) from None
    return _SEVERAL_SUMS.sub(r"\1((\2))", clause)


_SEVERAL_SUMS = re.compile(r"^(SummingMergeTree)\(([^()]+,[^()]+)\)")
"""Several columns to sum are one argument to ClickHouse, and several as the package writes them."""


# --- templates ---------------------------------------------------------------------------------


def is_template(sql: str) -> bool:
    """SQL is a template when its first character is `%`."""
    return sql.lstrip().startswith("%")


def _template_body(sql: str) -> str:
    return sql.lstrip()[1:]


def _template_error(error: Exception) -> BirdhouseError:
    if isinstance(error, SQLTemplateCustomError):
        return CustomError(error.err, int(error.code))
    if isinstance(error, ParseError | UnClosedIfError | SyntaxError):
        return BadRequest(f"Template Syntax Error: {error}")
    return BadRequest(str(error))


_SECRET = re.compile(r"\{(.+): String\}", re.DOTALL)
_TABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)?")
PLACEHOLDER_TABLE = "placeholder"
"""What `table(x)` names while no request has said which table it is."""
PLACEHOLDER_NAMES = ("`placeholder`", "__no_value__")
"""What `symbol(x)` and `column(x)` name then: no error about them tells anything."""
_INTERNAL = {*type_fns, "tb_secrets", "tb_secret_dont_raise", "expression_wrapper", "xhtml_escape"}
"""Names by which the template engine talks to itself: a request must not set them."""


def render(
    sql: str,
    variables: Mapping[str, Any],
    secrets: Mapping[str, str] | None = None,
    *,
    test: bool = False,
) -> Rendered:
    """Render a template (`sql` with its `%`) with request parameters.

    `secrets` maps the names that `tb_secret` may use to those of the query parameters that stand
    for them. `test` fills in placeholders for absent parameters and secrets, as a build does to
    check the SQL.
    """
    names = secrets or {}
    local = {
        **_given(sql, variables),
        "expression_wrapper": _printer(names, test=test),
        "columns": _columns,
        "table": _table,
        "TABLE": _table,
    }
    try:
        text, results, _ = render_sql_template(
            _template_body(sql), None, list(names), test, local_variables=local
        )
    except RecursionError:
        raise BadRequest("Template Syntax Error: the template is nested too deeply") from None
    except Exception as error:  # a template is a program: anything may come out of it
        raise _template_error(error) from None
    return Rendered(text, dict(results), frozenset(results.ch_params))


def _given(sql: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that a template may see. Those that it uses as arrays are lists.

    The package makes such lists itself, but reads its own escapes as Python's and spoils texts.
    """
    given = {
        name: value
        for name, value in variables.items()
        if name not in _INTERNAL and not name.startswith(("_tt_", "__"))
    }
    for parameter in template_parameters(sql):
        value, match = given.get(parameter["name"]), _ARRAY.fullmatch(parameter.get("type") or "")
        if match and isinstance(value, str):
            given[parameter["name"]] = _items(value, match[1])
    return given


_ARRAY = re.compile(r"Array\((\w+)\)")


def _items(text: str, type_: str) -> list[Any] | str:
    """The items between the commas; the text itself when they are not of the type."""
    items = text.split(",")
    kind = float if "Float" in type_ else int if "Int" in type_ else str
    try:
        return [kind(item) for item in items]
    except ValueError:
        return text


def _printer(secrets: Mapping[str, str], *, test: bool) -> Callable[..., Any]:
    """What every `{{ }}` goes through: it prints values so that they stay values.

    The package's own prints lists and objects as Python does and leaves comments open, by which
    a parameter could become SQL.
    """

    def printed(value: Any, name: str, escape_arrays: bool = False) -> Any:
        if isinstance(value, list | tuple | set | dict):
            return _literal(value)
        if isinstance(value, Expression) and value.startswith("-- "):
            return f"-- {' '.join(value[3:].split())}\n"
        if isinstance(value, Symbol) and (match := _SECRET.fullmatch(str(value))):
            return "''" if test else f"{{{secrets[match[1]]}: String}}"
        text = expression_wrapper(value, name)
        return _ESCAPE.sub(_unescape, text) if isinstance(text, str) and "\\z" in text else text

    return printed


_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def _unescape(escape: re.Match[str]) -> str:
    """The package writes the character 26 as MySQL does, which ClickHouse would not read back."""
    return "\x1a" if escape[1] == "z" else escape[0]


def _literal(value: Any) -> str:
    """A list or an object as ClickHouse writes it."""
    if isinstance(value, dict):
        pairs = (f"{_literal(str(key))}, {_literal(item)}" for key, item in value.items())
        return f"map({', '.join(pairs)})"
    if isinstance(value, list | tuple | set):
        return f"[{', '.join(map(_literal, value))}]"
    if value is None:
        return "NULL"
    return str(expression_wrapper(value, ""))


def _table(name: Any, quote: str = "`") -> Symbol:
    """`table(x)`: the name of one table, which no value can turn into more."""
    text = str(name) if isinstance(name, str) else PLACEHOLDER_TABLE
    if not _TABLE.fullmatch(text):
        raise SQLTemplateException(f"Error validating '{text}' to a table name")
    return Symbol(text)


def _columns(names: Any, default: str | None = None, fn: str | None = None) -> Expression:
    """`columns(x, fn=)`: a list of columns; the names that `fn` gives its results are quoted."""
    listed = names if isinstance(names, str) else default
    if listed is None:
        raise SQLTemplateException(
            "Missing columns() default value, use `columns(column_names, 'default_column_name')`"
        )
    quoted = [str(column(name.strip(), name.strip())) for name in listed.split(",")]
    if fn is None:
        return Expression(",".join(quoted))
    if not fn.isidentifier():
        raise SQLTemplateException(f"'{fn}' is not a valid function")
    return Expression(",".join(f"{fn}({name}) as {name}" for name in quoted))


@lru_cache(maxsize=2048)
def template_parameters(sql: str) -> tuple[dict[str, Any], ...]:
    """The parameters of a template: name, type, default, description, required, ...

    Raises `BadRequest` for one without a valid name, and for `q` and `format`.
    """
    if not is_template(sql):
        return ()
    try:
        # Called as the package does when it renders, it finds in its caches what it has parsed.
        template, _, _ = get_template_and_variables(_template_body(sql), None, escape_arrays=False)
        found = get_var_names_and_types_cached(template)
    except Exception as error:  # as in render
        raise _template_error(error) from None
    for name in (parameter["name"] for parameter in found):
        if not isinstance(name, str) or not name:
            raise BadRequest(f'"{name}" can not be used as a variable name')
    return tuple(found)


# --- service data sources ------------------------------------------------------------------------


@lru_cache(maxsize=1)
def service_columns() -> dict[str, tuple[tuple[str, str], ...]]:
    """The columns (name, type) of every service data source, by its full name."""
    found = [*get_tinybird_service_datasources(), *get_organization_service_datasources()]
    return {
        source["name"]: tuple((column["name"], column["type"]) for column in source["columns"])
        for source in found
    }


# --- SQL ---------------------------------------------------------------------------------------


_CONTACT = ". Contact support@tinybird.co if you require access to this feature"


def _toolset_error(error: ValueError) -> BadRequest:
    text = str(error).removeprefix("DB::Exception: ").removesuffix(_CONTACT)
    return BadRequest(f"[Error] {text}")


def tables(sql: str, allowed: frozenset[str] = frozenset()) -> tuple[tuple[str, str, str], ...]:
    """What a SELECT reads: (database, table, table function), each '' where it does not apply.

    `allowed` are functions that Tinybird forbids elsewhere. Raises `BadRequest` for what is not one
    reading statement, and for the other functions and the settings that Tinybird forbids.
    """
    return _short_tables(sql, allowed) if len(sql) <= _SHORT else _tables(sql, allowed)


def _tables(sql: str, allowed: frozenset[str]) -> tuple[tuple[str, str, str], ...]:
    try:
        return tuple(toolset.tables(sql, function_allow_list=list(allowed)))
    except ValueError as error:
        raise _toolset_error(error) from None


_SHORT = 10_000
"""Characters of the statements whose parsing is remembered: most nodes come again as they were."""
_short_tables = lru_cache(maxsize=1024)(_tables)


def left_table(sql: str) -> Table:
    """The leftmost table that a SELECT reads: the one whose inserts feed a view of it.

    Two empty names when it reads none.
    """
    try:
        found = toolset.get_left_table(sql)
    except ValueError as error:
        raise _toolset_error(error) from None
    return (found[0], found[1]) if found else ("", "")


def replace_tables(sql: str, replacements: Mapping[Table, Table]) -> str:
    """`sql` with its tables replaced: by another table, or by `('', '(SELECT ...)')`."""
    found = tuple(replacements.items())
    return _short_replaced(sql, found) if len(sql) <= _SHORT else _replaced(sql, found)


def _replaced(sql: str, replacements: tuple[tuple[Table, Table], ...]) -> str:
    try:
        replaced: str = toolset.replace_tables(sql, dict(replacements))
    except ValueError as error:
        raise _toolset_error(error) from None
    return replaced


_short_replaced = lru_cache(maxsize=1024)(_replaced)


def format_sql(sql: str) -> str:
    """The statement laid out as ClickHouse does."""
    try:
        text: str = toolset.format(sql)
    except ValueError as error:
        raise _toolset_error(error) from None
    return text
