"""Conditions that clients send to delete or replace rows: one expression over one data source."""

from __future__ import annotations

from birdhouse import tinybird
from birdhouse.engine import Engine
from birdhouse.errors import BadRequest
from birdhouse.query.plan import Plan, Scope, plan_sql


def plan_condition(datasource: str, condition: str, scope: Scope) -> Plan:
    """The count of the rows that meet a condition, which is thereby checked.

    Raises `BadRequest` for what is no single expression over the data source's own columns.
    """
    if not condition.strip():
        raise BadRequest("The condition is empty: name the rows, for example id = 'a'")
    # As an argument it can only be an expression; the line break ends a comment inside it.
    sql = f"SELECT countIf(({condition}\n)) AS rows FROM {datasource}"
    read = {(database, name) for database, name, _ in tinybird.tables(sql)}
    if read != {("", datasource)}:
        raise BadRequest("The condition may read the columns of its own Data Source only")
    return plan_sql(sql, scope)


def count_rows(engine: Engine, plan: Plan) -> int:
    """How many rows meet a planned condition."""
    return int(engine.query(plan.sql, "TSV").text())
