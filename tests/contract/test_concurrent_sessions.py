from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import columns, history, period_of, send, some_dates
from tests.contract.api import Api
from tests.contract.rows import session_row
from tests.oracle.clock import period, shown
from tests.oracle.concurrent_sessions import concurrent_sessions
from tests.oracle.moments import changes, near
from tests.oracle.session_rows import session_histories

COLUMNS = {
    "interval_start": "DateTime",
    "local_start": "String",
    "peak_session_count": "UInt64",
    "peak_at": "DateTime",
    "session_count": "UInt64",
    "total_peak_session_count": "UInt64",
    "total_peak_at": "DateTime",
    "is_partial": "UInt8",
    "interval": "String",
}


def test_it_tells_its_columns(api: Api, tenant: str) -> None:
    assert columns(api, "concurrent_sessions", tenant_id=tenant) == COLUMNS


def test_a_session_is_open_from_its_first_second_to_its_last(api: Api, tenant: str) -> None:
    for name, times in {
        "a": ["09:59:59", "10:00:10"],
        "b": ["10:00:10", "10:00:20"],
        "c": ["10:00:21", "12:30:00"],
    }.items():
        rows = [
            session_row(tenant_id=tenant, session_id=name, created_at=f"2025-05-07 {time}")
            for time in times
        ]
        api.ingest("user_sessions", rows)
    found = api.endpoint("concurrent_sessions", tenant_id=tenant)
    assert [
        (
            row["local_start"][11:13],
            row["peak_session_count"],
            row["peak_at"][11:],
            row["session_count"],
        )
        for row in found
    ] == [
        ("09", 1, "09:59:59", 1),
        ("10", 2, "10:00:10", 2),
        ("11", 1, "11:00:00", 0),
        ("12", 1, "12:00:00", 0),
    ]
    assert {row["total_peak_session_count"] for row in found} == {2}
    assert {row["total_peak_at"] for row in found} == {"2025-05-07 10:00:10"}


@pytest.mark.parametrize("value", ["", "week", "hours", "second"])
def test_an_interval_that_does_not_exist_is_refused(api: Api, value: str) -> None:
    error = api.refusal("concurrent_sessions", interval=value)
    assert "interval must be minute, 5_minutes, 15_minutes, 30_minutes, hour or day" in error


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    zone, change = data.draw(changes)
    rows = data.draw(session_histories(change, days=1))
    tenant = send(api, "user_sessions", rows, data)
    dates = some_dates(data, change, zone, days=1)
    as_of = shown(data.draw(near(change, days=1)), zone)
    length = data.draw(st.sampled_from(["5_minutes", "15_minutes", "30_minutes", "hour", "day"]))
    limit = data.draw(st.sampled_from([1, 3, 1000]))
    found = api.endpoint(
        "concurrent_sessions",
        tenant_id=tenant,
        time_zone=zone,
        interval=length,
        as_of=as_of,
        limit=limit,
        **dates,
    )
    assert found == concurrent_sessions(
        rows,
        period_of(dates, zone),
        zone=zone,
        length=length,
        as_of=period(as_of, None, zone).since,
        limit=limit,
    )
