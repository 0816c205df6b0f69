"""Forms of a body: what is a row, and that each one is accounted for."""

from __future__ import annotations

import json

import pytest
from tests.birdhouse.ingest.conftest import MakeTable, Table, column

from birdhouse.errors import BadRequest
from birdhouse.ingest.plan import plan_for

GOOD = '{"n": 1, "s": "a"}'


@pytest.fixture
def table(make_table: MakeTable) -> Table:
    return make_table(column("n", "Int32"), column("s", "String"))


@pytest.mark.parametrize(
    ("body", "good", "bad"),
    [
        (GOOD, 1, 0),
        (f"{GOOD}\n{GOOD}\n", 2, 0),
        (f"{GOOD}\r\n{GOOD}\r\n", 2, 0),
        (f"\n\n  \n{GOOD}\n\t\n\n{GOOD}\n\n", 2, 0),
        ("\ufeff" + GOOD, 1, 0),
        ('{\n  "n": 1,\n  "s": "a"\n}\n', 1, 0),
        ('{\n  "n": 1,\n  "s": "a"\n}\n{\n  "n": 2,\n  "s": "b"\n}', 2, 0),
        (f"{GOOD}{GOOD}", 2, 0),
        (f"{GOOD} {GOOD}\n{GOOD}", 3, 0),
        ("", 0, 0),
        (" \n\r\n\t", 0, 0),
        ("\ufeff", 0, 0),
        (f"{GOOD}\nbroken\n{GOOD}", 2, 1),
        (f'{GOOD}\n{{"n": 1, "s": "a"', 1, 1),
        (f"{GOOD}\n{GOOD},\n{GOOD}", 2, 1),
        ("{}", 0, 1),
        (f"[{GOOD}]", 0, 1),
        ('null\n1\n"x"\ntrue\n[]', 0, 5),
        (f"{GOOD}\n\x00\n{GOOD}", 2, 1),
        ('{"n": 1, "s": "a\x00b"}', 0, 1),
        ('{"n": 1, "s": "a\nb"}', 0, 2),
        ('{"n": 1, "s": "\\ud83d"}', 0, 1),
        ('{"n": 1, "s": "\\ud83d\\ude00"}', 1, 0),
        ('{"n": 1, "s": "\\x"}', 0, 1),
        ("{'n': 1}", 0, 1),
        ('{"n": NaN, "s": ""}', 0, 1),
        ('{"n": 01, "s": ""}', 0, 1),
        ('{"n": 1, "n": 2, "s": ""}', 1, 0),
        ('{"n": 1, "s": "", "other": {"deep": [1, {"x": null}]}}', 1, 0),
    ],
)
def test_rows_of_a_body(table: Table, body: str, good: int, bad: int) -> None:
    receipt = table.append(body)
    assert (receipt.successful_rows, receipt.quarantined_rows) == (good, bad)
    assert (table.count(), len(table.quarantine())) == (good, bad)


@pytest.mark.parametrize(
    ("body", "good", "bad"),
    [
        (GOOD, 1, 0),
        (f"[{GOOD}, {GOOD}]", 2, 0),
        (f" [\n{GOOD},\n{{}}, 7, null\n] ", 1, 3),
        ("[]", 0, 0),
        (f"[{GOOD}", 0, 1),
        ('{\n"n": 1,\n"s"\n}', 0, 1),
    ],
)
def test_rows_of_a_json_document(table: Table, body: str, good: int, bad: int) -> None:
    receipt = table.append(body, "json")
    assert (receipt.successful_rows, receipt.quarantined_rows) == (good, bad)
    assert (table.count(), len(table.quarantine())) == (good, bad)


def test_bytes_that_are_not_utf8(table: Table) -> None:
    lines = [
        b'{"n": 1, "s": "\xff"}',
        b'{"n": 2, "s": "fine", "other": "\xff"}',
        b'{"n": 3, "s": "fine", "\xff": 1}',
        b"\xff\xfe",
        b'{"n": 4, "s": "\xed\xa0\x80"}',
    ]
    receipt = table.append(b"\n".join(lines))
    assert receipt.successful_rows + receipt.quarantined_rows == len(lines)
    assert {row["n"] for row in table.rows()} >= {2}
    rejected = {row["n"]: row for row in table.quarantine()}
    assert rejected["1"]["s"] == '"\\xff"'


def test_deep_nesting(table: Table) -> None:
    deep = "[" * 100_000
    shallow = "[" * 200 + "]" * 200
    bodies = [
        f'{{"n": 1, "s": "", "x": {deep}',
        f'{{"n": 2, "s": "", "x": {shallow}}}',
        f'{{"n": 3, "s": {deep}',
        f'{{"n": 4, "s": {shallow}}}',
        deep,
    ]
    receipt = table.append("\n".join(bodies))
    assert (receipt.successful_rows, receipt.quarantined_rows) == (2, 3)
    assert [row["n"] for row in table.rows("n")] == [2, 4]
    assert any("nested too deep" in error.message for error in receipt.errors)


