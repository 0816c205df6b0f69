"""Running a plan within limits."""

from __future__ import annotations

import msgspec

from birdhouse.engine import Engine, Result
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


class Answer(msgspec.Struct, frozen=True):
    """A result with the format that its bytes are in."""

    result: Result
    format: Format


def run(
    engine: Engine,
    plan: Plan,
    format: Format,
    limits: Limits,
    output: dict[str, int] | None = None,
    tag: str = "",
) -> Answer:
    """Run a plan and give its answer in `format`.

    Small reads on one thread: rows without an ORDER BY then come in the same order every time.
    `output` are settings of `OUTPUT_SETTINGS` that the request asked for. Raises `EngineError`
    with Tinybird's prefix.
    """
    settings: dict[str, int] = {
        "max_threads": int(plan.hints.get("max_threads", 1)),
        "max_execution_time": limits.seconds,
        "max_result_bytes": limits.result_bytes,
        "max_memory_usage": limits.memory_bytes,
        **_OUTPUT,
        **(output or {}),
    }
    try:
        result = engine.query(plan.sql, format.name, settings=settings, params=plan.params, tag=tag)
    except EngineError as error:
        raise EngineError(f"[Error] {error}", error.code, error.name) from None
    return Answer(result, format)
