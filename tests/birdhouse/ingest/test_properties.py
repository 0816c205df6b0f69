"""Arbitrary bodies into every type of column: the accounting adds up, good rows come through.

BIRDHOUSE_EXAMPLES sets the number of examples a test; the default is what fits in a test run.
"""

from __future__ import annotations

import itertools
import json
import os
import struct
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from tests.birdhouse.ingest.conftest import DATABASE, Rows, Table, column, create, query

from birdhouse.engine import Engine
from birdhouse.ingest import Ingestion, Receipt

EXAMPLES = settings(
    max_examples=int(os.environ.get("BIRDHOUSE_EXAMPLES", "10")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**300), 2**300)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | st.sampled_from(
        ["2025-05-12", "2025-05-12T07:04:14Z", "1.2.3.4", "12", "nan", "true", "1e5"]
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)

SECONDS = st.datetimes(datetime(1971, 1, 1), datetime(2105, 12, 31)).map(  # noqa: DTZ001
    lambda time: time.replace(microsecond=0)
)


def float32(number: float) -> float:
    return float(struct.unpack("f", struct.pack("f", number))[0])


Good = tuple[SearchStrategy[Any], Callable[[Any], Any]]
"""Values that a type takes, and what they come back as."""


def same(value: Any) -> Any:
    return value


def integers(bits: int, signed: bool) -> Good:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    number = st.integers(low, high)
    return number | number.map(str) | number.map(lambda n: f" {n}"), int


def decimals(precision: int, scale: int) -> Good:
    most = 10**precision - 1

    def text(number: int) -> str:
        digits = f"{abs(number):0{scale + 1}d}"
        whole, fraction = digits[: len(digits) - scale], digits[len(digits) - scale :]
        return f"{'-' if number < 0 else ''}{whole}.{fraction}"

    return st.integers(-most, most).map(text), plain


def plain(text: str) -> str:
    """As ClickHouse prints a Decimal: without zeros at the end."""
    text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


TYPES: dict[str, Good] = {
    "String": (TEXT, same),
    "LowCardinality(String)": (TEXT, same),
    "Nullable(String)": (st.none() | TEXT, same),
    "FixedString(8)": (
        st.text(st.characters(exclude_categories=["Cs"]), max_size=8).filter(
            lambda text: len(text.encode()) <= 8
        ),
        lambda text: text + "\0" * (8 - len(text.encode())),
    ),
    **{f"Int{bits}": integers(bits, True) for bits in (8, 16, 32, 64, 128, 256)},
    **{f"UInt{bits}": integers(bits, False) for bits in (8, 16, 32, 64, 128, 256)},
    "Nullable(Int16)": (st.none() | st.integers(-(2**15), 2**15 - 1), same),
    "Float64": (st.floats(allow_nan=False, allow_infinity=False), same),
    "Float32": (st.floats(-(2.0**127), 2.0**127, width=32), same),
    "Bool": (st.booleans() | st.sampled_from([0, 1]), bool),
    "Decimal(9, 4)": decimals(9, 4),
    "Decimal(18, 0)": decimals(18, 0),
    "Decimal(38, 20)": decimals(38, 20),
    "Decimal(76, 30)": decimals(76, 30),
    "Date": (st.dates(date(1970, 1, 1), date(2149, 6, 6)).map(str), same),
    "Date32": (st.dates(date(1900, 1, 1), date(2299, 12, 31)).map(str), same),
    "DateTime": (
        SECONDS.map(str) | SECONDS.map(lambda time: int(time.replace(tzinfo=UTC).timestamp())),
        lambda value: (
            value
            if isinstance(value, str)
            else str(datetime(1970, 1, 1) + timedelta(seconds=value))  # noqa: DTZ001
        ),
    ),
    "DateTime64(6)": (
        st.datetimes(datetime(1901, 1, 1), datetime(2298, 12, 31)).map(  # noqa: DTZ001
            lambda time: time.isoformat(" ", "microseconds")
        ),
        same,
    ),
    "UUID": (st.uuids().map(str), same),
    "IPv4": (st.ip_addresses(v=4).map(str), lambda text: str(IPv4Address(text))),
    "IPv6": (st.ip_addresses(v=6).map(str), lambda text: IPv6Address(text).exploded),
    "Enum8('a' = 1, 'b c' = 2)": (st.sampled_from(["a", "b c"]), same),
    "Array(Int64)": (st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5), same),
    "Array(Nullable(String))": (st.lists(st.none() | TEXT, max_size=5), same),
    "Array(Array(Float64))": (
        st.lists(st.lists(st.floats(-1e9, 1e9), max_size=3), max_size=3),
        same,
    ),
    "Map(String, UInt64)": (
        st.dictionaries(TEXT, st.integers(0, 2**64 - 1), max_size=4),
        same,
    ),
    "Tuple(a Int8, b String)": (
        st.fixed_dictionaries({"a": st.integers(-128, 127), "b": TEXT}),
        same,
    ),
    "SimpleAggregateFunction(max, UInt64)": integers(64, False),
}


