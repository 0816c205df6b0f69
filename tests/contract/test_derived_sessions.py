from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import columns, history, pages, send
from tests.contract.api import Api
from tests.contract.rows import event_row
from tests.oracle.clock import period, shown
from tests.oracle.derived_sessions import derived_sessions
from tests.oracle.event_rows import FILTERS, event_histories
from tests.oracle.moments import changes, near

COLUMNS = {
    "tenant_id": "String",
    "user_id": "String",
    "session_start": "DateTime",
    "last_activity": "DateTime",
    "session_duration_seconds": "Int64",
    "event_count": "UInt64",
    "first_event_type": "String",
    "last_event_type": "String",
    "timeout": "Int32",
    "cursor": "String",
}


def test_it_tells_its_columns(api: Api, tenant: str) -> None:
    assert columns(api, "derived_sessions", tenant_id=tenant) == COLUMNS


def test_a_gap_longer_than_the_timeout_ends_a_session(api: Api, tenant: str) -> None:
    times = ["2025-05-07 23:45:00", "2025-05-08 00:15:00", "2025-05-08 00:45:01"]
    rows = [event_row(tenant_id=tenant, event_id=at, timestamp=at, session_id=at) for at in times]
    api.ingest("events", rows + rows[:1])

    def starts(**params: object) -> list[tuple[str, int]]:
        found = api.endpoint("derived_sessions", tenant_id=tenant, **params)
        return [(row["session_start"], row["event_count"]) for row in found]

    assert starts() == [(times[2], 1), (times[0], 2)]
    assert starts(timeout=1801) == [(times[0], 3)]
    assert starts(timeout=1799) == [(at, 1) for at in times[::-1]]
    assert starts(start_date="2025-05-08 00:00:00") == [(times[2], 1)]
    assert starts(end_date="2025-05-07 23:59:59") == [(times[0], 2)]


@pytest.mark.parametrize("value", ["", "0", "-1", "86401", "9" * 30, "1.5", "half"])
def test_a_timeout_is_a_number_of_seconds(api: Api, value: str) -> None:
    error = api.refusal("derived_sessions", timeout=value)
    assert "timeout must be a whole number of seconds from 1 to 86400" in error


@pytest.mark.parametrize("cursor", ["", "x", "1", "1.A", "1.a.A", "x.A.A", "-1.A.A", ".."])
def test_what_is_no_cursor_is_refused(api: Api, cursor: str) -> None:
    error = api.refusal("derived_sessions", cursor=cursor)
    assert "cursor must be the cursor of a session of an earlier page" in error


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    zone, change = data.draw(changes)
    rows = data.draw(event_histories(change))
    tenant = send(api, "events", rows, data)
    start, end = sorted(shown(data.draw(near(change)), zone) for _ in range(2))
    timeout = data.draw(st.sampled_from([1, 10, 1800, 3600, 86_400]))
    filters = data.draw(FILTERS)
    found = pages(
        api,
        "derived_sessions",
        tenant_id=tenant,
        start_date=start,
        end_date=end,
        time_zone=zone,
        timeout=timeout,
        limit=data.draw(st.sampled_from([1, 2, 100])),
        **filters,
    )
    for row in found:
        assert row.pop("tenant_id") == tenant
        row.pop("cursor")
    assert found == derived_sessions(
        rows, period(start, end, zone), timeout=timeout, filters=filters
    )
