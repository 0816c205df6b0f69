from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import columns, history, pages, send
from tests.contract.api import Api
from tests.contract.rows import event_row
from tests.oracle.clock import period, shown
from tests.oracle.event_list import event_list
from tests.oracle.event_rows import FILTERS, event_histories
from tests.oracle.moments import changes, near

COLUMNS = {
    "event_id": "String",
    "event_type": "String",
    "user_id": "String",
    "session_id": "String",
    "tenant_id": "String",
    "timestamp": "DateTime",
    "platform": "String",
    "app_version": "String",
    "device_type": "String",
    "os": "String",
    "country": "String",
    "properties": "String",
    "cursor": "String",
}


def test_it_tells_its_columns(api: Api, tenant: str) -> None:
    assert columns(api, "event_list", tenant_id=tenant) == COLUMNS


def test_pages_follow_one_another_over_ties_and_late_events(api: Api, tenant: str) -> None:
    def arrive(*ids: str) -> None:
        api.ingest("events", [event_row(tenant_id=tenant, event_id=name) for name in ids])

    arrive("a", "b", "c", "d", "e")
    first = api.endpoint("event_list", tenant_id=tenant, limit=2)
    arrive("cc", "f", "e", "a")
    rest = pages(api, "event_list", first[-1]["cursor"], tenant_id=tenant, limit=2)
    assert [row["event_id"] for row in first] == ["e", "d"]
    assert [row["event_id"] for row in rest] == ["cc", "c", "b", "a"]


def test_events_that_share_an_id_are_listed_apart(api: Api, user: str) -> None:
    rows = [
        event_row(user_id=user, tenant_id=f"{user}{tenant}", platform=platform)
        for tenant in "ab"
        for platform in ("web", "ios", "")
    ]
    api.ingest("events", rows)
    found = pages(api, "event_list", user_id=user, limit=1)
    assert [(row["tenant_id"][-1], row["platform"]) for row in found] == [
        ("b", "web"),
        ("b", "ios"),
        ("b", ""),
        ("a", "web"),
        ("a", "ios"),
        ("a", ""),
    ]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "1",
        "1.A.A.A.A.A",
        "1.A.A.A.A.A.A.A",
        "x.A.A.A.A.A.A",
        "-1......",
        "1.a.....",
        "......",
    ],
)
def test_what_is_no_cursor_is_refused(api: Api, cursor: str) -> None:
    error = api.refusal("event_list", cursor=cursor)
    assert "cursor must be the cursor of an event of an earlier page" in error


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    zone, change = data.draw(changes)
    rows = data.draw(event_histories(change))
    tenant = send(api, "events", rows, data)
    start, end = sorted(shown(data.draw(near(change)), zone) for _ in range(2))
    filters = data.draw(FILTERS)
    found = pages(
        api,
        "event_list",
        tenant_id=tenant,
        start_date=start,
        end_date=end,
        time_zone=zone,
        limit=data.draw(st.sampled_from([1, 3, 100])),
        **filters,
    )
    for row in found:
        assert row.pop("tenant_id") == tenant
        row.pop("cursor")
    assert found == event_list(rows, period=period(start, end, zone), filters=filters)
