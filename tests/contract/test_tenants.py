"""A tenant sees its own rows and nothing else, in every endpoint."""

from __future__ import annotations

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


@pytest.mark.parametrize("name", ENDPOINTS)
@pytest.mark.parametrize("foreign", ["", "%", "tenant", "nobody"])
def test_a_foreign_tenant_sees_nothing(
    api: Api, tenant: str, user: str, session: str, name: str, foreign: str
) -> None:
    ids = {"tenant_id": tenant, "user_id": user, "session_id": session}
    api.ingest("user_sessions", [session_row(**ids)])
    api.ingest("events", [event_row(**ids, event_type=session, platform=session)])
    narrow = {"user_id": user, "session_id": session, "event_type": session, "platform": session}
    assert len(api.endpoint(name, tenant_id=tenant, **narrow)) == 1
    found = api.endpoint(name, tenant_id=foreign, **narrow)
    assert [row for row in found if tenant in row.values() or user in row.values()] == []


@pytest.mark.parametrize("name", ["get_active_sessions", "get_session_details"])
def test_an_empty_tenant_means_rows_without_a_tenant(
    api: Api, tenant: str, session: str, name: str
) -> None:
    api.ingest(
        "user_sessions",
        [session_row(session_id=session, tenant_id=t, user_id=session) for t in ["", tenant]],
    )
    params = {"session_id": session, "user_id": session}
    assert len(api.endpoint(name, **params)) == 2
    [row] = api.endpoint(name, tenant_id="", **params)
    assert row["tenant_id"] == ""
