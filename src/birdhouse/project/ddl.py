"""The ClickHouse statements behind a data source and a materialized view."""

from __future__ import annotations

from birdhouse import tinybird
from birdhouse.engine import quote_name
from birdhouse.workspace.deployments import View
from birdhouse.workspace.resources import Column, DataSource


def column_ddl(column: Column) -> str:
    """A column as CREATE TABLE wants it."""
    parts = [quote_name(column.name), column.type]
    if column.default is not None:
        parts.append(f"DEFAULT {column.default}")
    if column.codec is not None:
        parts.append(f"CODEC({column.codec})")
    return " ".join(part for part in parts if part)


def engine_ddl(datasource: DataSource) -> str:
    """The engine clause. Raises `BadRequest` when the engine's settings do not fit."""
    settings = {k: v for k, v in datasource.engine.items() if k != "type" and v}
    columns = [column.name for column in datasource.columns]
    return f"ENGINE = {tinybird.engine_clause(datasource.engine['type'], settings, columns)}"


def create_table(database: str, datasource: DataSource) -> str:
    """CREATE TABLE for the rows of a data source."""
    columns = [column_ddl(column) for column in datasource.columns]
    columns += [f"INDEX {index}" for index in datasource.indexes]
    body = ",\n    ".join(columns)
    name = quote_name(database, datasource.table)
    return f"CREATE TABLE {name}\n(\n    {body}\n)\n{engine_ddl(datasource)}"


def create_quarantine(database: str, datasource: DataSource) -> str:
    """CREATE TABLE for the rejected rows of a data source."""
    columns = ", ".join(map(column_ddl, datasource.quarantine_columns))
    return (
        f"CREATE TABLE IF NOT EXISTS {quote_name(database, datasource.quarantine)} ({columns}) "
        "ENGINE = MergeTree ORDER BY insertion_date"
    )


def create_view(database: str, view: View) -> str:
    """CREATE MATERIALIZED VIEW; harmless when it is there already."""
    return (
        f"CREATE MATERIALIZED VIEW IF NOT EXISTS {quote_name(database, view.name)} "
        f"TO {quote_name(database, view.target)} AS {view.select}"
    )


def drop_table(database: str, table: str) -> str:
    """DROP TABLE or VIEW; the files go when its last reader is done."""
    return f"DROP TABLE IF EXISTS {quote_name(database, table)}"
