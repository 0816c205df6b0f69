"""An engine in this process, and tables to append to."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from birdhouse.engine import Engine, quote_name
from birdhouse.ingest import Ingestion, Landing, Receipt
from birdhouse.workspace.resources import Column, DataSource

DATABASE = "ws_ingest"

Rows = list[dict[str, Any]]


class Table:
    """A landing table with its quarantine, and an ingestion to append with."""

    def __init__(self, engine: Engine, ingestion: Ingestion, landing: Landing) -> None:
        self.engine = engine
        self.ingestion = ingestion
        self.landing = landing
        self.name = quote_name(DATABASE, landing.datasource.table)

    def append(self, body: bytes | str, format: Any = "auto") -> Receipt:
        sent = body.encode() if isinstance(body, str) else body
        return self.ingestion.append(self.landing, sent, format).result(timeout=30)

    def append_file(self, path: Path, format: Any, **options: Any) -> Receipt:
        return self.ingestion.append_file(self.landing, path, format, **options)

    def rows(self, order: str = "tuple()") -> Rows:
        return query(self.engine, f"SELECT * FROM {self.name} ORDER BY {order}")

    def count(self) -> int:
        return int(query(self.engine, f"SELECT count() AS n FROM {self.name}")[0]["n"])

    def quarantine(self) -> Rows:
        name = quote_name(DATABASE, self.landing.datasource.quarantine)
        return query(self.engine, f"SELECT * FROM {name}")


MakeTable = Callable[..., Table]


def query(engine: Engine, sql: str) -> Rows:
    settings = {
        "output_format_json_quote_64bit_integers": 0,
        "output_format_json_quote_decimals": 1,
        "output_format_json_quote_denormals": 1,
    }
    data = bytes(engine.query(sql, "JSONEachRow", settings=settings).data)
    return [msgspec.json.decode(line) for line in data.splitlines()]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """One for the tests of a module: a process can have no second at the same time."""
    engine = Engine(tmp_path_factory.mktemp("engine") / "clickhouse")
    engine.execute(f"CREATE DATABASE {DATABASE} ENGINE = Atomic")
    yield engine
    engine.close()


@pytest.fixture
def ingestion(engine: Engine, tmp_path: Path) -> Iterator[Ingestion]:
    ingestion = Ingestion(engine, tmp_path / "ingest")
    yield ingestion
    ingestion.close()


_numbers = itertools.count(1)


def create(
    engine: Engine, columns: Sequence[Column], table_engine: str = "MergeTree ORDER BY tuple()"
) -> Landing:
    """The tables of a data source of its own."""
    name = f"t{next(_numbers)}"
    datasource = DataSource(id=name, name=name, table=name, columns=tuple(columns))
    settings = {"allow_suspicious_low_cardinality_types": 1}
    for table, fields, clause in (
        (name, datasource.columns, table_engine),
        (datasource.quarantine, datasource.quarantine_columns, "MergeTree ORDER BY insertion_date"),
    ):
        body = ", ".join(
            f"{quote_name(c.name)} {c.type}" + (f" DEFAULT {c.default}" if c.default else "")
            for c in fields
        )
        sql = f"CREATE TABLE {quote_name(DATABASE, table)} ({body}) ENGINE = {clause}"
        engine.execute(sql, settings=settings)
    return Landing(DATABASE, datasource)


def column(name: str, type: str, jsonpath: str | None = "", default: str | None = None) -> Column:
    """A column that a key of its own name fills, unless told otherwise."""
    return Column(name, type, f"$.{name}" if jsonpath == "" else jsonpath, default)


@pytest.fixture
def make_table(engine: Engine, ingestion: Ingestion) -> MakeTable:
    def make(*columns: Column, engine_clause: str = "MergeTree ORDER BY tuple()") -> Table:
        return Table(engine, ingestion, create(engine, columns, engine_clause))

    return make
