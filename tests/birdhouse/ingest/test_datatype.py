from __future__ import annotations

import pytest

from birdhouse.errors import BadRequest
from birdhouse.ingest.datatype import parse_type


@pytest.mark.parametrize(
    ("text", "family", "nullable"),
    [
        ("String", "String", False),
        ("Nullable(String)", "String", True),
        ("LowCardinality(Nullable(String))", "String", True),
        ("SimpleAggregateFunction(sum, UInt64)", "UInt64", False),
        ("SimpleAggregateFunction(anyLast, Nullable(Int32))", "Int32", True),
        ("DateTime64(3, 'Europe/Madrid')", "DateTime64", False),
        ("Array(Nullable(String))", "Array", False),
        ("JSON(max_dynamic_paths=8, a.b UInt32)", "JSON", False),
        ("Dynamic", "Dynamic", True),
    ],
)
def test_unwraps_to_the_type_of_the_values(text: str, family: str, nullable: bool) -> None:
    inner, found = parse_type(text).unwrap()
    assert (inner.family, found) == (family, nullable)


def test_splits_nested_arguments() -> None:
    found = parse_type("Map(String, Tuple(a Int32, b Array(Decimal(10, 2))))")
    assert found.arguments == ("String", "Tuple(a Int32, b Array(Decimal(10, 2)))")


def test_names_the_elements_of_a_tuple() -> None:
    named = parse_type("Tuple(a Int32, `b c` Array(String))").elements()
    assert [(name, kind.text) for name, kind in named] == [("a", "Int32"), ("b c", "Array(String)")]
    unnamed = parse_type("Tuple(Int32, Nullable(String))").elements()
    assert [(name, kind.text) for name, kind in unnamed] == [
        ("", "Int32"),
        ("", "Nullable(String)"),
    ]


def test_reads_the_names_of_an_enum() -> None:
    assert parse_type("Enum8('a' = 1, 'b,c' = -2, 'it\\'s' = 3)").names() == {
        "a": 1,
        "b,c": -2,
        "it's": 3,
    }
    assert parse_type("Enum('x', 'y')").names() == {"x": 1, "y": 2}


@pytest.mark.parametrize("text", ["", "(", "Array(Int32", "Int32 Int64", "1"])
def test_refuses_what_is_no_type(text: str) -> None:
    with pytest.raises(BadRequest, match="Invalid type"):
        parse_type(text)