class Space:
    """Tables by type, each made once: emptying them takes longer than filling them."""

    def __init__(self, engine: Engine, ingestion: Ingestion) -> None:
        self._engine = engine
        self._ingestion = ingestion
        self._tables: dict[str, Table] = {}

    def table(self, type_: str, path: str = "$.v") -> Table:
        key = f"{type_} {path}"
        if key not in self._tables:
            columns = [column("n", "Int32"), column("v", type_, path)]
            landing = create(self._engine, columns)
            self._tables[key] = Table(self._engine, self._ingestion, landing)
        return self._tables[key]


@pytest.fixture(scope="module")
def space(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Space]:
    ingestion = Ingestion(engine, tmp_path_factory.mktemp("properties"))
    yield Space(engine, ingestion)
    ingestion.close()


_numbers = itertools.count(0, 1000)


def stored(table: Table, base: int) -> Rows:
    """The rows of one example: those whose number is `base` or above."""
    return query(table.engine, f"SELECT n, v FROM {table.name} WHERE n >= {base}")


def rejected(table: Table, receipt: Receipt) -> Rows:
    name = f"{DATABASE}.{table.landing.datasource.quarantine}"
    return query(table.engine, f"SELECT * FROM {name} WHERE c__import_id = '{receipt.import_id}'")


def equal(left: Any, right: Any) -> bool:
    """To the last bit; a float that is whole is printed like an integer."""
    if isinstance(right, float):
        return float(left) == right
    if isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    return bool(left == right)


def dump(value: Any, ascii_: bool = False) -> str:
    return json.dumps(value, ensure_ascii=ascii_)


@pytest.mark.parametrize("type_", TYPES)
@EXAMPLES
@given(data=st.data())
def test_good_values_come_back_and_bad_neighbours_do_not_matter(
    space: Space, type_: str, data: st.DataObject
) -> None:
    values, expected = TYPES[type_]
    path = data.draw(st.sampled_from(["$.v", "$.v", "$.a.v"]))
    table, base = space.table(type_, path), next(_numbers)
    good = data.draw(st.lists(values, max_size=8))
    bad = st.binary(max_size=20).map(lambda junk: b"\x00" + junk.replace(b"\n", b""))
    lines: list[bytes] = []
    for n, value in enumerate(good, base):
        row = {"n": n, "v": value} if path == "$.v" else {"n": n, "a": {"v": value}}
        lines.append(dump(row, data.draw(st.booleans())).encode())
        if data.draw(st.integers(0, 5)) == 0:
            lines.append(data.draw(bad))
    receipt = table.append(b"\n".join(lines))
    junk = len(lines) - len(good)
    assert (receipt.successful_rows, receipt.quarantined_rows) == (len(good), junk)
    found = {row["n"]: row["v"] for row in stored(table, base)}
    assert found.keys() == set(range(base, base + len(good)))
    for n, value in enumerate(good, base):
        back = found[n]
        if type_ == "IPv6":
            back = IPv6Address(back).exploded
        elif type_ == "Float32":
            back = float32(back)
        assert equal(back, expected(value)), (value, back)
    assert len(rejected(table, receipt)) == junk


