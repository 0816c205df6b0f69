from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import columns, history, period_of, send, some_dates
from tests.contract.api import Api
from tests.contract.rows import event_row
from tests.oracle.clock import period, seconds, shown
from tests.oracle.event_rows import FILTERS, event_histories
from tests.oracle.event_series import event_series
from tests.oracle.intervals import INTERVALS, SECONDS
from tests.oracle.moments import changes, near

COLUMNS = {
    "interval_start": "DateTime",
    "local_start": "String",
    "event_count": "UInt64",
    "unique_users": "UInt64",
    "session_count": "UInt64",
    "is_partial": "UInt8",
    "interval": "String",
    "uniques": "String",
}


def test_it_tells_its_columns(api: Api, tenant: str) -> None:
    assert columns(api, "event_series", tenant_id=tenant) == COLUMNS


@pytest.mark.parametrize(
    ("day", "hours", "zone"),
    [
        ("2025-03-09", 23, "America/New_York"),
        ("2025-11-02", 25, "America/New_York"),
        ("2025-03-09", 23, "America/Havana"),
        ("2025-11-02", 25, "America/Havana"),
        ("2025-04-05", 25, "America/Santiago"),
        ("2025-09-07", 23, "America/Santiago"),
        ("2025-10-26", 25, "Europe/Madrid"),
        ("2025-06-30", 24, "Asia/Kathmandu"),
    ],
)
def test_a_day_has_as_many_hours_as_the_clock_shows(
    api: Api, tenant: str, day: str, hours: int, zone: str
) -> None:
    dates = {
        "start_date": f"{day} 00:00:00",
        "end_date": f"{day} 23:59:59",
        "time_zone": zone,
    }
    found = api.endpoint("event_series", tenant_id=tenant, interval="hour", **dates)
    assert len(found) == hours
    assert {row["local_start"][:10] for row in found} == {day}
    assert {row["is_partial"] for row in found} == {0}
    starts = [seconds(row["interval_start"]) for row in found]
    assert starts == [starts[0] + 3600 * number for number in range(hours)]
    [whole] = api.endpoint("event_series", tenant_id=tenant, interval="day", **dates)
    assert seconds(whole["interval_start"]) == starts[0]


def test_the_intervals_add_up_to_the_period(api: Api, tenant: str) -> None:
    times = ["2025-05-07 23:59:59", "2025-05-08 00:00:00", "2025-05-10 12:00:00"]
    rows = [event_row(tenant_id=tenant, event_id=at, timestamp=at) for at in times]
    api.ingest("events", rows)
    for interval in INTERVALS:
        found = api.endpoint("event_series", tenant_id=tenant, interval=interval, limit=10_000)
        assert sum(row["event_count"] for row in found) == 3


def test_what_is_not_over_is_partial(api: Api, tenant: str) -> None:
    dates = {"start_date": "2025-05-07 00:00:00", "end_date": "2025-05-08 23:59:59"}
    for as_of, expected in [
        ("2025-05-08 23:59:59", [0, 1]),
        ("2025-05-09 00:00:00", [0, 0]),
        ("2025-05-07 12:00:00", [1, 1]),
    ]:
        found = api.endpoint("event_series", tenant_id=tenant, as_of=as_of, **dates)
        assert [row["is_partial"] for row in found] == expected


@pytest.mark.parametrize("value", ["", "days", "2_days", "second", "hour "])
def test_an_interval_that_does_not_exist_is_refused(api: Api, value: str) -> None:
    error = api.refusal("event_series", interval=value)
    assert "interval must be minute, 5_minutes, 15_minutes" in error


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    zone, change = data.draw(changes)
    rows = data.draw(event_histories(change))
    tenant = send(api, "events", rows, data)
    dates = some_dates(data, change, zone)
    length = data.draw(st.sampled_from(INTERVALS))
    limit = data.draw(st.sampled_from([1, 5, 10_000 if length in SECONDS else 1000]))
    as_of = data.draw(near(change))
    filters = data.draw(FILTERS)
    found = api.endpoint(
        "event_series",
        tenant_id=tenant,
        time_zone=zone,
        interval=length,
        limit=limit,
        as_of=shown(as_of, zone),
        exact=data.draw(st.sampled_from([0, 1])),
        **dates,
        **filters,
    )
    assert found == event_series(
        rows,
        period_of(dates, zone),
        zone=zone,
        length=length,
        limit=limit,
        as_of=period(shown(as_of, zone), None, zone).since,
        filters=filters,
    )
