"""How often a token may ask."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.birdhouse.reading import endpoint, error_of, pipe_scope, sign
from tests.server import Workspace, running

from birdhouse.http.rates import Rates


def test_a_second_has_as_many_requests_as_the_token_allows() -> None:
    rates = Rates()
    found = [rates.take("a", 3, now=10.0) for _ in range(4)]
    assert [rate.allowed for rate in found] == [True, True, True, False]
    assert [rate.remaining for rate in found] == [2, 1, 0, 0]
    assert [rate.reset for rate in found] == [0, 0, 0, 1]


@pytest.mark.parametrize(("later", "allowed"), [(0.2, False), (0.4, True), (10.0, True)])
def test_time_brings_new_requests(later: float, allowed: bool) -> None:
    rates = Rates()
    for _ in range(3):
        rates.take("a", 3, now=10.0)
    assert rates.take("a", 3, now=10.0 + later).allowed is allowed


def test_rest_is_not_saved_up() -> None:
    rates = Rates()
    rates.take("a", 2, now=0.0)
    found = [rates.take("a", 2, now=100.0).allowed for _ in range(3)]
    assert found == [True, True, False]


def test_tokens_do_not_share() -> None:
    rates = Rates()
    assert [rates.take(token, 1, now=0.0).allowed for token in "aabb"] == [True, False] * 2


def test_tokens_at_rest_are_forgotten() -> None:
    rates = Rates()
    for number in range(10_001):
        rates.take(str(number), 1, now=number / 10_000)
    rates.take("last", 1, now=50.0)
    assert len(rates._buckets) == 1


def test_a_jwt_above_its_rate_is_told_when_to_come_back(reading: Workspace) -> None:
    token = sign(reading, pipe_scope("echo"), limits={"rps": 2})
    with reading.server.client(token) as http:
        answers = [endpoint(http, "echo") for _ in range(20)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert answers[0].headers["x-ratelimit-limit"] == "2"
    assert answers[0].headers["x-ratelimit-remaining"] == "1"
    assert "retry-after" not in answers[0].headers
    assert refused
    assert error_of(refused[0]) == "Too many requests: the token allows 2 a second"
    assert refused[0].headers["retry-after"] == "1"
    assert refused[0].headers["x-ratelimit-remaining"] == "0"
    assert refused[0].headers["x-ratelimit-reset"] == "1"


def test_the_events_api_has_a_limit_when_it_is_told(tmp_path: Path) -> None:
    with running(tmp_path / "data", "serve", "--events-rps", "2") as server:
        workspace, other = server.workspace(), server.workspace()
        with workspace.http, other.http:
            for each in (workspace, other):
                each.build({"things.datasource": "SCHEMA >\n    id String `json:$.id`\n"})
            answers = [workspace.send("things", '{"id": "a"}') for _ in range(20)]
            refused = [answer for answer in answers if answer.status_code == 429]
            assert answers[0].headers["x-ratelimit-limit"] == "2"
            assert answers[0].headers["x-ratelimit-remaining"] == "1"
            assert "retry-after" not in answers[0].headers
            assert refused
            assert error_of(refused[0]) == "Too many requests: the Events API allows 2 a second"
            assert refused[0].headers["retry-after"] == "1"
            assert refused[0].headers["x-ratelimit-reset"] == "1"
            assert other.send("things", '{"id": "a"}').status_code == 200
            stored = workspace.rows("select count() as n from things")[0]["n"]
            assert stored == len(answers) - len(refused)


def test_without_a_limit_there_are_no_rate_headers(reading: Workspace) -> None:
    assert "x-ratelimit-limit" not in endpoint(reading.http, "echo").headers
