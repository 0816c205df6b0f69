"""How the difference between an answer and what a test expects reads."""

from __future__ import annotations

from typing import Any

import pytest
from tests.birdhouse.plugin.conftest import Suite

from birdhouse.testing.rows import Row, Rows, differences


def row(name: str, **changes: Any) -> Row:
    return {"name": name, "count": 1, **changes}


A, B, C = row("a"), row("b"), row("c")


@pytest.mark.parametrize(
    ("found", "expected", "lines"),
    [
        ([], [A], ["0 of 1 expected rows are there", f"row 0 is missing: {A}"]),
        ([A, B], [A], ["1 of 1 expected rows are there", f"row 1 was not expected: {B}"]),
        ([A, C], [A, B, C], ["2 of 3 expected rows are there", f"row 1 is missing: {B}"]),
        (
            [A, row("b", count=3)],
            [A, B],
            [
                "1 of 2 expected rows are there",
                "row 1:",
                "    count",
                "        found     3",
                "        expected  1",
            ],
        ),
        (
            [C, row("b", count=3), A],
            [B, A],
            [
                "1 of 2 expected rows are there",
                "row 0:",
                "    name",
                "        found     'c'",
                "        expected  'b'",
                f"row 1 was not expected: {row('b', count=3)}",
            ],
        ),
        (
            [row("a", count="1")],
            [A],
            [
                "0 of 1 expected rows are there",
                "row 0:",
                "    count",
                "        found     '1'",
                "        expected  1   (str, expected int)",
            ],
        ),
        (
            [row("a", steps=["x", "y", "z"])],
            [row("a", steps=["x", "w", "z"])],
            [
                "0 of 1 expected rows are there",
                "row 0:",
                "    steps[1]",
                "        found     'y'",
                "        expected  'w'",
            ],
        ),
        (
            [{"name": "a", "more": None}],
            [A],
            [
                "0 of 1 expected rows are there",
                "row 0:",
                "    count is missing: 1",
                "    more was not expected: None",
            ],
        ),
        (
            [A, B, C],
            [C, A, B],
            ["the same 3 rows in another order: the expected ones are, in turn, rows 2, 0, 1"],
        ),
        (
            [A, A, B],
            [A, B, B],
            [
                "2 of 3 expected rows are there",
                f"row 0 was not expected: {A}",
                f"row 2 is missing: {B}",
            ],
        ),
    ],
)
def test_a_difference_names_rows_and_columns(
    found: list[Row], expected: list[Row], lines: list[str]
) -> None:
    assert differences(found, expected) == lines


def test_a_long_difference_is_cut_unless_the_whole_is_asked_for() -> None:
    found = [row(f"{n}", text="x" * 500) for n in range(20)]
    cut = differences(found, [])
    assert len(cut) == 12
    assert cut[-1] == "… and 10 more (pytest -vv shows all)"
    assert cut[1].endswith("characters)")
    whole = differences(found, [], whole=True)
    assert len(whole) == 21
    assert whole[1].endswith("'}")


def test_rows_are_a_list_like_any_other() -> None:
    assert Rows([A, B]) == [A, B]
    assert Rows([A, B]) != [B, A]
    assert Rows([A])[0]["name"] == "a"


def test_a_failed_comparison_shows_it(suite: Suite) -> None:
    ended = suite.run(
        """
from birdhouse.testing import Rows

found = Rows([{"page": "/", "visits": 2}], "endpoint top_pages")

def test_it():
    assert found == [{"page": "/", "visits": 3}]

def test_turned():
    expected = [{"page": "/", "visits": 3}]
    assert expected == found
""",
    )
    assert ended.failed == 2, ended.output
    assert ended.output.count("endpoint top_pages: 1 rows, 1 expected") >= 2
    # The lines of the failures alone: with CI set, pytest's summary shows the difference again.
    failures = [line.split() for line in ended.output.splitlines() if line.startswith("E ")]
    assert failures.count(["E", "found", "2"]) == 2
    assert failures.count(["E", "expected", "3"]) == 2
