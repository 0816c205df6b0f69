"""What a crash leaves in the journal, and what becomes of it at the next start."""

from __future__ import annotations

import errno
import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.birdhouse.ingest.conftest import DATABASE, Table, column, create, query

from birdhouse.engine import Engine
from birdhouse.errors import Unavailable
from birdhouse.ingest import Ingestion, Landing, Repair, repair
from birdhouse.ingest.journal import Batch, Insert, Journal

SMALL = b'{"n": 1}\n{"n": 2}\n{"n": "x"}'
LARGE = (
    b"\n".join(b'{"n": %d, "pad": "%s"}' % (n, b"x" * 100) for n in range(5000)) + b'\n{"n": "x"}'
)


@pytest.fixture(params=["small", "large"])
def body(request: pytest.FixtureRequest) -> bytes:
    """Rows that go into the statement, and rows that go into a file."""
    return SMALL if request.param == "small" else LARGE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


@pytest.fixture
def landing(engine: Engine) -> Landing:
    return create(engine, [column("n", "Int32")])


@pytest.fixture
def forgetful(engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ingestion]:
    """An ingestion that dies before it takes a batch out of the journal, again and again."""
    monkeypatch.setattr(Journal, "remove", lambda self, batch: None)
    ingestion = Ingestion(engine, folder)
    yield ingestion
    ingestion.close()


