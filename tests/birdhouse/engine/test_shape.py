"""Statements of one shape are of one kind, by ClickHouse's own parser."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from birdhouse.engine import Engine
from birdhouse.engine.shape import shape_of
from birdhouse.errors import EngineError

PIECES = ("'", "''", "'a", ";", "--", "/*", "*/", "\\", "$$", '"', " INTO OUTFILE 'f'", " 1", "\n")


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    engine = Engine(tmp_path_factory.mktemp("shape") / "clickhouse")
    yield engine
    engine.close()


def test_values_do_not_count() -> None:
    one = "SELECT a, 'x' FROM t_1 WHERE b = 7 AND c = 'it''s -- \"fine\" — é' LIMIT 10"
    other = "SELECT a, '' FROM t_1 WHERE b = 1234 AND c = 'x''y' LIMIT 1"
    assert shape_of(one) == shape_of(other) is not None
    assert shape_of("SELECT 1") != shape_of("SELECT 'a'")
    assert shape_of("SELECT * FROM t_1") != shape_of("SELECT * FROM t_2")
    assert shape_of("SELECT 'a' 'b'") != shape_of("SELECT 'a''b'")


@pytest.mark.parametrize(
    "sql",
    [
        r"SELECT 'it\'s'",
        "SELECT 'open",
        'SELECT "a"',
        "SELECT `a`",
        "SELECT 1 -- 'a",
        "SELECT 1 /* ' */",
        "SELECT 1 # '",
        "SELECT $$a$$",
        "SELECT b'01'",
        "SELECT ‘a’",  # noqa: RUF001
        "SELECT 1\0",
        "SELECT 'a\0'",
    ],
)
def test_what_could_be_read_in_two_ways_has_no_shape(sql: str) -> None:
    assert shape_of(sql) is None


def test_one_shape_is_one_kind(engine: Engine) -> None:
    kinds = defaultdict(set)
    with engine._connection({"readonly": 1}, "") as connection:
        for pieces in itertools.product(PIECES, repeat=4):
            sql = "SELECT 'a'" + "".join(pieces)
            if (shape := shape_of(sql)) is not None:
                found = connection._conn.classify_query(sql)
                kinds[shape].add((found["statement_count"], found["query_class"].name))
    assert len(kinds) > 200
    assert [found for found in kinds.values() if len(found) > 1] == []


@pytest.mark.parametrize(
    "twin",
    [
        "SELECT 1 AS a, 'b' AS c INTO OUTFILE '{}'",
        "SELECT 1 AS a, 'b' AS c; SELECT 'd'",
        "SELECT 1 /* ' */ INTO OUTFILE '{}' /* ' */",
    ],
)
def test_a_known_shape_lets_nothing_else_in(engine: Engine, tmp_path: Path, twin: str) -> None:
    for known in ("SELECT 1 AS a, 'b' AS c", "SELECT 1 /* ' */, 'b', 'c' /* ' */"):
        engine.query(known, "TSV")
        engine.query(known, "TSV")
    file = tmp_path / "file"
    with pytest.raises(EngineError):
        engine.query(twin.format(file), "TSV")
    assert not file.exists()
