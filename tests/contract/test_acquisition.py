from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import approximately, columns, history, send
from tests.contract.api import Api
from tests.contract.rows import session_row
from tests.oracle.acquisition import acquisition
from tests.oracle.clock import period, shown
from tests.oracle.moments import changes, near
from tests.oracle.session_rows import session_histories

COLUMNS = {
    "by": "String",
    "value": "String",
    "is_other": "UInt8",
    "session_count": "UInt64",
    "unique_users": "UInt64",
    "bounce_rate": "Float64",
    "average_duration_seconds": "Float64",
    "share": "Float64",
    "total_session_count": "UInt64",
    "total_unique_users": "UInt64",
    "bounce": "String",
    "uniques": "String",
}
WAYS = ["channel", "referrer", "utm_source", "utm_medium", "utm_campaign", "entry_page"]


def test_it_tells_its_columns(api: Api, tenant: str) -> None:
    assert columns(api, "acquisition", tenant_id=tenant) == COLUMNS


@pytest.mark.parametrize(
    ("url", "referrer", "channel"),
    [
        ("https://a.test/", "", "direct"),
        ("https://www.a.test/x", "https://a.test/", "direct"),
        ("https://a.test/", "https://blog.test/p", "referral"),
        ("https://a.test/", "https://www.google.co.uk/", "search"),
        ("https://a.test/", "https://GOOGLE.com", "search"),
        ("https://a.test/", "https://t.co/x", "social"),
        ("https://a.test/?utm_source=twitter", "", "social"),
        ("https://a.test/?utm_medium=CPC", "https://www.google.com/", "paid"),
        ("https://a.test/?utm_medium=email", "", "email"),
        ("https://a.test/?utm_campaign=spring", "https://blog.test/", "campaign"),
        ("https://a.test/#utm_campaign=spring", "", "direct"),
    ],
)
def test_the_channel_is_the_first_that_fits(
    api: Api, tenant: str, url: str, referrer: str, channel: str
) -> None:
    api.ingest("user_sessions", [session_row(tenant_id=tenant, page_url=url, referrer=referrer)])
    [found] = api.endpoint("acquisition", tenant_id=tenant)
    assert found["value"] == channel


def test_parameters_are_decoded(api: Api, tenant: str) -> None:
    url = "https://a.test/?utm_campaign=gr%C3%B6%C3%9Fe+50%25&x=1"
    api.ingest("user_sessions", [session_row(tenant_id=tenant, page_url=url)])
    [found] = api.endpoint("acquisition", tenant_id=tenant, by="utm_campaign")
    assert found["value"] == "größe 50%"


def test_what_comes_later_changes_nothing(api: Api, tenant: str) -> None:
    urls = ["https://a.test/?utm_source=first", "https://a.test/?utm_source=last"]
    rows = [
        session_row(tenant_id=tenant, page_url=url, created_at=f"2025-05-07 10:00:0{number}")
        for number, url in enumerate(urls)
    ]
    api.ingest("user_sessions", rows)
    [found] = api.endpoint("acquisition", tenant_id=tenant, by="utm_source")
    assert found["value"] == "first"


@pytest.mark.parametrize("value", ["", "source", "page_url"])
def test_what_cannot_be_broken_down_by_is_refused(api: Api, value: str) -> None:
    assert "by must be channel, referrer, utm_source" in api.refusal("acquisition", by=value)


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    zone, change = data.draw(changes)
    rows = data.draw(session_histories(change))
    tenant = send(api, "user_sessions", rows, data)
    start = shown(data.draw(near(change)), zone)
    for _ in range(2):
        by = data.draw(st.sampled_from(WAYS))
        limit = data.draw(st.sampled_from([1, 2, 10]))
        bounce = data.draw(st.sampled_from(["engaged", "pageviews", "events"]))
        found = api.endpoint(
            "acquisition",
            tenant_id=tenant,
            by=by,
            limit=limit,
            bounce=bounce,
            start_date=start,
            time_zone=zone,
            exact=data.draw(st.sampled_from([0, 1])),
        )
        expected = acquisition(rows, period(start, None, zone), by, limit=limit, bounce=bounce)
        assert found == [approximately(row) for row in expected]
