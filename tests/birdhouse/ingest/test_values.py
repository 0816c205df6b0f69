"""The table of docs/ingestion.md, type by type: what is stored, and what goes to quarantine."""

from __future__ import annotations

from typing import Any

import pytest
from tests.birdhouse.ingest.conftest import MakeTable, column

BAD = object()
"""The row goes to quarantine."""
LACKING = object()
"""The row comes without the key."""

UUID = "61f0c404-5cb3-11e7-907b-a6006ad3dba0"

VALUES: dict[str, list[tuple[Any, Any]]] = {
    "String": [
        ('"text"', "text"),
        ('""', ""),
        ('"a\\u0000\\u00e9"', "a\0é"),
        ("1.50", "1.50"),
        ("true", "true"),
        ('{"b": [1, 2]}', '{"b": [1, 2]}'),
        ("[1, 2]", "[1, 2]"),
        ("null", BAD),
        (LACKING, BAD),
    ],
    "Nullable(String)": [("null", None), (LACKING, None), ('""', ""), ("1", "1")],
    "LowCardinality(String)": [('"a"', "a"), ("7", "7"), ("null", BAD)],
    "LowCardinality(Nullable(String))": [('"a"', "a"), ("null", None), (LACKING, None)],
    "FixedString(3)": [('"abc"', "abc"), ('"é"', "é\0"), ('"abcd"', BAD), ('"éé"', BAD)],
    "UInt8": [
        ("255", 255),
        ("256", BAD),
        ("-1", BAD),
        ("-0", 0),
        ("true", 1),
        ("false", 0),
        ('"12"', 12),
        ('" 12 "', 12),
        ("1.0", 1),
        ("2e2", 200),
        ("1.5", BAD),
        ('""', BAD),
        ('"true"', BAD),
        ('"1_0"', BAD),
        ('"٣"', BAD),
        ("1e999999999", BAD),
        ("[1]", BAD),
    ],
    "Int32": [("-2147483648", -2147483648), ("2147483648", BAD), ("true", 1), ("null", BAD)],
    "Int64": [("9223372036854775807", 2**63 - 1), ("9223372036854775808", BAD)],
    "UInt64": [("18446744073709551615", 2**64 - 1), ("18446744073709551616", BAD), ("-1", BAD)],
    "Int128": [(str(2**127 - 1), 2**127 - 1), (str(2**127), BAD), (f'"{-(2**127)}"', -(2**127))],
    "UInt256": [(str(2**256 - 1), 2**256 - 1), (str(2**256), BAD)],
    "Nullable(Int32)": [("null", None), (LACKING, None), ("5", 5), ('""', BAD)],
    "Float64": [
        ("1.5", 1.5),
        ("7", 7),
        ("1e-300", 1e-300),
        ('"1.5"', 1.5),
        ('"nan"', "nan"),
        ('"-inf"', "-inf"),
        ("1e999", BAD),
        ('""', BAD),
        ('"abc"', BAD),
        ('"1_0"', BAD),
        ("true", 1),
    ],
    "Float32": [("0.5", 0.5), ("1e39", BAD), ("-3e38", -3e38)],
    "Decimal(10, 2)": [
        ("1.5", "1.5"),
        ('"12345678.99"', "12345678.99"),
        ("1.239", "1.23"),
        ("1e3", "1000"),
        ("123456789", BAD),
        ('"1,5"', BAD),
        ('""', BAD),
        ('"NaN"', BAD),
    ],
    "Decimal(38, 18)": [('"12345678901234567890.123456789012345678"',) * 2],
    "Bool": [
        ("true", True),
        ("0", False),
        ('"true"', True),
        ('"No"', False),
        ("2", BAD),
        ('"maybe"', BAD),
    ],
    "Date": [
        ('"2025-05-12"', "2025-05-12"),
        ('"2025-05-12T23:30:00Z"', "2025-05-12"),
        ("20220", "2025-05-12"),
        ("1747033454", "2025-05-12"),
        ('"2025-02-30"', BAD),
        ('"1960-01-01"', BAD),
        ('""', BAD),
    ],
    "Date32": [
        ('"1900-01-01"', "1900-01-01"),
        ('"2299-12-31"', "2299-12-31"),
        ("-1", "1969-12-31"),
    ],
    "DateTime": [
        ('"2025-05-12 07:04:14"', "2025-05-12 07:04:14"),
        ('"2025-05-12T07:04:14.999Z"', "2025-05-12 07:04:14"),
        ('"2025-05-12T07:04:14+02:00"', "2025-05-12 05:04:14"),
        ('"2025-05-12t07:04:14z"', "2025-05-12 07:04:14"),
        ('"2025-05-12"', "2025-05-12 00:00:00"),
        ("1747033454", "2025-05-12 07:04:14"),
        ('"1747033454"', "2025-05-12 07:04:14"),
        ('"12"', "1970-01-01 00:00:12"),
        ("1747033454123", BAD),
        ('"1950-01-01 00:00:00"', BAD),
        ('"2106-12-31 00:00:00"', BAD),
        ('"banana"', BAD),
    ],
    "DateTime('Europe/Madrid')": [
        ('"2025-05-12 07:04:14"', "2025-05-12 07:04:14"),
        ('"2025-05-12 07:04:14Z"', "2025-05-12 09:04:14"),
        ("1747033454", "2025-05-12 09:04:14"),
    ],
    "DateTime64(3)": [
        ('"2025-05-12 07:04:14.123456"', "2025-05-12 07:04:14.123"),
        ('"2025-05-12T07:04:14.5+02:00"', "2025-05-12 05:04:14.500"),
        ("1747033454", "2025-05-12 07:04:14.000"),
        ("1747033454123", "2025-05-12 07:04:14.123"),
        ("1747033454.5", "2025-05-12 07:04:14.500"),
        ("-1.25", "1969-12-31 23:59:58.750"),
        ('"1900-01-01"', "1900-01-01 00:00:00.000"),
        ('"1899-12-31"', BAD),
    ],
    "DateTime64(9, 'UTC')": [
        ('"2025-05-12T07:04:14.123456789Z"', "2025-05-12 07:04:14.123456789"),
        ("1747033454123456789", "2025-05-12 07:04:14.123456789"),
        ('"2262-05-01"', BAD),
    ],
    "UUID": [
        (f'"{UUID}"', UUID),
        (f'"{UUID.upper()}"', UUID),
        (f'"{UUID.replace("-", "")}"', UUID),
        (f'"{{{UUID}}}"', BAD),
        ('"z1f0c404-5cb3-11e7-907b-a6006ad3dba0"', BAD),
        ('""', BAD),
    ],
    "IPv4": [('"1.2.3.4"', "1.2.3.4"), ("16909060", "1.2.3.4"), ('"1.2.3.400"', BAD), ('""', BAD)],
    "IPv6": [
        ('"::1"', "::1"),
        ('"1.2.3.4"', "::ffff:1.2.3.4"),
        ('"x"', BAD),
        ('"fe80::1%eth0"', BAD),
    ],
    "Enum8('a' = 1, 'b' = 2)": [('"a"', "a"), ("2", "b"), ('"c"', BAD), ("3", BAD)],
    "Array(Int32)": [
        ("[1, 2]", [1, 2]),
        ('["3", 4.0]', [3, 4]),
        ('"[5]"', [5]),
        ("[]", []),
        ("null", []),
        (LACKING, []),
        ("[1, null]", BAD),
        ('["x"]', BAD),
        ("7", BAD),
    ],
    "Array(Nullable(String))": [('["a", null, 1]', ["a", None, "1"])],
    "Array(Array(UInt64))": [(f"[[{2**64 - 1}], []]", [[2**64 - 1], []]), (f"[[{2**64}]]", BAD)],
    "Array(DateTime)": [
        ('["2025-05-12T07:04:14Z", 5]', ["2025-05-12 07:04:14", "1970-01-01 00:00:05"])
    ],
    "Map(String, Int32)": [
        ('{"a": 1, "b": "2"}', {"a": 1, "b": 2}),
        ("{}", {}),
        (LACKING, {}),
        ('{"a": null}', BAD),
        ('{"a": "x"}', BAD),
        ("[]", BAD),
    ],
    "Map(UInt8, String)": [('{"1": "a", "2": 3}', {"1": "a", "2": "3"}), ('{"256": "a"}', BAD)],
    "Tuple(a Int32, b String)": [
        ('{"a": 1, "b": "x"}', {"a": 1, "b": "x"}),
        ('{"b": "x", "c": 1}', {"a": 0, "b": "x"}),
        ('[1, "x"]', {"a": 1, "b": "x"}),
        ('{"a": "x"}', BAD),
        ('{"a": null}', BAD),
        (LACKING, BAD),
    ],
    "Tuple(Int32, String)": [('[1, "x"]', [1, "x"]), ("[1]", BAD), ('{"1": 2}', BAD)],
    "JSON": [
        ('{"a": {"b": 1}}', {"a": {"b": 1}}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        (LACKING, {}),
        ("[1]", BAD),
        ('"x"', BAD),
    ],
    "SimpleAggregateFunction(sum, UInt64)": [("5", 5), ("-5", BAD), ("null", BAD)],
    "SimpleAggregateFunction(anyLast, Nullable(Int8))": [("5", 5), ("null", None), ("128", BAD)],
    "Variant(Int32, String)": [("1", 1), ('"a"', "a"), ("null", None)],
    "Dynamic": [("1", 1), ('"a"', "a"), (LACKING, None)],
    "Point": [("[1, 2]", [1, 2]), ('"x"', BAD)],
    "Time": [('"10:11:12"', "10:11:12"), ('"x"', BAD)],
}


@pytest.mark.parametrize("type_", VALUES)
def test_values(make_table: MakeTable, type_: str) -> None:
    """All values of a type in one body, so that the bad ones have good neighbours."""
    table = make_table(column("n", "Int32"), column("v", type_))
    cases = VALUES[type_]
    lines = [
        f'{{"n": {number}}}' if sent is LACKING else f'{{"n": {number}, "v": {sent}}}'
        for number, (sent, _) in enumerate(cases)
    ]
    receipt = table.append("\n".join(lines))
    stored = {row["n"]: row["v"] for row in table.rows()}
    if type_ == "Decimal(38, 18)":
        stored = {n: f'"{v}"' for n, v in stored.items()}
    expected = {n: value for n, (_, value) in enumerate(cases) if value is not BAD}
    assert stored == expected
    assert receipt.successful_rows == len(expected)
    assert receipt.quarantined_rows == len(cases) - len(expected)
    rejected = {row["n"]: row for row in table.quarantine()}
    assert {int(n) for n in rejected} == set(range(len(cases))) - set(expected)
    for row in rejected.values():
        assert row["c__error_column"] == ["v"]
        assert row["c__error"][0].startswith("value '")


@pytest.mark.parametrize("type_", VALUES)
def test_each_value_alone(make_table: MakeTable, type_: str) -> None:
    """The same when each value is a body of its own, so that the fast check decides alone."""
    table = make_table(column("n", "Int32"), column("v", type_))
    for number, (sent, value) in enumerate(VALUES[type_]):
        line = f'{{"n": {number}' + ("}" if sent is LACKING else f', "v": {sent}}}')
        receipt = table.append(line)
        expected = (0, 1) if value is BAD else (1, 0)
        assert (receipt.successful_rows, receipt.quarantined_rows) == expected, sent


def test_the_message_has_tinybirds_form(make_table: MakeTable) -> None:
    table = make_table(column("abslevel", "Float32"), column("n", "Nullable(UInt8)"))
    table.append('{"abslevel": "", "n": 300}\n{"n": 1}')
    empty, lacking = sorted(table.quarantine(), key=lambda row: str(row["n"]), reverse=True)
    assert empty["c__error_column"] == ["abslevel", "n"]
    assert empty["c__error"] == [
        "value '' on column 'abslevel' is not Float32",
        "value '300' on column 'n' is not UInt8",
    ]
    assert (empty["abslevel"], empty["n"]) == ("", "300")
    assert lacking["c__error"] == ["value '' on column 'abslevel' is not Float32"]
    assert lacking["abslevel"] is None


class TestDefaults:
    def test_take_the_place_of_a_key_that_is_missing_or_null(self, make_table: MakeTable) -> None:
        table = make_table(
            column("n", "Int32"),
            column("a", "Int32", default="n + 100"),
            column("b", "LowCardinality(String)", default="'none'"),
            column("c", "Nullable(Int32)", default="7"),
        )
        table.append(
            '{"n": 1}\n{"n": 2, "a": null, "b": null, "c": null}\n{"n": 3, "a": 4, "b": ""}'
        )
        assert table.rows("n") == [
            {"n": 1, "a": 101, "b": "none", "c": 7},
            {"n": 2, "a": 102, "b": "none", "c": None},
            {"n": 3, "a": 4, "b": "", "c": 7},
        ]

    def test_do_not_excuse_a_value_of_another_type(self, make_table: MakeTable) -> None:
        table = make_table(column("a", "Int32", default="1"))
        receipt = table.append('{"a": "x"}')
        assert (receipt.successful_rows, receipt.quarantined_rows) == (0, 1)

    @pytest.mark.parametrize("path", ["$.m", "$.x.m"])
    def test_may_read_columns_under_other_keys(self, make_table: MakeTable, path: str) -> None:
        table = make_table(
            column("n", "Int32", path),
            column("a", "Int32", "$.aa", "n * 2"),
            column("z", "Int32", None),
        )
        table.append('{"m": 1, "x": {"m": 1}, "n": 50, "z": 9}')
        assert table.rows() == [{"n": 1, "a": 2, "z": 0}]

    def test_of_a_column_without_jsonpath(self, make_table: MakeTable) -> None:
        table = make_table(
            column("n", "Int32"), column("at", "String", None, "concat('n', toString(n))")
        )
        table.append('{"n": 1, "at": "from outside"}')
        assert table.rows() == [{"n": 1, "at": "n1"}]

    def test_that_throw_cost_their_own_row_only(self, make_table: MakeTable) -> None:
        table = make_table(column("t", "String"), column("n", "Int32", default="toInt32(t)"))
        receipt = table.append('{"t": "1"}\n{"t": "x"}\n{"t": "5", "n": 3}')
        assert (receipt.successful_rows, receipt.quarantined_rows) == (2, 1)
        assert table.rows("n") == [{"t": "1", "n": 1}, {"t": "5", "n": 3}]
        assert table.quarantine()[0]["t"] == "x"


class TestPaths:
    def test_nested_keys_arrays_and_the_whole_document(self, make_table: MakeTable) -> None:
        table = make_table(
            column("id", "Int32", "$.meta.id"),
            column("tags", "Array(String)", "$.tags[:]"),
            column("prices", "Array(Float64)", "$.items[:].price"),
            column("skus", "Array(Array(String))", "$.items[:].skus[:]"),
            column("agent", "Nullable(String)", "$.headers.user-agent"),
            column("dotted", "Nullable(Int32)", "$['a.b']"),
            column("raw", "String", "$"),
        )
        document = (
            '{"meta": {"id": 1}, "tags": ["x", 2], "a.b": 5, "headers": {"user-agent": "curl"}, '
            '"items": [{"price": 1.5, "skus": ["a"]}, {"price": 2, "skus": []}]}'
        )
        receipt = table.append(document + '\n{"meta": {"id": 2}}\n{"meta": 3}')
        assert (receipt.successful_rows, receipt.quarantined_rows) == (2, 1)
        first, second = table.rows("id")
        assert first == {
            "id": 1,
            "tags": ["x", "2"],
            "prices": [1.5, 2],
            "skus": [["a"], []],
            "agent": "curl",
            "dotted": 5,
            "raw": document,
        }
        assert (second["tags"], second["prices"], second["agent"]) == ([], [], None)
        assert table.quarantine()[0]["raw"] == '{"meta": 3}'

    def test_keys_other_than_the_columns(self, make_table: MakeTable) -> None:
        table = make_table(column("user_id", "String", "$.userId"), column("n", "Int32", "$.a b"))
        table.append('{"userId": "u", "a b": 1, "user_id": "other"}')
        assert table.rows() == [{"user_id": "u", "n": 1}]

    def test_two_columns_of_one_key(self, make_table: MakeTable) -> None:
        table = make_table(column("text", "String", "$.v"), column("number", "Int32", "$.v"))
        table.append('{"v": 12}')
        assert table.rows() == [{"text": "12", "number": 12}]

    def test_columns_with_odd_names(self, make_table: MakeTable) -> None:
        table = make_table(column("a b`c", "Int32", "$.x"), column("ñ", "String", "$.y"))
        receipt = table.append('{"x": 1, "y": "z"}\n{"x": "bad", "y": "q"}')
        assert receipt.quarantined_rows == 1
        assert table.rows() == [{"a b`c": 1, "ñ": "z"}]
        assert table.quarantine()[0]["a b`c"] == "bad"

    def test_an_element_without_the_key(self, make_table: MakeTable) -> None:
        table = make_table(
            column("some", "Array(Nullable(Int32))", "$.i[:].v"), column("n", "Int32")
        )
        table.append('{"n": 1, "i": [{"v": 1}, {}]}')
        assert table.rows() == [{"some": [1, None], "n": 1}]
