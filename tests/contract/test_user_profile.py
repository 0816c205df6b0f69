from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import columns, history, send
from tests.contract.api import Api
from tests.contract.rows import event_row
from tests.oracle.clock import period, shown
from tests.oracle.event_rows import FILTERS, event_histories
from tests.oracle.moments import changes, near
from tests.oracle.user_profile import user_profile

COUNTS = "Array(Tuple(value String, event_count UInt64))"
COLUMNS = {
    "user_id": "String",
    "first_seen": "DateTime",
    "last_seen": "DateTime",
    "event_count": "UInt64",
    "session_count": "UInt64",
    "active_day_count": "UInt64",
    "event_types": COUNTS,
    "platforms": COUNTS,
    "app_versions": COUNTS,
    "device_types": COUNTS,
    "operating_systems": COUNTS,
    "countries": COUNTS,
    "recent_events": "Array(Tuple(timestamp DateTime, event_id String, event_type String, "
    "session_id String))",
    "uniques": "String",
}


def test_it_tells_its_columns(api: Api, tenant: str, user: str) -> None:
    assert columns(api, "user_profile", tenant_id=tenant, user_id=user) == COLUMNS


def test_days_are_those_of_the_local_clock(api: Api, tenant: str, user: str) -> None:
    times = ["2025-05-07 21:59:59", "2025-05-07 22:00:00", "2025-05-08 22:00:00"]
    rows = [event_row(tenant_id=tenant, user_id=user, event_id=at, timestamp=at) for at in times]
    api.ingest("events", rows)
    asked = {"tenant_id": tenant, "user_id": user}
    for zone, days in [("UTC", 2), ("Europe/Madrid", 3), ("Asia/Tokyo", 2)]:
        [found] = api.endpoint("user_profile", time_zone=zone, **asked)
        assert found["active_day_count"] == days
    assert api.endpoint("user_profile", tenant_id=tenant, user_id="nobody") == []


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    zone, change = data.draw(changes)
    rows = data.draw(event_histories(change))
    tenant = send(api, "events", rows, data)
    start = shown(data.draw(near(change)), zone)
    for user in ("u1", "ü 3"):
        limit = data.draw(st.sampled_from([1, 2, 10]))
        filters = data.draw(FILTERS)
        found = api.endpoint(
            "user_profile",
            tenant_id=tenant,
            user_id=user,
            start_date=start,
            time_zone=zone,
            limit=limit,
            **filters,
        )
        assert found == user_profile(
            rows, user, zone=zone, limit=limit, period=period(start, None, zone), filters=filters
        )
