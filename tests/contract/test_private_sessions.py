"""Rows sent to `private_user_sessions` are stored without whole IP addresses."""

from __future__ import annotations

import pytest
from tests.contract.api import Api
from tests.contract.rows import session_row


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("192.168.50.50", "192.168.50.0"),
        ("10.0.0.0", "10.0.0.0"),
        ("2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff", "2001:db8:aaaa::"),
        ("not an address", ""),
        ("", ""),
    ],
)
def test_the_address_is_truncated(api: Api, session: str, sent: str, stored: str) -> None:
    row = session_row(session_id=session, ip_address=sent)
    api.ingest("private_user_sessions", [row])
    found = api.endpoint("get_session_details", session_id=session)
    assert found == [row | {"ip_address": stored}]


def test_they_count_like_all_others(api: Api, tenant: str) -> None:
    rows = [session_row(tenant_id=tenant, event_id="e1"), session_row(tenant_id=tenant)]
    api.ingest("private_user_sessions", [*rows, rows[1]])
    api.ingest("private_user_sessions", rows[:1])
    [session] = api.endpoint("get_active_sessions", tenant_id=tenant)
    [summary] = api.endpoint("tenant_activity_summary", tenant_id=tenant)
    assert session["event_count"] == summary["total_events"] == 3


def test_nothing_is_stored_on_the_way(api: Api, session: str) -> None:
    api.ingest("private_user_sessions", [session_row(session_id=session)])
    sql = "select count() as n from private_user_sessions format JSON"
    assert api.get("/v0/sql", q=sql).json()["data"] == [{"n": 0}]
