from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import approximately, columns, history, send
from tests.contract.api import Api
from tests.contract.rows import session_row
from tests.oracle.clock import period, shown
from tests.oracle.entry_exit_pages import entry_exit_pages
from tests.oracle.moments import changes, near
from tests.oracle.session_rows import session_histories

COLUMNS = {
    "page": "String",
    "is_other": "UInt8",
    "entry_count": "UInt64",
    "exit_count": "UInt64",
    "bounce_count": "UInt64",
    "bounce_rate": "Nullable(Float64)",
    "entry_share": "Float64",
    "exit_share": "Float64",
    "total_session_count": "UInt64",
    "order_by": "String",
    "bounce": "String",
}


def test_it_tells_its_columns(api: Api, tenant: str) -> None:
    assert columns(api, "entry_exit_pages", tenant_id=tenant) == COLUMNS


def test_a_session_enters_once_and_exits_once(api: Api, tenant: str) -> None:
    rows = [
        session_row(
            tenant_id=tenant,
            page_url=f"https://a.test/{page}",
            created_at=f"2025-05-07 10:00:{number:02}",
        )
        for number, page in enumerate(["in?x=1", "middle", "out"])
    ]
    api.ingest("user_sessions", rows)
    found = api.endpoint("entry_exit_pages", tenant_id=tenant)
    assert [(row["page"], row["entry_count"], row["exit_count"]) for row in found] == [
        ("/in", 1, 0),
        ("/out", 0, 1),
    ]
    assert [row["bounce_rate"] for row in found] == [0, None]


@pytest.mark.parametrize("value", ["", "entry", "bounces"])
def test_an_order_that_does_not_exist_is_refused(api: Api, value: str) -> None:
    error = api.refusal("entry_exit_pages", order_by=value)
    assert "order_by must be entries or exits" in error


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    zone, change = data.draw(changes)
    rows = data.draw(session_histories(change))
    tenant = send(api, "user_sessions", rows, data)
    start = shown(data.draw(near(change)), zone)
    for order in ("entries", "exits"):
        limit = data.draw(st.sampled_from([1, 2, 10]))
        bounce = data.draw(st.sampled_from(["engaged", "pageviews", "events"]))
        found = api.endpoint(
            "entry_exit_pages",
            tenant_id=tenant,
            order_by=order,
            limit=limit,
            bounce=bounce,
            start_date=start,
            time_zone=zone,
        )
        expected = entry_exit_pages(
            rows, period(start, None, zone), order_by=order, limit=limit, bounce=bounce
        )
        assert found == [approximately(row) for row in expected]
