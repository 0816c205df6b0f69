"""The project's SQL keeps to what ClickHouse had in the release that Tinybird runs on."""

from __future__ import annotations

import re
from pathlib import Path

from tests.contract.api import Api

PROJECT = Path(__file__).resolve().parents[2]
NEWEST = (25, 3)
COMBINATORS = re.compile(
    r"(SimpleState|State|Merge|If|Array|Map|ForEach|OrNull|OrDefault|Distinct)$"
)
CALL = re.compile(r"\b([A-Za-z_]\w*)\(")
TEMPLATE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
WORDS = {"and", "or", "in", "not", "by", "on", "as", "from", "where", "then", "else", "when", "if"}
TYPES = {"AggregateFunction", "SimpleAggregateFunction", "LowCardinality", "Array", "ZSTD", "CODEC"}
TYPES |= {"bloom_filter", "Delta", "Tuple", "Nullable", "DateTime64", "INDEXES", "Int32", "UInt8"}


def sql_of_the_project() -> str:
    """Everything that the engine gets to see of the datafiles, without what people read."""
    parts = []
    for path in sorted(PROJECT.glob("*/*.pipe")) + sorted(PROJECT.glob("*/*.datasource")):
        text = re.sub(r"^DESCRIPTION >\n(    .*\n|\n)+", "", path.read_text(), flags=re.MULTILINE)
        parts.append(re.sub(r"'[^'\n]*'", "''", TEMPLATE.sub(" ", text)))
    return "\n".join(parts)


def known_functions(api: Api) -> dict[str, tuple[int, int]]:
    """Each function of the engine, and the release that introduced it; (0, 0): long ago."""
    sql = "select name, introduced_in, case_insensitive from system.functions format JSON"
    rows = api.get("/v0/sql", q=sql).json()["data"]
    found = {}
    for row in rows:
        numbers = re.findall(r"\d+", row["introduced_in"])
        release = (int(numbers[0]), int(numbers[1])) if len(numbers) > 1 else (0, 0)
        found[row["name"]] = release
        if row["case_insensitive"]:
            found[row["name"].lower()] = release
    return found


def base(name: str, known: dict[str, tuple[int, int]]) -> str:
    """An aggregate function without its combinators."""
    while name not in known and COMBINATORS.search(name):
        name = COMBINATORS.sub("", name)
    return name


def test_no_function_is_newer_than_the_service(api: Api) -> None:
    known = known_functions(api)
    called = set(CALL.findall(sql_of_the_project())) - WORDS - TYPES
    functions = {base(name, known) for name in called}
    unknown = sorted(name for name in functions if name not in known)
    assert unknown == [], "neither a function nor one of the words above"
    newer = {name: known[name] for name in functions if known[name] > NEWEST}
    assert newer == {}


def test_no_query_has_settings() -> None:
    for path in PROJECT.glob("*/*.pipe"):
        text = re.sub(r"^DESCRIPTION >\n(    .*\n|\n)+", "", path.read_text(), flags=re.MULTILINE)
        assert not re.search(r"\bsettings\b", text, re.IGNORECASE), path.name


def test_tables_have_only_settings_that_the_service_documents() -> None:
    documented = {"index_granularity", "ttl_only_drop_parts", "min_age_to_force_merge_seconds"}
    for path in PROJECT.glob("*/*.datasource"):
        for line in re.findall(r"^ENGINE_SETTINGS (.*)$", path.read_text(), re.MULTILINE):
            used = {pair.partition("=")[0].strip() for pair in line.split(",")}
            assert used <= documented, path.name
