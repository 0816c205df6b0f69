from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import approximately, columns, history, send
from tests.contract.api import Api
from tests.contract.rows import event_row
from tests.oracle.clock import period, shown
from tests.oracle.event_rows import FILTERS, event_histories
from tests.oracle.moments import changes, near
from tests.oracle.paths import paths

COLUMNS = {
    "path": "Array(String)",
    "is_other": "UInt8",
    "unit_count": "UInt64",
    "share": "Float64",
    "total_unit_count": "UInt64",
    "unit": "String",
    "repeats": "String",
    "uniques": "String",
}


def test_it_tells_its_columns(api: Api, tenant: str) -> None:
    assert columns(api, "paths", tenant_id=tenant) == COLUMNS


def test_a_path_goes_from_the_first_time_or_to_the_last(api: Api, tenant: str) -> None:
    rows = [
        event_row(
            tenant_id=tenant,
            event_id=f"e{number}",
            event_type=kind,
            timestamp=f"2025-05-07 10:00:{number:02}",
        )
        for number, kind in enumerate("abbcbd")
    ]
    api.ingest("events", rows)

    def found(**params: object) -> str:
        [row] = api.endpoint("paths", tenant_id=tenant, **params)
        return "".join(row["path"])

    assert found() == "abcb"
    assert found(from_event="b", depth=2) == "bcb"
    assert found(to_event="b", depth=2) == "bcb"
    assert found(from_event="a", depth=2, repeats="keep") == "abb"
    assert found(to_event="d", depth=20) == "abcbd"
    assert api.endpoint("paths", tenant_id=tenant, from_event="x") == []


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"from_event": "a", "to_event": "b"}, "give from_event or to_event, not both"),
        ({"unit": "x"}, "unit must be user or session"),
        ({"repeats": "x"}, "repeats must be collapse or keep"),
        ({"depth": "0"}, "depth must be a whole number from 1 to 20"),
        ({"depth": "21"}, "depth must be a whole number from 1 to 20"),
        ({"depth": "9" * 30}, "depth must be a whole number from 1 to 20"),
    ],
)
def test_what_is_no_choice_is_refused(api: Api, params: dict[str, str], error: str) -> None:
    assert error in api.refusal("paths", **params)


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    zone, change = data.draw(changes)
    rows = data.draw(event_histories(change))
    tenant = send(api, "events", rows, data)
    start = shown(data.draw(near(change)), zone)
    kinds = st.sampled_from(["view", "buy", "Ωmega"])
    for _ in range(3):
        asked: dict[str, Any] = data.draw(
            st.fixed_dictionaries(
                {
                    "depth": st.sampled_from([1, 2, 20]),
                    "unit": st.sampled_from(["user", "session"]),
                    "repeats": st.sampled_from(["collapse", "keep"]),
                    "limit": st.sampled_from([1, 2, 10]),
                }
            )
        )
        anchor: dict[str, Any] = data.draw(
            st.one_of(
                st.just({}),
                st.fixed_dictionaries({"from_event": kinds}),
                st.fixed_dictionaries({"to_event": kinds}),
            )
        )
        filters = data.draw(FILTERS)
        found = api.endpoint(
            "paths",
            tenant_id=tenant,
            start_date=start,
            time_zone=zone,
            **asked,
            **anchor,
            **filters,
        )
        expected = paths(rows, period=period(start, None, zone), filters=filters, **asked, **anchor)
        assert found == [approximately(row) for row in expected]
