"""What the `tinybird` fixture gives a test, over a real server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import httpx
import pytest
from tests.server import Workspace

from birdhouse.testing import Receipt, Refused, RowsRejected, Tinybird

PROJECT = {
    "things.datasource": """\
TOKEN "append" APPEND

SCHEMA >
    id String `json:$.id`,
    at DateTime64(3) `json:$.at` DEFAULT '1970-01-01 00:00:00.000',
    day Date `json:$.day` DEFAULT '1970-01-01',
    price Decimal(10, 2) `json:$.price` DEFAULT 0
""",
    "echo.pipe": """\
NODE say
SQL >
    %
    SELECT {{String(name, 'nobody')}} AS name, {{DateTime(at, '2020-01-01 00:00:00')}} AS at,
        {{Array(ids, 'Int32', '0')}} AS ids, {{Boolean(flag, 0)}} AS flag

TYPE endpoint
""",
}


@pytest.fixture
def tinybird(workspace: Workspace) -> Iterator[Tinybird]:
    workspace.build(PROJECT)
    with httpx.Client() as http:
        yield Tinybird(http, workspace.server.url, workspace.token, workspace.name)


def test_rows_are_there_when_ingest_returns(tinybird: Tinybird) -> None:
    assert tinybird.ingest("things", [{"id": "a"}, {"id": "ü"}]) == Receipt(2, 0)
    assert tinybird.sql("select id from things order by id") == [{"id": "a"}, {"id": "ü"}]


def test_no_rows_are_no_request(tinybird: Tinybird) -> None:
    assert tinybird.ingest("unknown", []) == (0, 0)


def test_many_rows_go_in_several_requests(
    tinybird: Tinybird, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("birdhouse.testing.client._BATCH", 100)
    assert tinybird.ingest("things", ({"id": str(n)} for n in range(50))) == (50, 0)
    assert tinybird.sql("select uniqExact(id) as n from things") == [{"n": 50}]


def test_python_values_are_written_as_tinybird_reads_them(tinybird: Tinybird) -> None:
    zone = timezone(timedelta(hours=2))
    tinybird.ingest(
        "things",
        [
            {
                "id": UUID(int=1),
                "at": datetime(2025, 5, 1, 12, 0, 0, 5000, zone),
                "day": date(2025, 5, 1),
                "price": Decimal("9.99"),
            }
        ],
    )
    assert tinybird.sql("select * from things") == [
        {
            "id": "00000000-0000-0000-0000-000000000001",
            "at": "2025-05-01 10:00:00.005",
            "day": "2025-05-01",
            "price": 9.99,
        }
    ]


def test_a_value_that_json_does_not_know_is_named(tinybird: Tinybird) -> None:
    with pytest.raises(TypeError, match="set has no JSON"):
        tinybird.ingest("things", [{"id": {1}}])


def test_rejected_rows_fail_the_test_with_the_reasons(tinybird: Tinybird) -> None:
    with pytest.raises(RowsRejected, match=r"1 rows went to things_quarantine:\n.*day: .*never"):
        tinybird.ingest("things", [{"id": "a"}, {"id": "b", "day": "never"}])
    assert tinybird.ingest("things", [{"id": "b", "day": "never"}], strict=False) == (0, 1)


def test_rejected_rows_of_a_token_that_cannot_read(tinybird: Tinybird) -> None:
    tokens = tinybird.request("GET", "/v0/tokens").json()["tokens"]
    append = next(token["token"] for token in tokens if token["name"] == "append")
    with pytest.raises(RowsRejected, match="the reasons cannot be read: 403"):
        tinybird.using(append).ingest("things", [{"id": "b", "day": "never"}])


def test_parameters_of_endpoints(tinybird: Tinybird) -> None:
    assert tinybird.endpoint("echo") == [
        {"name": "nobody", "at": "2020-01-01 00:00:00", "ids": [0], "flag": 0}
    ]
    params = {"name": "it's", "at": datetime(2025, 5, 1, 10, tzinfo=UTC), "ids": [1, 2]}
    assert tinybird.endpoint("echo", **params, flag=True) == [
        {"name": "it's", "at": "2025-05-01 10:00:00", "ids": [1, 2], "flag": 1}
    ]
    assert tinybird.endpoint("echo", name=None)[0]["name"] == "nobody"


def test_sql_takes_parameters(tinybird: Tinybird) -> None:
    assert tinybird.sql("% select {{Int32(n)}} as n", n=3) == [{"n": 3}]


@pytest.mark.parametrize(
    ("ask", "status", "words"),
    [
        (lambda t: t.endpoint("nothing"), 404, "endpoint nothing"),
        (lambda t: t.endpoint("echo", ids="x"), 400, "endpoint echo"),
        (lambda t: t.sql("select nope"), 400, "sql"),
        (lambda t: t.ingest("nothing", [{}]), 404, r"ingest\('nothing'\)"),
        (lambda t: t.using("p.wrong").endpoint("echo"), 403, "Invalid"),
    ],
)
def test_a_refusal_says_what_and_why(tinybird: Tinybird, ask, status: int, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Refused, match=words) as refusal:
        ask(tinybird)
    assert refusal.value.status == status
    assert refusal.value.error


def test_any_other_request(tinybird: Tinybird) -> None:
    answer = tinybird.request("GET", "/v0/pipes/echo.csv", params={"name": "a"})
    assert answer.text.splitlines()[1].startswith('"a"')
