from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import approximately, columns, history, period_of, send, some_dates
from tests.contract.api import Api
from tests.contract.rows import event_row
from tests.oracle.active_users import active_users
from tests.oracle.clock import period, shown
from tests.oracle.event_rows import FILTERS, event_histories
from tests.oracle.moments import changes, near

COLUMNS = {
    "interval_start": "DateTime",
    "local_start": "String",
    "daily_users": "UInt64",
    "weekly_users": "UInt64",
    "monthly_users": "UInt64",
    "daily_per_weekly": "Nullable(Float64)",
    "stickiness": "Nullable(Float64)",
    "is_partial": "UInt8",
    "uniques": "String",
}


def test_it_tells_its_columns(api: Api, tenant: str) -> None:
    assert columns(api, "active_users", tenant_id=tenant) == COLUMNS


def test_a_user_stays_for_seven_and_for_thirty_days(api: Api, tenant: str) -> None:
    api.ingest("events", [event_row(tenant_id=tenant, timestamp="2025-05-07 23:59:59")])
    dates = {"start_date": "2025-05-08 00:00:00", "end_date": "2025-06-30 00:00:00"}
    found = api.endpoint("active_users", tenant_id=tenant, limit=100, **dates)
    assert [row["daily_users"] for row in found] == [0] * 54
    assert [row["weekly_users"] for row in found] == [1] * 6 + [0] * 48
    assert [row["monthly_users"] for row in found] == [1] * 29 + [0] * 25


def test_it_knows_days_alone(api: Api) -> None:
    error = api.refusal("active_users", interval="week")
    assert "interval can only be day: leave it out" in error


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    zone, change = data.draw(changes)
    rows = data.draw(event_histories(change, days=40))
    tenant = send(api, "events", rows, data)
    dates = some_dates(data, change, zone, days=40)
    as_of = shown(data.draw(near(change, days=60)), zone)
    limit = data.draw(st.sampled_from([1, 3, 100]))
    filters = data.draw(FILTERS)
    found = api.endpoint(
        "active_users",
        tenant_id=tenant,
        time_zone=zone,
        as_of=as_of,
        limit=limit,
        **dates,
        **filters,
    )
    expected = active_users(
        rows,
        period_of(dates, zone),
        zone=zone,
        as_of=period(as_of, None, zone).since,
        limit=limit,
        filters=filters,
    )
    assert found == [approximately(row) for row in expected]
