"""The ways in which a client may send the same request."""

from __future__ import annotations

from tests.contract.api import Api
from tests.contract.rows import event_row


def test_parameters_in_a_form(api: Api, user: str) -> None:
    api.ingest("events", [event_row(user_id=user, event_type=kind) for kind in ["a%20b", "c"]])
    fields = {"user_id": user, "event_type": "a%20b", "limit": "5"}
    response = api.post_form("/v0/pipes/get_events.json", **fields)
    assert response.status_code == 200, response.text
    assert [row["event_type"] for row in response.json()["data"]] == ["a%20b"]


def test_a_form_is_checked_like_an_address(api: Api) -> None:
    response = api.post_form("/v0/pipes/get_events.json", limit=0)
    assert response.status_code == 400
    assert "limit must be a whole number from 1 to 10000" in response.json()["error"]


def test_a_form_that_is_longer_than_an_address_may_be(api: Api, user: str) -> None:
    long = user + "x" * 20_000
    api.ingest("events", [event_row(user_id=long)])
    response = api.post_form("/v0/pipes/user_activity.json", user_id=long)
    assert response.status_code == 200, response.text
    assert [row["event_count"] for row in response.json()["data"]] == [1]


def test_sql_reads_endpoints_and_passes_them_parameters(api: Api, user: str) -> None:
    kinds = {"e1": "a", "e2": "b", "e3": "b"}
    rows = [
        event_row(user_id=user, event_id=event, event_type=kind) for event, kind in kinds.items()
    ]
    api.ingest("events", rows)
    sql = "select count() as events from get_events format JSON"
    response = api.get("/v0/sql", q=sql, user_id=user, event_type="b")
    assert response.status_code == 200, response.text
    assert response.json()["data"] == [{"events": 2}]


def test_sql_over_the_answer_of_an_endpoint(api: Api, user: str) -> None:
    api.ingest("events", [event_row(user_id=user)])
    response = api.get("/v0/pipes/user_activity.json", user_id=user, q="select event_count from _")
    assert response.status_code == 200, response.text
    assert response.json()["data"] == [{"event_count": 1}]
