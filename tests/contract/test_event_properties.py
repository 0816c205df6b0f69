from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import approximately, columns, history, send
from tests.contract.api import Api
from tests.contract.rows import event_row
from tests.oracle.clock import period, shown
from tests.oracle.event_properties import event_properties
from tests.oracle.event_rows import FILTERS, event_histories
from tests.oracle.moments import changes, near

COLUMNS = {
    "key": "String",
    "event_count": "UInt64",
    "share": "Float64",
    "types": "Array(Tuple(value_type String, event_count UInt64, examples Array(String)))",
    "total_key_count": "UInt64",
    "total_event_count": "UInt64",
}


def test_it_tells_its_columns(api: Api, tenant: str) -> None:
    assert columns(api, "event_properties", tenant_id=tenant) == COLUMNS


def test_a_key_has_the_types_that_its_values_have(api: Api, tenant: str) -> None:
    values = ["big", 1, 2.5, None, True, [1], {"a": 1}, "x" * 200]
    rows = [
        event_row(
            tenant_id=tenant,
            event_id=f"e{number}",
            timestamp=f"2025-05-07 10:00:{number:02}",
            properties=json.dumps({"plan": value}, separators=(",", ":")),
        )
        for number, value in enumerate(values)
    ]
    api.ingest("events", [*rows, event_row(tenant_id=tenant, event_id="none", properties="[7]")])
    [found] = api.endpoint("event_properties", tenant_id=tenant)
    types = {each["value_type"]: (each["event_count"], each["examples"]) for each in found["types"]}
    assert types == {
        "number": (2, ["2.5", "1"]),
        "string": (2, ["x" * 100, "big"]),
        "array": (1, ["[1]"]),
        "boolean": (1, ["true"]),
        "null": (1, ["null"]),
        "object": (1, ['{"a":1}']),
    }
    assert (found["event_count"], found["total_event_count"]) == (8, 9)


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    zone, change = data.draw(changes)
    rows = data.draw(event_histories(change))
    tenant = send(api, "events", rows, data)
    start = shown(data.draw(near(change)), zone)
    limit = data.draw(st.sampled_from([1, 2, 100]))
    filters = data.draw(FILTERS)
    found = api.endpoint(
        "event_properties",
        tenant_id=tenant,
        start_date=start,
        time_zone=zone,
        limit=limit,
        **filters,
    )
    expected = event_properties(
        rows, limit=limit, period=period(start, None, zone), filters=filters
    )
    assert found == [approximately(row) for row in expected]
