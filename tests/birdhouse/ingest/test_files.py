"""Files of rows: CSV, NDJSON, Parquet, compressed or not."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import zstandard
from tests.birdhouse.ingest.conftest import DATABASE, MakeTable, Table, column

from birdhouse.engine import Engine
from birdhouse.errors import BadRequest, PartlyIngested, Unavailable
from birdhouse.ingest import Dialect, Ingestion, Receipt
from birdhouse.ingest import files as file_module
from birdhouse.ingest.ulid import new_ulid


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.fixture
def table(make_table: MakeTable) -> Table:
    return make_table(
        column("id", "UInt64"),
        column("name", "String"),
        column("at", "Nullable(DateTime)"),
        column("score", "Float32", default="0.5"),
        column("tags", "Array(String)"),
    )


def counts(receipt: Receipt) -> tuple[int, int]:
    return receipt.successful_rows, receipt.quarantined_rows


class TestCsv:
    def test_columns_by_the_names_of_the_header(self, table: Table, path: Path) -> None:
        path.write_text(
            'tags,id,extra,NAME\n"[""a"",""b""]",1,x,one\n"[\'c\']",2,y,"t,w\no"\n,3,z,\n'
        )
        assert counts(table.append_file(path, "csv")) == (3, 0)
        assert table.rows("id") == [
            {"id": 1, "name": "one", "at": None, "score": 0.5, "tags": ["a", "b"]},
            {"id": 2, "name": "t,w\no", "at": None, "score": 0.5, "tags": ["c"]},
            {"id": 3, "name": "", "at": None, "score": 0.5, "tags": []},
        ]

    def test_columns_by_position_without_a_header(self, table: Table, path: Path) -> None:
        path.write_bytes(b"\xef\xbb\xbf1,one,2025-05-12T07:04:14Z,1.5\r\n2,two,\\N,\r\n")
        assert counts(table.append_file(path, "csv")) == (2, 0)
        assert [(row["at"], row["score"]) for row in table.rows("id")] == [
            ("2025-05-12 07:04:14", 1.5),
            (None, 0.5),
        ]

    def test_bad_rows_keep_their_text(self, table: Table, path: Path) -> None:
        rows = ["id,name,score", ",a,1", "1,b,x", "2,c", "3,d,1,1", '4,"e"f,1', "5,g,1"]
        path.write_text("\n".join(rows))
        assert counts(table.append_file(path, "csv")) == (1, 5)
        assert [row["id"] for row in table.rows()] == [5]
        errors = {row["c__error"][0]: row for row in table.quarantine()}
        assert set(errors) == {
            "value '' on column 'id' is not UInt64",
            "value 'x' on column 'score' is not Float32",
            "value '2,c' on column '$' is not a CSV row: it has 2 values instead of 3",
            "value '3,d,1,1' on column '$' is not a CSV row: it has 4 values instead of 3",
            "value '4,\"e\"f,1' on column '$' is not a CSV row: a quote is out of place",
        }
        assert errors["value 'x' on column 'score' is not Float32"]["name"] == "b"

    def test_a_quote_that_is_never_closed_costs_one_row(self, table: Table, path: Path) -> None:
        rows = ["id,name", *(f"{n},x" for n in range(100))]
        rows[50] = '49,"open'
        path.write_text("\n".join(rows))
        assert counts(table.append_file(path, "csv")) == (99, 1)

    @pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
    def test_guesses_the_delimiter(self, table: Table, path: Path, delimiter: str) -> None:
        path.write_text(f"id{delimiter}name\n1{delimiter}a b\n")
        assert counts(table.append_file(path, "csv")) == (1, 0)

    def test_dialect(self, table: Table, path: Path) -> None:
        path.write_bytes(b"id:name\r1:a\\:b\r2:c\r")
        dialect = Dialect(delimiter=":", escape="\\", newline="\r")
        assert counts(table.append_file(path, "csv", dialect=dialect)) == (2, 0)
        assert [row["name"] for row in table.rows("id")] == ["a:b", "c"]

    @pytest.mark.parametrize(
        "options", [{"delimiter": ",,"}, {"delimiter": '"'}, {"escape": "ab"}, {"newline": ";"}]
    )
    def test_refuses_a_dialect_that_cannot_be(self, options: dict[str, str]) -> None:
        with pytest.raises(BadRequest, match="Invalid dialect"):
            Dialect(**options)

    def test_bytes_that_are_not_utf8(self, table: Table, path: Path) -> None:
        path.write_bytes(b"id,name\n1,\xff\n2,\xc3\xa9\n")
        assert counts(table.append_file(path, "csv")) == (1, 1)
        assert table.rows()[0]["name"] == "é"
        assert table.quarantine()[0]["name"] == "\\xff"

    @pytest.mark.parametrize("content", ["", "\n\n", "id,name\n", "\ufeff"])
    def test_without_rows(self, table: Table, path: Path, content: str) -> None:
        path.write_text(content)
        assert counts(table.append_file(path, "csv")) == (0, 0)

    def test_more_columns_than_the_data_source(self, table: Table, path: Path) -> None:
        path.write_text("1,2,3,4,5,6\n")
        with pytest.raises(BadRequest, match="6 columns and no header"):
            table.append_file(path, "csv")

    def test_a_schema_without_jsonpaths(self, make_table: MakeTable, path: Path) -> None:
        table = make_table(column("a", "Int32", None), column("b.c", "String", None))
        path.write_text("a,b.c\n1,x\n")
        assert counts(table.append_file(path, "csv")) == (1, 0)
        assert table.rows() == [{"a": 1, "b.c": "x"}]


class TestNdjson:
    def test_in_several_blocks(
        self, table: Table, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(file_module, "BLOCK_BYTES", 1000)
        lines = [json.dumps({"id": n, "name": "é" * (n % 50)}) for n in range(500)]
        lines[123] = '{"id": -1, "name": "bad"}'
        lines[200] = "x" * 5000
        path.write_text("\n".join(lines))
        seen: list[Receipt] = []
        receipt = table.append_file(path, "ndjson", progress=seen.append)
        assert counts(receipt) == (498, 2)
        assert receipt.bytes == path.stat().st_size
        assert table.count() == 498
        assert len(seen) > 5
        assert seen[-1] == receipt
        assert {row["c__import_id"] for row in table.quarantine()} == {receipt.import_id}

    def test_compressed(self, table: Table, path: Path) -> None:
        path.write_bytes(gzip.compress(b'{"id": 1, "name": "a"}\n{"id": "x"}'))
        assert counts(table.append_file(path, "ndjson")) == (1, 1)

    def test_compressed_and_cut_off(self, table: Table, path: Path) -> None:
        path.write_bytes(gzip.compress(b'{"id": 1, "name": "a"}\n' * 100)[:-10])
        with pytest.raises(BadRequest, match="compressed file cannot be read"):
            table.append_file(path, "ndjson")
        assert table.count() == 0

    def test_compressed_with_zstd(self, table: Table, path: Path) -> None:
        path.write_bytes(zstandard.compress(b"{}"))
        with pytest.raises(BadRequest, match="use gzip"):
            table.append_file(path, "ndjson")

    def test_a_line_without_end(
        self, table: Table, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(file_module, "BLOCK_BYTES", 1000)
        monkeypatch.setattr(file_module, "_LINE_LIMIT", 5000)
        good = json.dumps({"id": 1, "name": "x" * 990}) + "\n"
        path.write_text(good * 3 + "x" * 10_000)
        with pytest.raises(BadRequest, match=r"A line of the file is larger than") as error:
            table.append_file(path, "ndjson")
        assert f"the first {table.count()} rows of the file are stored" in str(error.value)


class TestParquet:
    def write(self, engine: Engine, path: Path, select: str) -> None:
        engine.execute(f"INSERT INTO FUNCTION file('{path}', 'Parquet') {select}")

    def test_casts_to_the_types_of_the_columns(self, table: Table, path: Path) -> None:
        select = """
            SELECT toInt32(number) AS id, if(number = 2, NULL, toString(number)) AS name,
                   concat('2025-01-0', toString(number + 1), 'T00:00:00Z') AS at,
                   toDecimal64(number, 3) AS score, [1, number] AS tags, 'x' AS other
            FROM numbers(3)"""
        self.write(table.engine, path, select)
        assert counts(table.append_file(path, "parquet")) == (2, 1)
        assert table.rows("id") == [
            {"id": 0, "name": "0", "at": "2025-01-01 00:00:00", "score": 0, "tags": ["1", "0"]},
            {"id": 1, "name": "1", "at": "2025-01-02 00:00:00", "score": 1, "tags": ["1", "1"]},
        ]
        assert table.quarantine()[0]["at"] == "2025-01-03T00:00:00Z"

    def test_keeps_what_json_could_lose(self, make_table: MakeTable, path: Path) -> None:
        table = make_table(
            column("big", "UInt64"),
            column("exact", "Decimal(38, 10)"),
            column("fine", "DateTime64(9)"),
            column("special", "Float64"),
            column("map", "Map(String, Int64)"),
        )
        select = f"""
            SELECT toUInt64({2**64 - 1}) AS big,
                   toDecimal128('1234567890123456789.0123456789', 10) AS exact,
                   toDateTime64('2025-01-01 00:00:00.123456789', 9) AS fine,
                   -inf AS special, map('a', toInt64({-(2**63)})) AS map"""
        self.write(table.engine, path, select)
        assert counts(table.append_file(path, "parquet")) == (1, 0)
        assert table.rows() == [
            {
                "big": 2**64 - 1,
                "exact": "1234567890123456789.0123456789",
                "fine": "2025-01-01 00:00:00.123456789",
                "special": "-inf",
                "map": {"a": -(2**63)},
            }
        ]

    def test_columns_by_jsonpath_or_by_name(self, make_table: MakeTable, path: Path) -> None:
        table = make_table(
            column("id", "Int32", "$.user.id"),
            column("name", "String", "$.userName"),
            column("n", "Int32", None),
        )
        select = "SELECT CAST(tuple(1), 'Tuple(id Int32)') AS user, 'x' AS name, 5 AS n"
        self.write(table.engine, path, select)
        assert counts(table.append_file(path, "parquet")) == (1, 0)
        assert table.rows() == [{"id": 1, "name": "x", "n": 5}]

    @pytest.mark.parametrize("content", [b"", b"PAR1", b"id,name\n1,x\n"])
    def test_what_is_no_parquet_file(self, table: Table, path: Path, content: bytes) -> None:
        path.write_bytes(content)
        with pytest.raises(BadRequest, match="Parquet file cannot be read"):
            table.append_file(path, "parquet")

    def test_without_rows(self, table: Table, path: Path) -> None:
        self.write(table.engine, path, "SELECT 1 AS id, 'x' AS name LIMIT 0")
        assert counts(table.append_file(path, "parquet")) == (0, 0)


def test_a_view_that_throws_on_one_block(
    table: Table, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_module, "BLOCK_BYTES", 100)
    target = f"{DATABASE}.{table.landing.datasource.table}_target"
    table.engine.execute(f"CREATE TABLE {target} (id UInt64) ENGINE = MergeTree ORDER BY id")
    table.engine.execute(
        f"CREATE MATERIALIZED VIEW {target}_view TO {target} AS "
        f"SELECT id FROM {table.name} WHERE throwIf(id = 30) = 0"
    )
    path.write_text("\n".join(f'{{"id": {n}, "name": ""}}' for n in range(60)))
    with pytest.raises(PartlyIngested):
        table.append_file(path, "ndjson")
    assert table.count() == 60


class TestResume:
    """An import that a crash cut off after some blocks."""

    @pytest.fixture
    def small_blocks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(file_module, "BLOCK_BYTES", 200)

    @pytest.mark.parametrize("format_", ["ndjson", "csv"])
    @pytest.mark.usefixtures("small_blocks")
    def test_goes_on_where_it_stopped(
        self, table: Table, tmp_path: Path, format_: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lines = [json.dumps({"id": n, "name": "x"}) for n in range(100)]
        lines[7] = lines[77] = '{"id": "bad"}'
        if format_ == "csv":
            lines = ["id,name", *(f"{n},x" for n in range(98)), "bad,x", "bad,x"]
        first = Ingestion(table.engine, tmp_path / "first")
        path = first.spool / "file"
        path.write_text("\n".join(lines))
        import_id = new_ulid()

        class Killed(BaseException):
            pass

        def die(so_far: Receipt) -> None:
            if so_far.successful_rows > 40:
                raise Killed

        with pytest.raises(Killed):
            first.append_file(table.landing, path, format_, import_id=import_id, progress=die)
        first.close()
        assert 40 < table.count() < 98

        # As after a kill of the process at that point, in a folder of its own.
        shutil.copytree(tmp_path / "first", tmp_path / "second")
        manifest = tmp_path / "second" / f"{import_id}.import"
        spool = str(tmp_path / "second" / "spool")
        manifest.write_text(manifest.read_text().replace(str(first.spool), spool))
        ended: list[tuple[str, object]] = []
        second = Ingestion(
            table.engine, tmp_path / "second", resumed=lambda *end: ended.append(end)
        )
        assert second.replay() == 0
        second.join_resumed()
        second.close()
        assert table.count() == len({row["id"] for row in table.rows()}) == 98
        assert len(table.quarantine()) == 2
        ((id_, receipt),) = ended
        assert id_ == import_id
        assert isinstance(receipt, Receipt)
        assert counts(receipt) == (98, 2)
        left = [path.name for path in (tmp_path / "second").rglob("*") if path.is_file()]
        assert left == []

    def test_a_file_outside_the_spool_is_forgotten(self, table: Table, tmp_path: Path) -> None:
        first = Ingestion(table.engine, tmp_path / "first")
        path = tmp_path / "file"
        path.write_text('{"id": 1, "name": ""}')
        left: list[str] = []

        def look(so_far: Receipt) -> None:
            left.extend(entry.name for entry in (tmp_path / "first").glob("*.import"))

        first.append_file(table.landing, path, "ndjson", progress=look)
        first.close()
        assert left == []

    @pytest.mark.usefixtures("small_blocks")
    def test_shutting_down_keeps_the_import(self, table: Table, tmp_path: Path) -> None:
        first = Ingestion(table.engine, tmp_path / "first")
        path = first.spool / "file"
        path.write_text("\n".join(json.dumps({"id": n, "name": "x"}) for n in range(100)))
        with pytest.raises(Unavailable, match="shutting down"):
            first.append_file(table.landing, path, "ndjson", progress=lambda _: first.close())
        assert list((tmp_path / "first").glob("*.import"))
        second = Ingestion(table.engine, tmp_path / "first")
        second.replay()
        second.join_resumed()
        second.close()
        assert table.count() == 100