@pytest.mark.parametrize("type_", [*TYPES, "JSON", "Variant(Int32, String)", "Dynamic"])
@EXAMPLES
@given(values=st.lists(JSON, max_size=8), whole=st.booleans())
def test_any_json_is_accounted_for(
    space: Space, type_: str, values: list[Any], whole: bool
) -> None:
    table, base = space.table(type_), next(_numbers)
    rows = [{"n": n, "v": value} for n, value in enumerate(values, base)]
    if whole:
        receipt = table.append(dump(rows), "json")
    else:
        receipt = table.append("\n".join(map(dump, rows)))
    good = [row["n"] for row in stored(table, base)]
    bad = [int(row["n"]) for row in rejected(table, receipt)]
    assert (len(good), len(bad)) == (receipt.successful_rows, receipt.quarantined_rows)
    assert sorted(good + bad) == [row["n"] for row in rows]


FINE = b'{"n": 1, "v": "fine"}'


@EXAMPLES
@given(
    lines=st.lists(
        st.binary(max_size=40)
        | JSON.map(dump).map(str.encode)
        | st.just(FINE)
        | st.integers(1, 20).map(lambda end: FINE[:end]),
        max_size=10,
    )
)
def test_any_lines_are_accounted_for(space: Space, lines: list[bytes]) -> None:
    """A body with a broken line is read line by line: each one that is not blank is one row."""
    lines = [line.replace(b"\n", b"") for line in lines]
    table = space.table("String")
    before = table.count()
    receipt = table.append(b"\n".join([*lines, b"broken"]))
    first, *others = [*lines, b"broken"]
    sent = [first.removeprefix(b"\xef\xbb\xbf"), *others]
    assert receipt.successful_rows + receipt.quarantined_rows == sum(
        bool(line.strip(b" \t\r\n")) for line in sent
    )
    assert table.count() - before == receipt.successful_rows >= lines.count(FINE)
    assert len(rejected(table, receipt)) == receipt.quarantined_rows


@EXAMPLES
@given(body=st.binary(max_size=200), format_=st.sampled_from(["auto", "ndjson", "json"]))
def test_any_bytes_are_accounted_for(space: Space, body: bytes, format_: str) -> None:
    table = space.table("Nullable(String)")
    before = table.count()
    receipt = table.append(body, format_)
    assert table.count() - before == receipt.successful_rows
    assert len(rejected(table, receipt)) == receipt.quarantined_rows


@EXAMPLES
@given(
    cells=st.lists(st.lists(TEXT, min_size=1, max_size=2), max_size=8), junk=st.binary(max_size=99)
)
def test_any_csv_is_accounted_for(
    space: Space, tmp_path_factory: pytest.TempPathFactory, cells: list[list[str]], junk: bytes
) -> None:
    table, base = space.table("String"), next(_numbers)
    path = tmp_path_factory.getbasetemp() / "any.csv"
    rows = [[str(n), *row] for n, row in enumerate(cells, base)]
    lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
    path.write_bytes("\n".join(['"n","v"', *lines]).encode() + b"\n")
    receipt = table.append_file(path, "csv")
    good = [row[1] for row in rows if len(row) == 2]
    assert (receipt.successful_rows, receipt.quarantined_rows) == (len(good), len(rows) - len(good))
    assert sorted(row["v"] for row in stored(table, base)) == sorted(good)
    assert len(rejected(table, receipt)) == receipt.quarantined_rows
    before = table.count()
    path.write_bytes(b"n,v\n" + junk)
    receipt = table.append_file(path, "csv")
    assert table.count() - before == receipt.successful_rows
    assert len(rejected(table, receipt)) == receipt.quarantined_rows
