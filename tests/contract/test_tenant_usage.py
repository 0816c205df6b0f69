from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import columns, history, pages
from tests.contract.api import Api
from tests.contract.rows import event_row, session_row
from tests.oracle.clock import period, shown
from tests.oracle.event_rows import event_histories
from tests.oracle.moments import changes, near
from tests.oracle.session_rows import session_histories
from tests.oracle.tenant_usage import tenant_usage

COLUMNS = {
    "tenant_id": "String",
    "day": "Date",
    "event_count": "UInt64",
    "session_row_count": "UInt64",
    "session_count": "UInt64",
    "unique_users": "UInt64",
    "bytes": "UInt64",
    "is_partial": "UInt8",
    "uniques": "String",
    "cursor": "String",
}


def test_it_tells_its_columns(api: Api, tenant: str) -> None:
    assert columns(api, "tenant_usage", tenant_id=tenant) == COLUMNS


def test_users_and_sessions_of_both_sources_are_counted_once(api: Api, tenant: str) -> None:
    ids = {"tenant_id": tenant, "user_id": "u", "session_id": "s"}
    day = "2025-05-07 10:00:00"
    for _ in range(2):
        api.ingest("events", [event_row(**ids, timestamp=day)])
        api.ingest("user_sessions", [session_row(**ids, event_id="e", created_at=day)])
    [found] = api.endpoint("tenant_usage", tenant_id=tenant)
    names = ["event_count", "session_row_count", "session_count", "unique_users"]
    assert [found[name] for name in names] == [1, 1, 1, 1]


def test_pages_go_over_tenants_and_days(api: Api, tenant: str) -> None:
    tenants = [f"{tenant}{letter}" for letter in "abc"]
    rows = [
        event_row(tenant_id=name, timestamp=f"2105-01-0{day} 10:00:00")
        for name in tenants
        for day in (1, 2)
    ]
    api.ingest("events", rows)
    found = pages(api, "tenant_usage", limit=1, start_date="2105-01-01 00:00:00")
    own = [(row["day"], row["tenant_id"]) for row in found if row["tenant_id"] in tenants]
    assert own == [(f"2105-01-0{day}", name) for day in (2, 1) for name in tenants]


@pytest.mark.parametrize("cursor", ["", "x", "1", "1.a", "x.A", "-1.A", "1.A.A", "."])
def test_what_is_no_cursor_is_refused(api: Api, cursor: str) -> None:
    error = api.refusal("tenant_usage", cursor=cursor)
    assert "cursor must be the cursor of a row of an earlier page" in error


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    zone, change = data.draw(changes)
    tenant = f"tenant_{uuid.uuid4().hex}"
    own = {"tenant_id": tenant}
    events = [row | own for row in data.draw(event_histories(change, max_size=12))]
    steps = [row | own for row in data.draw(session_histories(change, max_size=12))]
    for source, rows in (("events", events), ("user_sessions", steps)):
        for batch in (rows, [row for row in rows if row["event_id"]][::2]):
            if batch:
                api.ingest(source, batch)
    start, end = sorted(shown(data.draw(near(change)), zone) for _ in range(2))
    as_of = shown(data.draw(near(change)), zone)
    found = pages(
        api,
        "tenant_usage",
        tenant_id=tenant,
        start_date=start,
        end_date=end,
        time_zone=zone,
        as_of=as_of,
        limit=data.draw(st.sampled_from([1, 100])),
        exact=data.draw(st.sampled_from([0, 1])),
    )
    for row in found:
        row.pop("cursor")
    assert found == tenant_usage(
        tenant,
        events,
        steps,
        period(start, end, zone),
        zone=zone,
        as_of=period(as_of, None, zone).since,
    )
