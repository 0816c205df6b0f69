"""Conditions that clients send to delete or replace rows: one expression over one data source."""

from __future__ import annotations

from birdhouse import screen
from birdhouse.engine import Engine
from birdhouse.query.plan import Plan, Scope, plan_sql


def check_expression(datasource: str, expression: str, scope: Scope) -> str:
    """An expression as it may run over a data source. Raises `BadRequest` as `plan_condition`."""
    checked = screen.condition(expression)
    plan_sql(f"SELECT {checked} FROM {datasource}", scope)
    return checked


def plan_condition(datasource: str, condition: str, scope: Scope) -> Plan:
    """The count of the rows that meet a condition, which is thereby checked.

    Raises `BadRequest` for what is no single expression over the data source's own columns.
    """
    checked = screen.condition(condition)
    sql = f"SELECT count() AS rows FROM {datasource} WHERE {checked}"
    return plan_sql(sql, scope)


def count_rows(engine: Engine, plan: Plan) -> int:
    """How many rows meet a planned condition."""
    return int(engine.query(plan.sql, "TSV").text())
