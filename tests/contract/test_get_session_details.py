from __future__ import annotations

from itertools import permutations

import pytest
from tests.contract.api import Api
from tests.contract.rows import session_row


def test_every_column_comes_back_as_it_was_sent(api: Api, session: str) -> None:
    row = session_row(session_id=session)
    api.ingest("user_sessions", [row])
    assert api.endpoint("get_session_details", session_id=session) == [row]


def test_rows_stand_in_the_order_of_time(api: Api, session: str) -> None:
    times = ["2025-05-07 12:00:00", "2025-04-30 23:59:59", "2025-05-07 11:59:59"]
    api.ingest("user_sessions", [session_row(session_id=session, created_at=t) for t in times])
    found = api.endpoint("get_session_details", session_id=session)
    assert [row["created_at"] for row in found] == sorted(times)


@pytest.mark.parametrize(
    "column", ["event_type", "page_url", "referrer", "event_data", "browser", "ip_address"]
)
def test_rows_of_the_same_second_always_stand_in_the_same_order(
    api: Api, session: str, column: str
) -> None:
    orders = list(permutations(["a", "b", "c"]))
    for number, order in enumerate(orders):
        rows = [session_row(session_id=f"{session}_{number}", **{column: v}) for v in order]
        api.ingest("user_sessions", rows)
    for number in range(len(orders)):
        found = api.endpoint("get_session_details", session_id=f"{session}_{number}")
        assert [row[column] for row in found] == ["a", "b", "c"]


def test_rows_created_in_the_same_second_stand_in_the_order_of_their_updates(
    api: Api, session: str
) -> None:
    updates = {"2025-05-07 16:41:44": "a", "2025-05-07 16:41:42": "c", "2025-05-07 16:41:43": "b"}
    api.ingest(
        "user_sessions",
        [
            session_row(session_id=session, updated_at=time, event_type=kind)
            for time, kind in updates.items()
        ],
    )
    found = api.endpoint("get_session_details", session_id=session)
    assert [row["event_type"] for row in found] == ["c", "b", "a"]


def test_tenants_that_share_a_session_id_are_told_apart_by_tenant_id(
    api: Api, session: str, tenant: str
) -> None:
    tenants = [f"{tenant}_a", f"{tenant}_b"]
    api.ingest("user_sessions", [session_row(session_id=session, tenant_id=t) for t in tenants])
    both = api.endpoint("get_session_details", session_id=session)
    assert [row["tenant_id"] for row in both] == tenants
    for name in tenants:
        [row] = api.endpoint("get_session_details", session_id=session, tenant_id=name)
        assert row["tenant_id"] == name


def test_an_unknown_session_has_no_rows(api: Api, session: str) -> None:
    assert api.endpoint("get_session_details", session_id=session) == []
