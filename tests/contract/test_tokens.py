"""The tokens that the data project declares may do what they are for, and nothing else."""

from __future__ import annotations

import json

import pytest
from tests.contract.api import Api
from tests.contract.rows import event_row, session_row

ENDPOINTS = [
    "get_active_sessions",
    "tenant_activity_summary",
    "get_session_details",
    "get_events",
    "user_activity",
    "event_stats",
]
ROWS = {"user_sessions": session_row(), "events": event_row()}


@pytest.fixture(scope="session")
def tokens(api: Api) -> dict[str, str]:
    """The value of each token by its name."""
    response = api.get("/v0/tokens")
    assert response.status_code == 200, response.text
    return {token["name"]: token["token"] for token in response.json()["tokens"]}


@pytest.fixture(scope="session")
def ingest(tokens: dict[str, str]) -> str:
    return tokens["ingest"]


@pytest.fixture(scope="session")
def read_endpoints(tokens: dict[str, str]) -> str:
    return tokens["read_endpoints"]


@pytest.mark.parametrize("datasource", ROWS)
def test_ingest_appends(api: Api, ingest: str, tenant: str, datasource: str) -> None:
    row = ROWS[datasource] | {"tenant_id": tenant}
    response = api.post(
        "/v0/events", content=json.dumps(row), token=ingest, name=datasource, wait="true"
    )
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("name", ENDPOINTS)
def test_ingest_cannot_read_endpoints(api: Api, ingest: str, name: str) -> None:
    response = api.get(
        f"/v0/pipes/{name}.json", token=ingest, user_id="user_755", session_id="sess_1755"
    )
    assert response.status_code == 403
    assert response.json()["error"]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_read_endpoints_reads(api: Api, read_endpoints: str, tenant: str, name: str) -> None:
    response = api.get(
        f"/v0/pipes/{name}.json",
        token=read_endpoints,
        tenant_id=tenant,
        user_id="user_755",
        session_id="sess_1755",
    )
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("datasource", ROWS)
def test_read_endpoints_cannot_append(api: Api, read_endpoints: str, datasource: str) -> None:
    response = api.post(
        "/v0/events",
        content=json.dumps(ROWS[datasource]),
        token=read_endpoints,
        name=datasource,
        wait="true",
    )
    assert response.status_code == 403
    assert response.json()["error"]


@pytest.mark.parametrize("token", ["ingest", "read_endpoints"])
@pytest.mark.parametrize(
    "table", ["events", "user_sessions", "events_quarantine", "_filtered_events"]
)
def test_neither_reads_rows_by_sql(
    api: Api, tokens: dict[str, str], token: str, table: str
) -> None:
    response = api.get("/v0/sql", token=tokens[token], q=f"select count() from {table} format JSON")
    assert response.status_code == 403
    assert response.json()["error"]


@pytest.mark.parametrize("token", ["ingest", "read_endpoints"])
def test_neither_sees_other_tokens(api: Api, tokens: dict[str, str], token: str) -> None:
    response = api.get("/v0/tokens", token=tokens[token])
    assert response.status_code == 403


@pytest.mark.parametrize("token", ["wrong", "p.eyJ1IjogIngifQ.wrong"])
def test_a_wrong_token_opens_nothing(api: Api, token: str) -> None:
    for path in ["/v0/pipes/get_events.json", "/v0/sql?q=select+1", "/v0/tokens"]:
        assert api.get(path, token=token).status_code in (401, 403)
    response = api.post("/v0/events", content="{}", token=token, name="events")
    assert response.status_code in (401, 403)