def restart(engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.undo()
    ingestion = Ingestion(engine, folder)
    try:
        return ingestion.replay()
    finally:
        ingestion.close()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def counts(engine: Engine, landing: Landing) -> tuple[int, int]:
    table = Table(engine, None, landing)  # type: ignore[arg-type]
    return table.count(), len(table.quarantine())


def test_nothing_stays_after_an_append(engine: Engine, folder: Path, landing: Landing) -> None:
    ingestion = Ingestion(engine, folder)
    ingestion.append(landing, LARGE).result(30)
    ingestion.append(landing, SMALL).result(30)
    ingestion.close()
    assert files(folder) == []


def test_a_batch_that_is_stored_is_not_stored_again(
    engine: Engine,
    folder: Path,
    landing: Landing,
    body: bytes,
    forgetful: Ingestion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    receipt = forgetful.append(landing, body).result(30)
    before = counts(engine, landing)
    assert before == (receipt.successful_rows, 1)
    assert files(folder) != []
    assert restart(engine, folder, monkeypatch) == 1
    assert counts(engine, landing) == before
    assert files(folder) == []


def test_a_view_that_missed_the_batch_gets_it(
    engine: Engine,
    folder: Path,
    landing: Landing,
    body: bytes,
    forgetful: Ingestion,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As if the process had died between the table and its view: the view comes later."""
    stored = forgetful.append(landing, body).result(30).successful_rows
    table = f"{DATABASE}.{landing.datasource.table}"
    for name, source, engine_clause in (
        ("view", table, "AggregatingMergeTree ORDER BY k"),
        ("behind", f"{table}_view", "SummingMergeTree ORDER BY k"),
    ):
        target = f"{table}_{name}"
        engine.execute(
            f"CREATE TABLE {target} (k Int32, c SimpleAggregateFunction(sum, UInt64)) "
            f"ENGINE = {engine_clause}"
        )
        count = "count()" if name == "view" else "sum(c)"
        key = "n % 10 AS k" if name == "view" else "k"
        engine.execute(
            f"CREATE MATERIALIZED VIEW {target}_mv TO {target} AS "
            f"SELECT {key}, {count} AS c FROM {source} GROUP BY k"
        )
    restart(engine, folder, monkeypatch)
    assert counts(engine, landing) == (stored, 1)
    for name in ("view", "behind"):
        assert query(engine, f"SELECT sum(c) AS c FROM {table}_{name}") == [{"c": stored}]


def test_a_batch_that_the_engine_never_saw_is_stored(
    engine: Engine, folder: Path, landing: Landing, body: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*arguments: object, **options: object) -> None:
        raise Killed

    ingestion = Ingestion(engine, folder)
    with monkeypatch.context() as patch:
        patch.setattr("birdhouse.ingest.commit.run_insert", die)
        with pytest.raises(Killed):
            ingestion.append(landing, body).result(30)
    ingestion.close()
    assert counts(engine, landing) == (0, 0)
    assert restart(engine, folder, monkeypatch) == 1
    assert counts(engine, landing) == (5000 if body is LARGE else 2, 1)
    assert files(folder) == []


def test_rejected_rows_that_cannot_be_stored_wait_for_the_next_start(
    engine: Engine, folder: Path, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingestion = Ingestion(engine, folder)
    quarantine = f"{DATABASE}.{landing.datasource.quarantine}"
    engine.execute(f"ALTER TABLE {quarantine} ADD CONSTRAINT full CHECK 0")
    receipt = ingestion.append(landing, SMALL).result(30)
    ingestion.close()
    assert (receipt.successful_rows, receipt.quarantined_rows) == (2, 1)
    assert counts(engine, landing) == (2, 0)
    engine.execute(f"ALTER TABLE {quarantine} DROP CONSTRAINT full")
    restart(engine, folder, monkeypatch)
    assert counts(engine, landing) == (2, 1)


def test_a_batch_whose_table_is_gone_is_set_aside(
    engine: Engine, folder: Path, landing: Landing, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(folder)
    journal.write(Batch("0", Insert(f"INSERT INTO {DATABASE}.gone FORMAT JSONEachRow {{}}"), None))
    journal.write(Batch("1", None, None))
    assert restart(engine, folder, monkeypatch) == 2
    assert files(folder) == ["0.failed"]
    assert restart(engine, folder, monkeypatch) == 0


def test_what_belongs_to_no_batch_is_removed(
    engine: Engine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Journal(folder)
    for name in ("1.rows", "2.tmp", "3-rejected.rows", "4.unpacked"):
        (folder / name).write_text("{}")
    (folder / "5.batch").write_text('{"cut off')
    restart(engine, folder, monkeypatch)
    assert files(folder) == ["5.failed"]


def test_a_disk_that_is_almost_full_refuses_the_request(
    engine: Engine, folder: Path, landing: Landing
) -> None:
    ingestion = Ingestion(engine, folder, min_free_bytes=1 << 60)
    with pytest.raises(Unavailable, match="almost full"):
        ingestion.append(landing, SMALL).result(30)
    ingestion.close()
    assert counts(engine, landing) == (0, 0)
    assert files(folder) == []


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
def test_a_disk_that_cannot_be_written_refuses_the_request(
    engine: Engine,
    folder: Path,
    landing: Landing,
    body: bytes,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ingestion = Ingestion(engine, folder)
    opened = Path.open

    def fail(path: Path, mode: str = "r", *arguments: object, **options: object) -> object:
        if "w" in mode:
            raise OSError(code, "the reason")
        return opened(path, mode, *arguments, **options)  # type: ignore[call-overload]

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", fail)
        expected = "disk is full" if code == errno.ENOSPC else "the reason"
        with pytest.raises(Unavailable, match=expected) as error:
            ingestion.append(landing, body).result(30)
    assert error.value.retry_after > 1
    assert counts(engine, landing) == (0, 0)
    assert files(folder) == []
    assert ingestion.append(landing, body).result(30).successful_rows > 0
    ingestion.close()


@pytest.mark.parametrize("dies", ["after the rows", "before the end"])
def test_a_replay_of_the_quarantine_that_is_cut_off_is_finished(
    engine: Engine, folder: Path, landing: Landing, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    """The rows are in the table or in the quarantine, and never in both."""
    ingestion = Ingestion(engine, folder)
    table = Table(engine, ingestion, landing)
    table.append('{"n": "one"}\n{"n": "two"}\n{"n": "one"}')
    if dies == "after the rows":
        monkeypatch.setattr("birdhouse.ingest.commit.take_rows", lambda engine, statement: None)
    monkeypatch.setattr(Journal, "remove", lambda self, batch: None)
    # To be done once: left in the quarantine, the rows would be taken up again and again.
    monkeypatch.setattr("birdhouse.ingest.repair._portions", once(repair._portions))
    ingestion.repair(landing, Repair("n = 'one'", {"n": "1"}))
    ingestion.close()
    assert restart(engine, folder, monkeypatch) == 1
    assert table.rows() == [{"n": 1}, {"n": 1}]
    assert [row["n"] for row in table.quarantine()] == ["two"]


def once(portions: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    return lambda *arguments: itertools.islice(portions(*arguments), 1)
