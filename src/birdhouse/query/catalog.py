"""`system` and `information_schema` as a workspace sees them: stand-ins for a few of their tables.

Clients read them when they connect. They show the workspace's data sources under their own names,
in a database that has the workspace's name, and no other table of the engine.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from birdhouse.engine import quote_text
from birdhouse.workspace.resources import DataSource

DATABASES = ("system", "information_schema")

_EMPTY = "''"
_NO_LIST = "CAST([], 'Array(String)')"
_HIDDEN = {
    "data_paths": _NO_LIST,
    "metadata_path": _EMPTY,
    "create_table_query": _EMPTY,
    "as_select": _EMPTY,
    "dependencies_database": _NO_LIST,
    "dependencies_table": _NO_LIST,
    "loading_dependencies_database": _NO_LIST,
    "loading_dependencies_table": _NO_LIST,
    "loading_dependent_database": _NO_LIST,
    "loading_dependent_table": _NO_LIST,
}
OPEN = ("one", "numbers", "numbers_mt", "functions")
"""Tables that tell nothing of the server or of its data."""


def select(
    database: str, name: str, workspace: str, own_database: str, visible: Iterable[DataSource]
) -> str | None:
    """The SELECT that stands for `database`.`name`; None for a table that nobody sees.

    `workspace` is the name to show for `own_database`, `visible` are the data sources to show.
    """
    names = {datasource.table: datasource.name for datasource in visible}
    shown = _Names(workspace, own_database, names)
    if database == "system":
        return _system(name, shown)
    return _information_schema(name.lower(), shown)


class _Names:
    """How a workspace's database and tables are called by those who use it."""

    def __init__(self, workspace: str, database: str, tables: Mapping[str, str]) -> None:
        self.workspace = quote_text(workspace)
        self.database = quote_text(database)
        self.tables = ", ".join(map(quote_text, tables)) or _EMPTY
        self._names = ", ".join(map(quote_text, tables.values())) or _EMPTY

    def table(self, column: str) -> str:
        return f"transform({column}, [{self.tables}], [{self._names}], '')"


def _replaced(table: str, values: Mapping[str, str], where: str) -> str:
    listed = ", ".join(f"{value} AS {column}" for column, value in values.items())
    return f"SELECT * REPLACE ({listed}) FROM (SELECT * FROM {table} WHERE {where})"


def _system(name: str, shown: _Names) -> str | None:
    own = f"database = {shown.database}"
    if name == "settings":
        return "SELECT * FROM system.settings WHERE name != 'log_comment'"
    if name == "databases":
        hidden = {"name": shown.workspace, "data_path": _EMPTY, "metadata_path": _EMPTY}
        return _replaced("system.databases", hidden, f"name = {shown.database}")
    if name == "tables":
        values = {"database": shown.workspace, "name": shown.table("name"), **_HIDDEN}
        return _replaced("system.tables", values, f"{own} AND name IN ({shown.tables})")
    if name == "columns":
        values = {"database": shown.workspace, "table": shown.table("table")}
        return _replaced("system.columns", values, f"{own} AND table IN ({shown.tables})")
    return None


def _information_schema(name: str, shown: _Names) -> str | None:
    if name == "schemata":
        columns = ("catalog_name", "schema_name")
        values = dict.fromkeys(_both_cases(columns), shown.workspace)
        return _replaced(f"information_schema.{name}", values, f"schema_name = {shown.database}")
    if name in ("tables", "columns"):
        values = dict.fromkeys(_both_cases(("table_catalog", "table_schema")), shown.workspace)
        values |= {column: shown.table(column) for column in _both_cases(("table_name",))}
        where = f"table_schema = {shown.database} AND table_name IN ({shown.tables})"
        return _replaced(f"information_schema.{name}", values, where)
    return None


def _both_cases(names: Iterable[str]) -> list[str]:
    """The standard's columns, which ClickHouse has in small and in capital letters."""
    return [spelled for name in names for spelled in (name, name.upper())]
