from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import approximately, columns, history, send
from tests.contract.api import Api
from tests.contract.rows import event_row
from tests.oracle.clock import period, shown
from tests.oracle.event_breakdown import event_breakdown
from tests.oracle.event_rows import FILTERS, event_histories
from tests.oracle.moments import changes, near

COLUMNS = {
    "by": "String",
    "value": "Nullable(String)",
    "value_type": "String",
    "is_other": "UInt8",
    "event_count": "UInt64",
    "unique_users": "UInt64",
    "share": "Float64",
    "total_event_count": "UInt64",
    "total_unique_users": "UInt64",
    "uniques": "String",
}


def test_it_tells_its_columns(api: Api, tenant: str) -> None:
    assert columns(api, "event_breakdown", tenant_id=tenant) == COLUMNS


def test_the_rows_add_up_to_the_total(api: Api, tenant: str) -> None:
    countries = ["FR"] * 3 + ["ES"] * 2 + ["DE", "US", "IT"]
    rows = [
        event_row(tenant_id=tenant, event_id=f"e{n}", country=country, user_id=f"u{n % 3}")
        for n, country in enumerate(countries)
    ]
    api.ingest("events", rows)
    found = api.endpoint("event_breakdown", tenant_id=tenant, by="country", limit=2)
    assert [(row["value"], row["event_count"]) for row in found] == [
        ("FR", 3),
        ("ES", 2),
        ("(other)", 3),
    ]
    assert {row["total_event_count"] for row in found} == {8}
    assert {row["total_unique_users"] for row in found} == {3}
    assert found[-1]["unique_users"] == 3
    assert [row["is_other"] for row in found] == [0, 0, 1]


def test_a_value_that_is_called_other_is_no_other(api: Api, tenant: str) -> None:
    api.ingest("events", [event_row(tenant_id=tenant, country="(other)")])
    [found] = api.endpoint("event_breakdown", tenant_id=tenant, by="country")
    assert (found["value"], found["is_other"]) == ("(other)", 0)


@pytest.mark.parametrize("key", ["a", "a.b", "50%", "it's", "größe", "a b", "properties.x", '"'])
def test_any_key_can_be_asked_for(api: Api, tenant: str, key: str) -> None:
    row = event_row(tenant_id=tenant, properties=json.dumps({key: "yes", "other": "no"}))
    api.ingest("events", [row])
    [found] = api.endpoint("event_breakdown", tenant_id=tenant, by=f"properties.{key}")
    assert (found["by"], found["value"]) == (f"properties.{key}", "yes")


@pytest.mark.parametrize("value", ["", "timestamp", "properties", "properties.", "event_type; --"])
def test_a_column_that_does_not_exist_is_refused(api: Api, value: str) -> None:
    assert "by must be event_type, user_id" in api.refusal("event_breakdown", by=value)


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    zone, change = data.draw(changes)
    rows = data.draw(event_histories(change))
    tenant = send(api, "events", rows, data)
    start = shown(data.draw(near(change)), zone)
    filters = data.draw(FILTERS)
    for _ in range(3):
        by = data.draw(
            st.sampled_from(
                ["event_type", "user_id", "session_id", "os", "country"]
                + [f"properties.{key}" for key in ("plan", "größe", "a.b", "a b", "none")]
            )
        )
        limit = data.draw(st.sampled_from([1, 2, 10]))
        found = api.endpoint(
            "event_breakdown",
            tenant_id=tenant,
            by=by,
            limit=limit,
            start_date=start,
            time_zone=zone,
            exact=data.draw(st.sampled_from([0, 1])),
            **filters,
        )
        expected = event_breakdown(
            rows, by, limit, period=period(start, None, zone), filters=filters
        )
        assert found == [approximately(row) for row in expected]
