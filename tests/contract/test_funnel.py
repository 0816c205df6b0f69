from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import approximately, columns, history, send
from tests.contract.api import Api, Row
from tests.contract.rows import event_row
from tests.oracle.clock import period, shown
from tests.oracle.event_rows import FILTERS, event_histories
from tests.oracle.funnel import funnel
from tests.oracle.moments import changes, near

COLUMNS = {
    "step": "UInt32",
    "event_type": "String",
    "unit_count": "UInt64",
    "conversion_rate": "Nullable(Float64)",
    "step_conversion_rate": "Nullable(Float64)",
    "drop_off_count": "Int64",
    "average_seconds": "Nullable(Float64)",
    "median_seconds": "Nullable(Float64)",
    "unit": "String",
    "window": "Int32",
    "ties": "String",
    "uniques": "String",
}


def happened(tenant: str, *events: tuple[int, str]) -> list[Row]:
    """Events of one user, by the second of a minute."""
    return [
        event_row(
            tenant_id=tenant,
            event_id=f"e{number}",
            event_type=kind,
            timestamp=f"2025-05-07 10:00:{second:02}",
        )
        for number, (second, kind) in enumerate(events)
    ]


def counts(api: Api, tenant: str, steps: str, **params: object) -> list[int]:
    found = api.endpoint("funnel", tenant_id=tenant, steps=steps, **params)
    return [row["unit_count"] for row in found]


def test_it_tells_its_columns(api: Api, tenant: str) -> None:
    assert columns(api, "funnel", tenant_id=tenant, steps="a,b") == COLUMNS


def test_the_window_begins_with_the_first_step(api: Api, tenant: str) -> None:
    api.ingest("events", happened(tenant, (0, "a"), (10, "b"), (20, "c")))
    assert counts(api, tenant, "a,b,c", window=20) == [1, 1, 1]
    assert counts(api, tenant, "a,b,c", window=19) == [1, 1, 0]


def test_a_later_first_step_opens_a_new_window(api: Api, tenant: str) -> None:
    api.ingest("events", happened(tenant, (0, "a"), (30, "a"), (35, "b"), (40, "c")))
    last = api.endpoint("funnel", tenant_id=tenant, steps="a,b,c", window=10)[-1]
    assert (last["unit_count"], last["median_seconds"]) == (1, 10)


def test_a_type_that_stands_twice_must_happen_twice(api: Api, tenant: str) -> None:
    api.ingest("events", happened(tenant, (0, "a"), (1, "b")))
    assert counts(api, tenant, "a,a,b") == [1, 0, 0]
    api.ingest("events", happened(tenant, (0, "a"), (1, "b"), (0, "a"))[2:])
    assert counts(api, tenant, "a,a,b") == [1, 1, 1]
    assert counts(api, tenant, "a,a,b", ties="strict") == [1, 0, 0]


def test_events_of_the_same_second_come_in_either_order(api: Api, tenant: str) -> None:
    api.ingest("events", happened(tenant, (0, "b"), (0, "a")))
    assert counts(api, tenant, "a,b") == counts(api, tenant, "b,a") == [1, 1]
    assert counts(api, tenant, "a,b", ties="strict") == [1, 0]


def test_nobody_gives_no_rates(api: Api, tenant: str) -> None:
    found = api.endpoint("funnel", tenant_id=tenant, steps="a,b")
    assert [(row["unit_count"], row["conversion_rate"]) for row in found] == [(0, None)] * 2


@pytest.mark.parametrize("value", ["", "a", "a,", ",a", "a,,b", ",".join("a" * 33)])
def test_steps_are_2_to_32_types(api: Api, value: str) -> None:
    error = api.refusal("funnel", steps=value)
    assert "steps must be 2 to 32 event types with commas between them" in error


@pytest.mark.parametrize("value", ["", "0", "-1", "31622401", "9" * 30, "1.5", "day"])
def test_a_window_is_a_number_of_seconds(api: Api, value: str) -> None:
    error = api.refusal("funnel", steps="a,b", window=value)
    assert "window must be a whole number of seconds from 1 to 31622400" in error


@pytest.mark.parametrize(
    ("name", "error"),
    [("unit", "unit must be user or session"), ("ties", "ties must be any or strict")],
)
def test_what_is_no_choice_is_refused(api: Api, name: str, error: str) -> None:
    assert error in api.refusal("funnel", steps="a,b", **{name: "x"})


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    zone, change = data.draw(changes)
    rows = data.draw(event_histories(change, days=1))
    tenant = send(api, "events", rows, data)
    start = shown(data.draw(near(change)), zone)
    kinds = st.sampled_from(["view", "click", "buy", "Ωmega"])
    for _ in range(3):
        steps = data.draw(st.lists(kinds, min_size=2, max_size=4))
        asked: dict[str, Any] = {
            "window": data.draw(st.sampled_from([1, 10, 3600, 86_400, 604_800])),
            "unit": data.draw(st.sampled_from(["user", "session"])),
            "ties": data.draw(st.sampled_from(["any", "strict"])),
        }
        filters = data.draw(FILTERS)
        found = api.endpoint(
            "funnel",
            tenant_id=tenant,
            steps=",".join(steps),
            start_date=start,
            time_zone=zone,
            **asked,
            **filters,
        )
        expected = funnel(rows, steps, period=period(start, None, zone), filters=filters, **asked)
        assert found == [approximately(row) for row in expected]
