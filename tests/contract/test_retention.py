from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import approximately, columns, history, period_of, send, some_dates
from tests.contract.api import Api, Row
from tests.contract.rows import event_row
from tests.oracle.clock import period, shown
from tests.oracle.event_rows import FILTERS, event_histories
from tests.oracle.moments import changes, near
from tests.oracle.retention import retention

COLUMNS = {
    "cohort": "Date",
    "interval_number": "UInt32",
    "interval_start": "DateTime",
    "cohort_size": "UInt64",
    "unique_users": "UInt64",
    "retention_rate": "Float64",
    "is_partial": "UInt8",
    "interval": "String",
    "cohorts": "String",
    "retention": "String",
    "uniques": "String",
}


def cells(api: Api, tenant: str, **params: object) -> list[tuple[Any, ...]]:
    found = api.endpoint("retention", tenant_id=tenant, **params)
    return [(row["cohort"][8:], row["interval_number"], row["unique_users"]) for row in found]


def active(tenant: str, user: str, *days: int) -> list[Row]:
    return [
        event_row(
            tenant_id=tenant,
            user_id=user,
            event_id=f"{user}{day}",
            timestamp=f"2025-05-{day:02} 12:00:00",
        )
        for day in days
    ]


def test_it_tells_its_columns(api: Api, tenant: str) -> None:
    assert columns(api, "retention", tenant_id=tenant) == COLUMNS


def test_who_was_there_before_the_period_is_not_new(api: Api, tenant: str) -> None:
    api.ingest("events", active(tenant, "old", 1, 7) + active(tenant, "new", 7, 8))
    dates = {"start_date": "2025-05-07 00:00:00", "as_of": "2025-05-08 12:00:00"}
    assert cells(api, tenant, **dates) == [("07", 0, 1), ("07", 1, 1)]
    recurring = cells(api, tenant, cohorts="recurring", **dates)
    assert recurring == [("07", 0, 2), ("07", 1, 1), ("08", 0, 1)]


def test_on_or_after_counts_who_comes_back_later(api: Api, tenant: str) -> None:
    api.ingest("events", active(tenant, "u", 7, 9))
    asked = {"intervals": 3, "as_of": "2025-06-01 00:00:00"}
    on = [0, 1, 2, 3], [1, 0, 1, 0]
    assert cells(api, tenant, **asked) == [("07", n, c) for n, c in zip(*on, strict=True)]
    found = cells(api, tenant, retention="on_or_after", **asked)
    assert [count for _, _, count in found] == [1, 1, 1, 0]


@pytest.mark.parametrize("retention", ["on", "on_or_after"])
def test_who_never_returns_is_retained_nowhere(api: Api, tenant: str, retention: str) -> None:
    api.ingest("events", active(tenant, "u", 7, 9))
    asked = {"return_event": "purchase", "intervals": 2, "as_of": "2025-06-01 00:00:00"}
    assert cells(api, tenant, retention=retention, **asked) == [
        ("07", 0, 0),
        ("07", 1, 0),
        ("07", 2, 0),
    ]


def test_cells_that_are_not_over_are_marked_and_later_ones_left_out(api: Api, tenant: str) -> None:
    api.ingest("events", active(tenant, "u", 7))
    found = api.endpoint("retention", tenant_id=tenant, as_of="2025-05-09 06:00:00")
    assert [(row["interval_number"], row["is_partial"]) for row in found] == [
        (0, 0),
        (1, 0),
        (2, 1),
    ]


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("interval", "interval must be day, week or month"),
        ("cohorts", "cohorts must be first_ever or recurring"),
        ("retention", "retention must be on or on_or_after"),
        ("intervals", "intervals must be a whole number from 1 to 100"),
    ],
)
@pytest.mark.parametrize("value", ["", "x", "0", "101", "9" * 30])
def test_what_is_no_choice_is_refused(api: Api, name: str, error: str, value: str) -> None:
    assert error in api.refusal("retention", **{name: value})


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    zone, change = data.draw(changes)
    rows = data.draw(event_histories(change, days=40))
    tenant = send(api, "events", rows, data)
    dates = some_dates(data, change, zone, days=40)
    as_of = shown(data.draw(near(change, days=60)), zone)
    asked: dict[str, Any] = data.draw(
        st.fixed_dictionaries(
            {"cohorts": st.sampled_from(["first_ever", "recurring"])},
            optional={
                "cohort_event": st.sampled_from(["view", "buy"]),
                "return_event": st.sampled_from(["view", "click"]),
                "intervals": st.sampled_from([1, 5, 100]),
                "limit": st.sampled_from([1, 3]),
            },
        )
    )
    length = data.draw(st.sampled_from(["day", "week", "month"]))
    mode = data.draw(st.sampled_from(["on", "on_or_after"]))
    filters = data.draw(FILTERS)
    found = api.endpoint(
        "retention",
        tenant_id=tenant,
        time_zone=zone,
        interval=length,
        retention=mode,
        as_of=as_of,
        **dates,
        **asked,
        **filters,
    )
    expected = retention(
        rows,
        period_of(dates, zone),
        zone=zone,
        length=length,
        mode=mode,
        as_of=period(as_of, None, zone).since,
        filters=filters,
        **asked,
    )
    assert found == [approximately(row) for row in expected]
