from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import columns, history, send
from tests.contract.api import Api
from tests.contract.rows import session_row
from tests.oracle.clock import written
from tests.oracle.live_now import live_now
from tests.oracle.moments import changes, near
from tests.oracle.session_rows import Row, session_histories

COLUMNS = {
    "as_of": "DateTime",
    "active_within": "Int64",
    "session_count": "UInt64",
    "unique_users": "UInt64",
    "event_count": "UInt64",
    "uniques": "String",
    "minutes": "Array(Tuple(minute DateTime, session_count UInt64, unique_users UInt64, "
    "event_count UInt64, is_partial UInt8))",
    "pages": "Array(Tuple(page String, session_count UInt64))",
}


def test_it_tells_its_columns(api: Api, tenant: str) -> None:
    assert columns(api, "live_now", tenant_id=tenant) == COLUMNS


def test_a_row_of_now_is_live_without_any_parameter(api: Api, tenant: str) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    api.ingest("user_sessions", [session_row(tenant_id=tenant, created_at=now)])
    [found] = api.endpoint("live_now", tenant_id=tenant)
    assert (found["session_count"], found["unique_users"], found["event_count"]) == (
        1,
        1,
        1,
    )
    assert found["pages"] == [{"page": "/settings", "session_count": 1}]
    assert len(found["minutes"]) == 30
    assert sum(minute["event_count"] for minute in found["minutes"]) == 1


def test_a_row_of_the_future_is_not_live(api: Api, tenant: str) -> None:
    api.ingest(
        "user_sessions",
        [session_row(tenant_id=tenant, created_at="2049-01-01 00:00:00")],
    )
    [found] = api.endpoint("live_now", tenant_id=tenant, active_within=86400)
    assert found["session_count"] == 0


def test_tenants_that_share_a_session_id_have_a_session_each(api: Api, session: str) -> None:
    rows = [session_row(session_id=session, tenant_id=session + t) for t in "ab"]
    api.ingest("user_sessions", rows)
    as_of = rows[0]["created_at"]
    [found] = api.endpoint("live_now", tenant_id=session + "a", as_of=as_of)
    assert found["session_count"] == 1


@pytest.mark.parametrize("value", ["0", "86401", "-1", "", "1.5", "abc", "9" * 30])
def test_active_within_is_from_1_to_86400(api: Api, value: str) -> None:
    error = api.refusal("live_now", active_within=value)
    assert "active_within must be a whole number of seconds from 1 to 86400" in error


@pytest.mark.parametrize("value", ["0", "61", "", "x"])
def test_minutes_are_from_1_to_60(api: Api, value: str) -> None:
    assert "minutes must be a whole number from 1 to 60" in api.refusal("live_now", minutes=value)


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    _, change = data.draw(changes)
    rows: list[Row] = data.draw(session_histories(change, days=0))
    tenant = send(api, "user_sessions", rows, data)
    as_of = data.draw(near(change, days=0))
    options = {
        "active_within": data.draw(st.sampled_from([1, 60, 300, 1800, 86_400])),
        "minutes": data.draw(st.sampled_from([1, 30, 60])),
        "limit": data.draw(st.sampled_from([1, 10])),
    }
    [found] = api.endpoint("live_now", tenant_id=tenant, as_of=written(as_of), **options)
    assert found == live_now(rows, as_of, **options)