def test_the_last_of_two_values_for_a_key_counts(table: Table) -> None:
    table.append('{"n": 1, "s": "a", "n": 2}')
    table.append('{"n": 1, "s": "a", "n": 2, "s": 3}')
    assert [(row["n"], row["s"]) for row in table.rows("s")] == [(2, "3"), (2, "a")]


def test_a_broken_line_keeps_its_text(table: Table) -> None:
    table.append('{"n": 1, "s": "it\'s\n')
    (row,) = table.quarantine()
    assert row["c__error_column"] == ["$"]
    assert row["c__error"][0].startswith(
        "value '{\"n\": 1, \"s\": \"it's' on column '$' is not a JSON object: "
    )


def test_the_receipt_samples_the_errors(table: Table) -> None:
    receipt = table.append("\n".join([GOOD, *['{"n": "x"}'] * 50]))
    assert len(receipt.errors) == 10
    assert receipt.errors[0].column == "n"
    assert {row["c__import_id"] for row in table.quarantine()} == {receipt.import_id}
    assert receipt.bytes == len("\n".join([GOOD, *['{"n": "x"}'] * 50]))


def test_one_bad_row_leaves_large_bodies_alone(table: Table) -> None:
    lines = [json.dumps({"n": n, "s": "x" * 50}) for n in range(5000)]
    lines[4321] = '{"n": "bad"}'
    receipt = table.append("\n".join(lines))
    assert (receipt.successful_rows, receipt.quarantined_rows) == (4999, 1)
    assert table.count() == 4999


def test_a_schema_without_jsonpaths_takes_no_json(make_table: MakeTable) -> None:
    table = make_table(column("n", "Int32", None))
    with pytest.raises(BadRequest, match="no JSONPaths"):
        table.append(GOOD)


def test_seconds_and_objects_are_stored_like_texts(make_table: MakeTable) -> None:
    """They pass the check of whole bodies; what is near them is looked at more closely."""
    table = make_table(
        column("n", "Int32"),
        column("at", "DateTime"),
        column("later", "Nullable(DateTime('Asia/Tokyo'))"),
        column("text", "String"),
        column("low", "LowCardinality(Nullable(String))"),
    )
    good = [
        '{"n": 1, "at": 1000000000, "later": null, "text": {"a":  1}, "low": [1, "x" ]}',
        '{"n": 2, "at": "2001-09-09 01:46:40", "later": 1000000000, "text": "t", "low": null}',
        '{"n": 3, "at": 4294967295, "later": "2001-09-09T01:46:40Z", "text": [], "low": {}}',
    ]
    plan = plan_for(table.landing.datasource.columns)
    assert plan.typed is not None
    assert plan.typed.count("\n".join(good).encode()) == 3
    near = [
        '{"n": 4, "at": 999999999, "text": "short"}',
        '{"n": 5, "at": 4294967296, "text": "late"}',
        '{"n": 6, "at": 1, "text": {"a": "\\ud800"}}',
    ]
    receipt = table.append("\n".join(good + near))
    assert (receipt.successful_rows, receipt.quarantined_rows) == (4, 2)
    rows = {row.pop("n"): row for row in table.rows("n")}
    start, end = "2001-09-09 01:46:40", "2106-02-07 06:28:15"
    there = "2001-09-09 10:46:40"
    assert rows[1] == {"at": start, "later": None, "text": '{"a":  1}', "low": '[1, "x" ]'}
    assert rows[2] == {"at": start, "later": there, "text": "t", "low": None}
    assert rows[3] == {"at": end, "later": there, "text": "[]", "low": "{}"}
    assert rows[4]["at"] == "2001-09-09 01:46:39"
    assert rows.keys() == {1, 2, 3, 4}


def test_milliseconds_and_microseconds_are_stored_as_sent(make_table: MakeTable) -> None:
    table = make_table(
        column("n", "Int32"),
        column("milli", "DateTime64(3)"),
        column("there", "Nullable(DateTime64(3, 'Asia/Tokyo'))"),
        column("micro", "DateTime64(6)"),
    )
    texts = {"milli": "2023-11-14T22:13:20.123Z", "micro": "2023-11-14 22:13:20.123456"}
    good = [
        '{"n": 1, "milli": 1700000000123, "there": null, "micro": 1700000000123456}',
        json.dumps({"n": 2, "there": 1700000000123, **texts}),
    ]
    plan = plan_for(table.landing.datasource.columns)
    assert plan.typed is not None
    assert plan.typed.count("\n".join(good).encode()) == 2
    seconds = '{"n": 3, "milli": 1700000000, "there": 1700000000000000, "micro": 1700000000123}'
    table.append("\n".join([*good, seconds]))
    milli, there, micro = (
        f"2023-11-{day}" for day in ("14 22:13:20", "15 07:13:20", "14 22:13:20")
    )
    assert table.rows("n") == [
        {"n": 1, "milli": f"{milli}.123", "there": None, "micro": f"{micro}.123456"},
        {"n": 2, "milli": f"{milli}.123", "there": f"{there}.123", "micro": f"{micro}.123456"},
        {"n": 3, "milli": f"{milli}.000", "there": f"{there}.000", "micro": f"{micro}.123000"},
    ]
