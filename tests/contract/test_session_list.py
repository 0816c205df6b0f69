from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import columns, history, pages, send
from tests.contract.api import Api
from tests.contract.rows import session_row
from tests.oracle.clock import period, shown
from tests.oracle.moments import changes, near
from tests.oracle.session_list import session_list
from tests.oracle.session_rows import session_histories

COLUMNS = {
    "session_id": "String",
    "user_id": "String",
    "tenant_id": "String",
    "session_start": "DateTime",
    "last_activity": "DateTime",
    "session_duration_seconds": "Int64",
    "event_count": "UInt64",
    "page_view_count": "UInt64",
    "entry_page": "String",
    "exit_page": "String",
    "referrer": "String",
    "device_type": "String",
    "browser": "String",
    "is_bounce": "UInt8",
    "bounce": "String",
    "cursor": "String",
}
ORDERS = ["start", "last_activity", "duration", "events"]
NO_CURSORS = [
    "",
    "x",
    "start",
    "start.1",
    "start.1.AB",
    "start.x.AB.AB",
    "start.-1.AB.AB",
    "start.1.ab.AB",
    "start.1.AB.A G",
    "start.1.AB.AB.AB",
    "start.1.AB.'",
    "name.1.AB.AB",
]


def test_it_tells_its_columns(api: Api, tenant: str) -> None:
    assert columns(api, "session_list", tenant_id=tenant) == COLUMNS


def test_pages_follow_one_another_over_ties_and_late_sessions(api: Api, tenant: str) -> None:
    def at(minute: int, *names: str) -> None:
        time = f"2025-05-07 10:{minute:02}:00"
        rows = [session_row(tenant_id=tenant, session_id=n, created_at=time) for n in names]
        api.ingest("user_sessions", rows)

    at(1, "a", "b", "c", "d", "e")
    first = api.endpoint("session_list", tenant_id=tenant, limit=2)
    at(1, "aa", "cc")
    at(2, "late")
    rest = pages(api, "session_list", first[-1]["cursor"], tenant_id=tenant, limit=2)
    assert [row["session_id"] for row in first] == ["a", "b"]
    assert [row["session_id"] for row in rest] == ["c", "cc", "d", "e"]


def test_tenants_that_share_a_session_id_are_listed_apart(api: Api, user: str) -> None:
    rows = [session_row(session_id=user, user_id=user, tenant_id=f"{user}{t}") for t in "cab"]
    api.ingest("user_sessions", rows)
    found = pages(api, "session_list", user_id=user, limit=1)
    assert [row["tenant_id"] for row in found] == [f"{user}{t}" for t in "abc"]


@pytest.mark.parametrize("cursor", NO_CURSORS)
def test_what_is_no_cursor_is_refused(api: Api, cursor: str) -> None:
    error = api.refusal("session_list", cursor=cursor)
    assert "cursor must be the cursor of a session of an earlier page" in error


def test_a_cursor_goes_with_its_order(api: Api, tenant: str) -> None:
    api.ingest("user_sessions", [session_row(tenant_id=tenant)])
    [row] = api.endpoint("session_list", tenant_id=tenant, order_by="events")
    error = api.refusal("session_list", tenant_id=tenant, cursor=row["cursor"])
    assert "cursor belongs to another order_by" in error


@pytest.mark.parametrize("value", ["", "session_start", "events desc", "1"])
def test_an_order_that_does_not_exist_is_refused(api: Api, value: str) -> None:
    error = api.refusal("session_list", order_by=value)
    assert "order_by must be start, last_activity, duration or events" in error


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    zone, change = data.draw(changes)
    rows = data.draw(session_histories(change))
    tenant = send(api, "user_sessions", rows, data)
    start, end = sorted(shown(data.draw(near(change)), zone) for _ in range(2))
    order = data.draw(st.sampled_from(ORDERS))
    filters = data.draw(
        st.fixed_dictionaries(
            {},
            optional={
                "user_id": st.sampled_from(["u1", "ü 3", ""]),
                "page": st.sampled_from(["/", "/pricing", "/größe", ""]),
                "device_type": st.sampled_from(["mobile", "tablet"]),
                "browser": st.sampled_from(["Firefox", "Safari"]),
            },
        )
    )
    found = pages(
        api,
        "session_list",
        tenant_id=tenant,
        start_date=start,
        end_date=end,
        time_zone=zone,
        order_by=order,
        limit=data.draw(st.sampled_from([1, 2, 100])),
        **filters,
    )
    for row in found:
        assert row.pop("tenant_id") == tenant
        row.pop("cursor")
    expected = session_list(rows, period(start, end, zone), order_by=order, filters=filters)
    assert found == expected
