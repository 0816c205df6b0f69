"""Running a plan within limits."""

from __future__ import annotations

import os
from collections.abc import Mapping

import msgspec

from birdhouse.engine import Engine, Result, for_people
from birdhouse.errors import EngineError
from birdhouse.query.formats import Format
from birdhouse.query.plan import Plan


class Limits(msgspec.Struct, frozen=True):
    """What one query may use; Tinybird's own defaults."""

    seconds: int = 10
    result_bytes: int = 100_000_000
    memory_bytes: int = 4_000_000_000


_OUTPUT = {
    "output_format_json_quote_64bit_integers": 0,
    "output_format_json_quote_denormals": 0,
    "output_format_parquet_string_as_string": 1,
}
"""How Tinybird prints values; requests may set these, and nothing else."""

OUTPUT_SETTINGS = frozenset(_OUTPUT)

_ALWAYS = {
    "implicit_select": 0,
    "allow_introspection_functions": 0,
}

_ROW_ORDER = {
    "enable_packed_string_keys_in_aggregation": 0,
    "enable_group_by_top_k_optimization": 0,
    "optimize_trivial_group_by_limit_query": 0,
    "query_plan_join_swap_table": 0,
    "query_plan_optimize_join_order_limit": 0,
}
"""Rows come in the order of Tinybird's ClickHouse, which is older than the engine here: groups by
the hash of their key, the rows of a join as those of its left side.

What a query says nothing about (rows that an ORDER BY leaves equal, which groups a LIMIT keeps)
stands in the expected results of projects' tests, as their service gave it.
"""


class Answer(msgspec.Struct, frozen=True):
    """A result with the format that its bytes are in."""

    result: Result
    format: Format


def run(
    engine: Engine,
    plan: Plan,
    format: Format,
    limits: Limits,
    output: Mapping[str, int] | None = None,
    tag: str = "",
) -> Answer:
    """Run a plan and give its answer in `format`.

    `output` are settings of `OUTPUT_SETTINGS` that the request asked for. Raises `EngineError` with
    Tinybird's prefix.
    """
    settings: dict[str, int] = {
        "max_threads": _threads(engine, plan),
        "max_execution_time": limits.seconds,
        "max_result_bytes": limits.result_bytes,
        "max_memory_usage": limits.memory_bytes,
        **_ALWAYS,
        **_ROW_ORDER,
        **_OUTPUT,
        **(output or {}),
    }
    try:
        result = engine.query(plan.sql, format.name, settings=settings, params=plan.params, tag=tag)
    except EngineError as error:
        text = for_people(str(error), plan.names)
        raise EngineError(f"[Error] {text}", error.code, error.name) from None
    if len(result.data) > limits.result_bytes:  # ClickHouse counts a constant column once
        text = f"[Error] The result is larger than {limits.result_bytes} bytes"
        raise EngineError(f"{text}. (TOO_MANY_ROWS_OR_BYTES)", 396, "TOO_MANY_ROWS_OR_BYTES")
    return Answer(result, format)


def _threads(engine: Engine, plan: Plan) -> int:
    """As many as the plan asks for, else, when a table is large, a fair share of the cores.

    On one thread, rows without an ORDER BY, and those that an ORDER BY leaves equal, come in the
    same order every time.
    """
    cores = os.cpu_count() or 1
    if "max_threads" in plan.hints:
        return min(max(int(plan.hints["max_threads"]), 1), cores)
    return max(1, cores // (engine.under_way + 1)) if engine.any_large(plan.tables) else 1
