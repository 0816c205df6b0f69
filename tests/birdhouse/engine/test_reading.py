"""What the engine itself refuses, behind every screen in front of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from birdhouse.engine import Engine
from birdhouse.errors import EngineError


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine with a readable table and one that no query may read."""
    engine = Engine(tmp_path_factory.mktemp("reading") / "clickhouse")
    for database in ("ws_a", "kept"):
        engine.execute(f"CREATE DATABASE {database} ENGINE = Atomic")
        engine.execute(
            f"CREATE TABLE {database}.t (id UInt8, file String) ENGINE = MergeTree ORDER BY id"
        )
        engine.execute(f"INSERT INTO {database}.t VALUES (1, 'one')")
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def secret(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secret") / "secret"
    path.write_text("the secret")
    return path


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT file FROM ws_a.t",
        "SELECT lower(file) FROM ws_a.t",
        "SELECT 'file' AS x",
        "DESCRIBE TABLE ws_a.t",
        "DESCRIBE TABLE (SELECT file FROM ws_a.t)",
        "EXPLAIN SELECT file FROM ws_a.t",
        "WITH 1 AS one SELECT one",
        "SELECT 1;",
    ],
)
def test_reading_is_allowed(engine: Engine, statement: str) -> None:
    assert engine.query(statement, "TSV").text()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT file('{}')",
        "(SELECT file('{}'))",
        "WITH (x -> file(x)) AS f SELECT f('{}')",
        "SELECT arrayMap(file, ['{}'])",
        "SELECT * APPLY(file) FROM (SELECT '{}' AS x)",
        "SELECT COLUMNS('x') APPLY(file) FROM (SELECT '{}' AS x)",
        "SELECT `file`('{}')",
        "EXPLAIN SELECT file('{}')",
        "EXPLAIN SYNTAX SELECT file('{}')",
        "EXPLAIN PIPELINE SELECT file('{}')",
        "DESCRIBE TABLE (SELECT file('{}'))",
        "DESCRIBE (SELECT arrayMap(file, ['{}']) AS x)",
        "SELECT * FROM file('{}', LineAsString)",
        "DESCRIBE file('{}', LineAsString)",
        "SELECT 1 WHERE file('{}') != ''",
        "SELECT count() FROM ws_a.t WHERE file = file('{}')",
    ],
)
def test_no_file_is_read(engine: Engine, secret: Path, statement: str) -> None:
    with pytest.raises(EngineError) as refused:
        engine.query(statement.format(secret), "TSV")
    assert refused.value.code in (164, 497)
    assert "the secret" not in str(refused.value)


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1; SELECT 2",
        "SELECT 1; DROP TABLE ws_a.t",
        "INSERT INTO ws_a.t VALUES (2, '')",
        "CREATE TABLE ws_a.u (x UInt8) ENGINE = Memory",
        "ALTER TABLE ws_a.t DELETE WHERE 1",
        "DROP TABLE ws_a.t",
        "TRUNCATE TABLE ws_a.t",
        "SYSTEM SHUTDOWN",
        "KILL QUERY WHERE 1",
        "SET readonly = 0",
        "SET ROLE ALL",
        "USE kept",
        "SELECT 1 INTO OUTFILE '/tmp/birdhouse-test-outfile'",
        "SELECT * FROM kept.t",
        "SELECT * FROM ws_a.t WHERE id IN (SELECT id FROM kept.t)",
        "SELECT 1 IN (kept.t)",
        "DESCRIBE TABLE kept.t",
        "SHOW CREATE TABLE kept.t",
        "CHECK TABLE kept.t",
        "SELECT * FROM merge('kept', '.*')",
        "SELECT * FROM url('http://127.0.0.1:1', LineAsString)",
        "SELECT 1 SETTINGS readonly = 0",
    ],
)
def test_writing_and_other_data_are_refused(engine: Engine, statement: str) -> None:
    with pytest.raises(EngineError):
        engine.query(statement, "TSV")
    assert engine.query("SELECT count() FROM ws_a.t", "TSV").text() == "1\n"
    assert not Path("/tmp/birdhouse-test-outfile").exists()


@pytest.mark.parametrize("statement", ["", " ", "-- nothing", "SELEC 1", "SELECT 1; nonsense ("])
def test_what_cannot_be_read_is_a_syntax_error(engine: Engine, statement: str) -> None:
    with pytest.raises(EngineError) as refused:
        engine.query(statement)
    assert refused.value.code == 62
    assert "formatQuery" not in str(refused.value)


@pytest.mark.parametrize("value", ["", "a\\b", "\t\n\r\0", "\\N", "'", "é\u2028😀", "{x:String}"])
def test_a_query_parameter_comes_back(engine: Engine, value: str) -> None:
    answer = engine.query("SELECT hex({x:String})", "TSVRaw", params={"x": value}).text()
    assert bytes.fromhex(answer) == value.encode()


def test_a_kill_stops_its_statement_and_no_other(engine: Engine) -> None:
    failed: list[EngineError] = []

    def endless() -> None:
        try:
            engine.query(
                "SELECT count() FROM numbers(1e13) WHERE NOT ignore(sipHash64(number))", tag="x"
            )
        except EngineError as error:
            failed.append(error)

    victim = threading.Thread(target=endless)
    victim.start()
    while victim.is_alive():
        engine.kill("x")
        assert engine.query("SELECT 1", "TSV", tag="y").text() == "1\n"
        victim.join(0.01)
    assert failed[0].status == 408
    engine.kill("x")
    assert engine.query("SELECT 1", "TSV", tag="x").text() == "1\n"


def test_a_failed_query_leaves_nothing_for_the_next(engine: Engine) -> None:
    failing = "SELECT throwIf(number = 70000) FROM numbers(100000) SETTINGS max_block_size = 1000"
    for _ in range(3):
        with pytest.raises(EngineError):
            engine.query(failing.partition(" SETTINGS")[0], settings={"max_block_size": 1000})
        answer = engine.query("SELECT 1", "TSV", settings={"max_block_size": 1000})
        assert answer.text() == "1\n"
