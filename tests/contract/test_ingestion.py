from __future__ import annotations

import gzip
import json
import time

import pytest
from tests.contract.api import Api, Row
from tests.contract.rows import event_row, session_row

VISIBLE_SECONDS = 30


def lines(*rows: Row) -> str:
    return "\n".join(json.dumps(row) for row in rows)


@pytest.mark.parametrize("trailing", ["", "\n", "\n\n"])
def test_events_that_were_waited_for_are_there_for_the_next_reader(
    api: Api, user: str, trailing: str
) -> None:
    rows = [event_row(user_id=user, event_id="e2"), event_row(user_id=user, event_id="e1")]
    response = api.post("/v0/events", content=lines(*rows) + trailing, name="events", wait="true")
    assert response.status_code == 200
    assert response.json() == {"successful_rows": 2, "quarantined_rows": 0}
    assert api.endpoint("get_events", user_id=user) == rows


def test_events_that_were_not_waited_for_are_there_soon(api: Api, user: str) -> None:
    response = api.post("/v0/events", content=lines(event_row(user_id=user)), name="events")
    assert response.status_code == 202
    assert response.json() == {"successful_rows": 1, "quarantined_rows": 0}
    deadline = time.monotonic() + VISIBLE_SECONDS
    while not api.endpoint("get_events", user_id=user):
        assert time.monotonic() < deadline, "the event never became visible"
        time.sleep(0.1)


def test_a_compressed_body(api: Api, user: str) -> None:
    body = gzip.compress(
        lines(*(event_row(user_id=user, event_id=f"e{n}") for n in range(1_000))).encode()
    )
    response = api.post(
        "/v0/events",
        content=body,
        headers={"Content-Encoding": "gzip"},
        name="events",
        wait="true",
    )
    assert response.json() == {"successful_rows": 1_000, "quarantined_rows": 0}
    [found] = api.endpoint("user_activity", user_id=user)
    assert found["event_count"] == 1_000


@pytest.mark.parametrize(
    "bad",
    [
        '{"event_id": ',
        "not json",
        lines(event_row(timestamp="yesterday")),
        lines({key: value for key, value in event_row().items() if key != "event_id"}),
        lines(event_row(country=None)),
    ],
    ids=["cut off", "not json", "not a time", "a key is missing", "null"],
)
def test_a_bad_row_goes_to_quarantine_and_the_good_ones_are_stored(
    api: Api, user: str, bad: str
) -> None:
    good = [event_row(user_id=user, event_id=f"e{n}") for n in range(2)]
    body = "\n".join([lines(good[0]), bad, lines(good[1])])
    response = api.post("/v0/events", content=body, name="events", wait="true")
    assert response.status_code == 200
    assert response.json() == {"successful_rows": 2, "quarantined_rows": 1}
    assert api.endpoint("get_events", user_id=user) == good[::-1]


def test_the_reason_of_a_quarantine_can_be_read(api: Api, user: str) -> None:
    row = event_row(user_id=user, timestamp="yesterday")
    response = api.post("/v0/events", content=lines(row), name="events", wait="true")
    assert response.json() == {"successful_rows": 0, "quarantined_rows": 1}
    sql = f"select * from events_quarantine where user_id = '{user}' format JSON"
    [found] = api.get("/v0/sql", q=sql).json()["data"]
    assert found["c__error_column"] == ["timestamp"]
    assert "yesterday" in found["c__error"][0]
    assert found["event_id"] == row["event_id"]


def test_keys_that_are_no_columns_are_ignored(api: Api, session: str) -> None:
    row = session_row(session_id=session)
    api.ingest("user_sessions", [row | {"colour": "red"}])
    assert api.endpoint("get_session_details", session_id=session) == [row]


@pytest.mark.parametrize(
    "value", ["", 'it\'s \\ 100% "there"', "日本語 🐦", "a\nb\tc", "x" * 10_000]
)
def test_any_text_comes_back_as_it_was_sent(api: Api, session: str, value: str) -> None:
    row = session_row(session_id=session, event_data=value, page_url=value)
    api.ingest("user_sessions", [row])
    assert api.endpoint("get_session_details", session_id=session) == [row]


def test_an_unknown_data_source_is_refused(api: Api) -> None:
    response = api.post("/v0/events", content=lines(event_row()), name="weather", wait="true")
    assert response.status_code in (403, 404)
    assert "weather" in response.json()["error"]


def test_a_request_without_a_name_is_refused(api: Api) -> None:
    response = api.post("/v0/events", content=lines(event_row()))
    assert response.status_code == 400
    assert response.json()["error"]
