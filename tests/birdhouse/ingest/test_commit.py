"""One batch into a table, its views and its quarantine: what happens when something fails."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest
from tests.birdhouse.ingest.conftest import DATABASE, MakeTable, Table, column, create, query

from birdhouse.engine import Engine
from birdhouse.errors import BirdhouseError, EngineError, PartlyIngested, Unavailable
from birdhouse.ingest import Ingestion, Receipt


def together(table: Table, bodies: Sequence[str]) -> list[Receipt | BirdhouseError]:
    """Append the bodies so that they are committed as one batch."""
    futures: list[Future[Receipt]] = []
    with table.ingestion.hold():
        futures += [table.ingestion.append(table.landing, body.encode()) for body in bodies]
    answers: list[Receipt | BirdhouseError] = []
    for future in futures:
        try:
            answers.append(future.result(30))
        except BirdhouseError as error:
            answers.append(error)
    return answers


class TestTogether:
    def test_each_request_gets_its_own_answer(self, make_table: MakeTable) -> None:
        table = make_table(column("n", "Int32"))
        bodies = ['{"n": 1}', '{"n": 2}\n{"n": "x"}', "broken", "", '{"n": 3}\n{"n": 4}']
        answers = together(table, bodies)
        counts = [
            (a.successful_rows, a.quarantined_rows) for a in answers if isinstance(a, Receipt)
        ]
        assert counts == [(1, 0), (1, 1), (0, 1), (0, 0), (2, 0)]
        assert [row["n"] for row in table.rows("n")] == [1, 2, 3, 4]
        assert parts(table) == 1

    def test_equal_requests_are_all_stored(self, make_table: MakeTable) -> None:
        table = make_table(column("n", "Int32"))
        for _ in range(3):
            table.append('{"n": 1}')
        together(table, ['{"n": 1}'] * 3)
        assert table.count() == 6

    def test_rows_that_only_the_engine_refuses(self, make_table: MakeTable) -> None:
        table = make_table(column("n", "Int32"), column("j", "JSON(x UInt8)"))
        lines = [f'{{"n": {n}, "j": {{"x": {n}}}}}' for n in range(10)]
        lines[3] = '{"n": 3, "j": {"x": "three"}}'
        answers = together(table, ["\n".join(lines), lines[3], lines[4]])
        counts = [
            (a.successful_rows, a.quarantined_rows) for a in answers if isinstance(a, Receipt)
        ]
        assert counts == [(9, 1), (0, 1), (1, 0)]
        assert table.count() == 10
        row = table.quarantine()[0]
        assert row["c__error_column"] == ["j"]
        assert "refused" in row["c__error"][0]
        assert row["j"] == '{"x": "three"}'

    def test_a_value_that_is_not_a_row_of_the_partition_key(self, make_table: MakeTable) -> None:
        clause = "MergeTree PARTITION BY toUInt32OrZero(t) + throwIf(t = 'bad') ORDER BY tuple()"
        table = make_table(column("t", "String"), engine_clause=clause)
        answers = together(table, ['{"t": "1"}', '{"t": "bad"}', '{"t": "2"}'])
        assert [type(answer) for answer in answers] == [Receipt, EngineError, Receipt]
        assert [row["t"] for row in table.rows("t")] == ["1", "2"]

    def test_a_batch_over_many_partitions(self, make_table: MakeTable) -> None:
        table = make_table(
            column("n", "Int32"), engine_clause="MergeTree PARTITION BY n ORDER BY n"
        )
        receipt = table.append("\n".join(f'{{"n": {n}}}' for n in range(150)))
        assert receipt.successful_rows == table.count() == 150


class TestViews:
    @pytest.fixture
    def table(self, engine: Engine, make_table: MakeTable) -> Table:
        """A table with a view that throws on 'bad', one beside it and one behind each."""
        table = make_table(column("n", "Int32"), column("s", "String"))
        name = table.landing.datasource.table
        for suffix in ("good", "bad", "behind_good", "behind_bad"):
            engine.execute(
                f"CREATE TABLE {DATABASE}.{name}_{suffix} (n Int32, c UInt64) "
                "ENGINE = MergeTree ORDER BY n"
            )
        views = {
            "bad": f"SELECT n, count() AS c FROM {table.name} WHERE throwIf(s = 'bad') = 0",
            "good": f"SELECT n, count() AS c FROM {table.name}",
            "behind_bad": f"SELECT n, sum(c) AS c FROM {DATABASE}.{name}_bad",
            "behind_good": f"SELECT n, sum(c) AS c FROM {DATABASE}.{name}_good",
        }
        for suffix, select in views.items():
            engine.execute(
                f"CREATE MATERIALIZED VIEW {DATABASE}.{name}_to_{suffix} "
                f"TO {DATABASE}.{name}_{suffix} AS {select} GROUP BY n"
            )
        return table

    @staticmethod
    def in_view(table: Table, suffix: str) -> list[int]:
        name = f"{DATABASE}.{table.landing.datasource.table}_{suffix}"
        return [row["n"] for row in query(table.engine, f"SELECT n FROM {name} ORDER BY n")]

    def test_get_every_row_once(self, table: Table) -> None:
        together(table, ['{"n": 1, "s": ""}', '{"n": 2, "s": ""}'])
        for suffix in ("good", "bad", "behind_good", "behind_bad"):
            assert self.in_view(table, suffix) == [1, 2]

    def test_that_throw_do_not_keep_the_rows_out_of_the_table(self, table: Table) -> None:
        with pytest.raises(PartlyIngested, match=r"materialized view .*_to_bad failed") as error:
            table.append('{"n": 1, "s": "bad"}\n{"n": 2, "s": ""}\n{"n": "x"}')
        assert error.value.status == 422
        assert table.count() == 2
        assert len(table.quarantine()) == 1
        assert self.in_view(table, "good") == self.in_view(table, "behind_good") == [1, 2]
        assert self.in_view(table, "bad") == self.in_view(table, "behind_bad") == []

    def test_that_throw_on_one_request_take_the_others(self, table: Table) -> None:
        bodies = [f'{{"n": {n}, "s": "{"bad" if n == 3 else ""}"}}' for n in range(6)]
        answers = together(table, bodies)
        assert [type(answer) for answer in answers] == [
            PartlyIngested if n == 3 else Receipt for n in range(6)
        ]
        assert table.count() == 6
        assert self.in_view(table, "good") == [0, 1, 2, 3, 4, 5]
        assert self.in_view(table, "bad") == self.in_view(table, "behind_bad") == [0, 1, 2, 4, 5]

    def test_that_throw_on_several_requests_take_none(self, table: Table) -> None:
        bodies = [f'{{"n": {n}, "s": "{"bad" if n in (2, 3) else ""}"}}' for n in range(5)]
        answers = together(table, bodies)
        assert {type(answer) for answer in answers} == {PartlyIngested}
        assert table.count() == 5
        assert self.in_view(table, "good") == [0, 1, 2, 3, 4]
        assert self.in_view(table, "bad") == []

    def test_without_their_target_refuse_the_rows(self, table: Table) -> None:
        name = table.landing.datasource.table
        table.engine.execute(f"DROP TABLE {DATABASE}.{name}_bad SYNC")
        with pytest.raises(EngineError, match="Target table"):
            table.append('{"n": 1, "s": ""}')
        assert table.count() == 0


def test_views_of_a_null_table_get_every_row_once(engine: Engine, make_table: MakeTable) -> None:
    table = make_table(column("n", "Int32"), engine_clause="Null")
    target = f"{DATABASE}.{table.landing.datasource.table}_target"
    engine.execute(f"CREATE TABLE {target} (n Int32) ENGINE = MergeTree ORDER BY n")
    engine.execute(
        f"CREATE MATERIALIZED VIEW {target}_view TO {target} AS SELECT n FROM {table.name}"
    )
    assert table.append('{"n": 1}\n{"n": 2}').successful_rows == 2
    together(table, ['{"n": 3}', '{"n": 3}'])
    assert [row["n"] for row in query(engine, f"SELECT n FROM {target} ORDER BY n")] == [1, 2, 3, 3]


def test_a_table_that_is_gone(make_table: MakeTable) -> None:
    table = make_table(column("n", "Int32"))
    table.engine.execute(f"DROP TABLE {table.name} SYNC")
    with pytest.raises(Unavailable, match="being replaced"):
        table.append('{"n": 1}')


def test_a_quarantine_that_is_gone_costs_no_good_row(make_table: MakeTable) -> None:
    table = make_table(column("n", "Int32"))
    quarantine = table.landing.datasource.quarantine
    table.engine.execute(f"DROP TABLE {DATABASE}.{quarantine} SYNC")
    receipt = table.append('{"n": 1}\n{"n": "x"}')
    assert (receipt.successful_rows, receipt.quarantined_rows) == (1, 1)
    assert table.count() == 1


def test_requests_follow_the_data_source_to_its_new_table(engine: Engine, tmp_path: Path) -> None:
    old = create(engine, [column("n", "Int32")])
    new = create(engine, [column("n", "Int32"), column("s", "Nullable(String)")])
    now = [old]
    ingestion = Ingestion(engine, tmp_path / "moving", current=lambda _: now[0])
    try:
        assert ingestion.append(old, b'{"n": 0}').result(30).successful_rows == 1
        with ingestion.hold():
            futures = [ingestion.append(old, b'{"n": %d, "s": "x"}' % n) for n in (1, 2)]
            now[0] = new
        assert [future.result(30).successful_rows for future in futures] == [1, 1]
    finally:
        ingestion.close()
    assert Table(engine, ingestion, old).rows() == [{"n": 0}]
    assert Table(engine, ingestion, new).rows("n") == [{"n": 1, "s": "x"}, {"n": 2, "s": "x"}]


def test_many_threads(make_table: MakeTable) -> None:
    table = make_table(column("n", "Int32"), column("thread", "Int32"))
    wrong: list[Receipt] = []

    def work(thread: int) -> None:
        for n in range(20):
            bad = n % 7 == 3
            body = f'{{"n": {n}, "thread": {thread}}}' + ('\n{"n": "bad"}' if bad else "")
            receipt = table.append(body)
            if (receipt.successful_rows, receipt.quarantined_rows) != (1, int(bad)):
                wrong.append(receipt)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    stored = {(row["thread"], row["n"]) for row in table.rows()}
    assert stored == {(thread, n) for thread in range(32) for n in range(20)}
    assert table.count() == 640
    assert len(table.quarantine()) == 32 * 3


def parts(table: Table) -> int:
    sql = f"SELECT uniqExact(_part) AS n FROM {table.name}"
    return int(query(table.engine, sql)[0]["n"])
