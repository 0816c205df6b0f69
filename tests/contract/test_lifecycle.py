from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import columns, history, period_of, send, some_dates
from tests.contract.api import Api
from tests.contract.rows import event_row
from tests.oracle.clock import period, shown
from tests.oracle.event_rows import FILTERS, event_histories
from tests.oracle.lifecycle import lifecycle
from tests.oracle.moments import changes, near

COLUMNS = {
    "interval_start": "DateTime",
    "local_start": "String",
    "unique_users": "UInt64",
    "new_users": "UInt64",
    "returning_users": "UInt64",
    "resurrected_users": "UInt64",
    "dormant_users": "UInt64",
    "is_partial": "UInt8",
    "interval": "String",
    "uniques": "String",
}


def test_it_tells_its_columns(api: Api, tenant: str) -> None:
    assert columns(api, "lifecycle", tenant_id=tenant) == COLUMNS


def test_a_user_is_new_once_and_then_returns_rests_and_resurrects(api: Api, tenant: str) -> None:
    days = ["05", "06", "08"]
    api.ingest(
        "events",
        [event_row(tenant_id=tenant, event_id=d, timestamp=f"2025-05-{d} 10:00:00") for d in days],
    )
    found = api.endpoint("lifecycle", tenant_id=tenant)
    states = ["new_users", "returning_users", "dormant_users", "resurrected_users"]
    assert [[row[state] for state in states] for row in found] == [
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [0, 0, 0, 1],
    ]


def test_a_period_after_all_that_happened_is_empty(api: Api, tenant: str) -> None:
    """Also when it begins in the same week."""
    api.ingest("events", [event_row(tenant_id=tenant, timestamp="2025-06-30 00:00:00")])
    dates = {"start_date": "2025-07-01 00:00:00", "interval": "week"}
    assert api.endpoint("lifecycle", tenant_id=tenant, **dates) == []


@pytest.mark.parametrize("value", ["", "hour", "days", "quarter"])
def test_an_interval_that_does_not_exist_is_refused(api: Api, value: str) -> None:
    assert "interval must be day, week or month" in api.refusal("lifecycle", interval=value)


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    zone, change = data.draw(changes)
    rows = data.draw(event_histories(change, days=40))
    tenant = send(api, "events", rows, data)
    dates = some_dates(data, change, zone, days=40)
    as_of = shown(data.draw(near(change, days=60)), zone)
    length = data.draw(st.sampled_from(["day", "week", "month"]))
    limit = data.draw(st.sampled_from([1, 3, 100]))
    filters = data.draw(FILTERS)
    found = api.endpoint(
        "lifecycle",
        tenant_id=tenant,
        time_zone=zone,
        interval=length,
        as_of=as_of,
        limit=limit,
        **dates,
        **filters,
    )
    assert found == lifecycle(
        rows,
        period_of(dates, zone),
        zone=zone,
        length=length,
        as_of=period(as_of, None, zone).since,
        limit=limit,
        filters=filters,
    )
