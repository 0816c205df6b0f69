"""Statements about the session and the schema, as SELECTs."""

from __future__ import annotations

import pytest

from birdhouse.engine import CLICKHOUSE_VERSION
from birdhouse.query.session import as_select

EXISTS = "SELECT toUInt8(count() > 0) AS result FROM system.tables"
TABLES = "SELECT name FROM system.tables WHERE database = "


@pytest.mark.parametrize(
    ("statement", "select"),
    [
        ("show tables", f"{TABLES}'mine' ORDER BY name"),
        ("SHOW TABLES FROM `other`;", f"{TABLES}'other' ORDER BY name"),
        (
            "show tables like 'a%' limit 3",
            f"{TABLES}'mine' AND name like 'a%' ORDER BY name LIMIT 3",
        ),
        ("show databases", "SELECT name FROM system.databases ORDER BY name"),
        (
            "show schemas not ilike 'x'",
            "SELECT name FROM system.databases WHERE name not ilike 'x' ORDER BY name",
        ),
        (
            'exists "a b"."c"',
            f"{EXISTS} WHERE database = 'a b' AND name = 'c'",
        ),
        ("select currentDatabase ( )", "select 'mine'"),
        ("select DATABASE(), user()", "select 'mine', 'default'"),
        ("select version()", f"select '{CLICKHOUSE_VERSION}'"),
    ],
)
def test_what_is_asked_of_the_session_becomes_a_select(statement: str, select: str) -> None:
    assert as_select(statement, "mine") == select


@pytest.mark.parametrize(
    "statement",
    [
        "select 1",
        "select 'version()', `user()`, \"database()\" from x -- version()",
        "select /* user() */ my_version()",
        "select version(1)",
        "show tables like 'a\\' or 1'",
        "show create table x",
        "exists",
    ],
)
def test_other_statements_stay_as_they_are(statement: str) -> None:
    assert as_select(statement, "mine") == statement


def test_a_name_cannot_end_the_literal_that_it_becomes() -> None:
    assert as_select("exists `a'b`", "mine").endswith(r"name = 'a\'b'")
