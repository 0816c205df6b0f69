from __future__ import annotations

import csv
import json

import pytest
from tests.contract.api import Api
from tests.contract.rows import event_row, session_row

TEXT, TIME, COUNT, TEXTS = "String", "DateTime", "UInt64", "Array(String)"

COLUMNS = {
    "get_active_sessions": {
        "session_id": TEXT,
        "user_id": TEXT,
        "tenant_id": TEXT,
        "session_start": TIME,
        "last_activity": TIME,
        "session_duration_seconds": "Int64",
        "event_count": COUNT,
        "events": TEXTS,
    },
    "tenant_activity_summary": {
        "tenant_id": TEXT,
        "total_sessions": COUNT,
        "total_users": COUNT,
        "first_activity": TIME,
        "last_activity": TIME,
        "total_events": COUNT,
    },
    "get_session_details": {
        "session_id": TEXT,
        "user_id": TEXT,
        "tenant_id": TEXT,
        "event_type": TEXT,
        "event_data": TEXT,
        "page_url": TEXT,
        "referrer": TEXT,
        "device_type": TEXT,
        "browser": TEXT,
        "ip_address": TEXT,
        "created_at": TIME,
        "updated_at": TIME,
    },
    "get_events": {
        "event_id": TEXT,
        "event_type": TEXT,
        "user_id": TEXT,
        "session_id": TEXT,
        "timestamp": TIME,
        "platform": TEXT,
        "app_version": TEXT,
        "device_type": TEXT,
        "os": TEXT,
        "country": TEXT,
        "properties": TEXT,
    },
    "user_activity": {
        "user_id": TEXT,
        "session_count": COUNT,
        "event_count": COUNT,
        "first_seen": TIME,
        "last_seen": TIME,
        "recent_events": TEXTS,
        "platforms_used": TEXTS,
    },
    "event_stats": {
        "event_type": TEXT,
        "event_count": COUNT,
        "unique_users": COUNT,
        "first_seen": TIME,
        "last_seen": TIME,
        "session_count": COUNT,
    },
}

endpoints = pytest.mark.parametrize("name", COLUMNS)


@pytest.fixture
def params(api: Api, tenant: str, user: str, session: str) -> dict[str, str]:
    """Parameters with which every endpoint answers with exactly one row."""
    ids = {"tenant_id": tenant, "user_id": user, "session_id": session}
    api.ingest("user_sessions", [session_row(**ids)])
    api.ingest("events", [event_row(**ids)])
    return ids


@endpoints
def test_json_tells_the_columns_their_types_and_the_rows(
    api: Api, params: dict[str, str], name: str
) -> None:
    response = api.get(f"/v0/pipes/{name}.json", **params)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("application/json")
    body = response.json()
    assert {column["name"]: column["type"] for column in body["meta"]} == COLUMNS[name]
    assert [column["name"] for column in body["meta"]] == list(COLUMNS[name])
    assert [list(row) for row in body["data"]] == [list(COLUMNS[name])]
    assert body["rows"] == 1
    assert body["statistics"].keys() == {"elapsed", "rows_read", "bytes_read"}


@endpoints
def test_json_tells_the_columns_also_without_rows(
    api: Api, tenant: str, user: str, session: str, name: str
) -> None:
    response = api.get(f"/v0/pipes/{name}.json", tenant_id=tenant, user_id=user, session_id=session)
    assert response.status_code == 200, response.text
    body = response.json()
    assert [column["name"] for column in body["meta"]] == list(COLUMNS[name])
    assert (body["data"], body["rows"]) == ([], 0)


@endpoints
def test_numbers_are_numbers_and_lists_are_lists(
    api: Api, params: dict[str, str], name: str
) -> None:
    [row] = api.endpoint(name, **params)
    kinds: dict[str, type] = {TEXT: str, TIME: str, COUNT: int, "Int64": int, TEXTS: list}
    assert {column: type(value) for column, value in row.items()} == {
        column: kinds[kind] for column, kind in COLUMNS[name].items()
    }


@endpoints
def test_ndjson_is_one_object_a_line(api: Api, params: dict[str, str], name: str) -> None:
    response = api.get(f"/v0/pipes/{name}.ndjson", **params)
    assert response.status_code == 200, response.text
    assert "ndjson" in response.headers["content-type"]
    assert response.text.endswith("\n")
    rows = [json.loads(line) for line in response.text.splitlines()]
    assert rows == api.endpoint(name, **params)
    assert [list(row) for row in rows] == [list(COLUMNS[name])]


@endpoints
def test_csv_has_a_line_of_names(api: Api, params: dict[str, str], name: str) -> None:
    response = api.get(f"/v0/pipes/{name}.csv", **params)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/csv")
    header, *rows = csv.reader(response.text.splitlines())
    assert header == list(COLUMNS[name])
    [expected] = api.endpoint(name, **params)
    assert rows == [[_in_csv(value) for value in expected.values()]]


@endpoints
def test_empty_answers_in_text_formats(
    api: Api, tenant: str, user: str, session: str, name: str
) -> None:
    ids = {"tenant_id": tenant, "user_id": user, "session_id": session}
    assert api.get(f"/v0/pipes/{name}.ndjson", **ids).text == ""
    [header] = csv.reader(api.get(f"/v0/pipes/{name}.csv", **ids).text.splitlines())
    assert header == list(COLUMNS[name])


def _in_csv(value: object) -> str:
    if isinstance(value, list):
        return "[" + ",".join(f"'{item}'" for item in value) + "]"
    return str(value)
