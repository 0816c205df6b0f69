"""SQL out: template → resolve names → screen → run → write the format."""

from __future__ import annotations

from birdhouse.query.cache import Plans
from birdhouse.query.conditions import check_expression, count_rows, plan_condition
from birdhouse.query.formats import Format, format_named
from birdhouse.query.plan import Plan, Scope, plan_pipe, plan_sql
from birdhouse.query.run import Answer, Limits, run

__all__ = [
    "Answer",
    "Format",
    "Limits",
    "Plan",
    "Plans",
    "Scope",
    "check_expression",
    "count_rows",
    "format_named",
    "plan_condition",
    "plan_pipe",
    "plan_sql",
    "run",
]
