from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import columns, history, pages, send
from tests.contract.api import Api, Row
from tests.contract.rows import session_row
from tests.oracle.moments import changes
from tests.oracle.session_rows import session_histories
from tests.oracle.session_timeline import session_timeline

COLUMNS = {
    "session_id": "String",
    "tenant_id": "String",
    "user_id": "String",
    "created_at": "DateTime",
    "seconds_since_start": "Int64",
    "seconds_since_previous": "Nullable(Int64)",
    "event_type": "String",
    "page": "String",
    "page_url": "String",
    "referrer": "String",
    "event_data": "String",
    "device_type": "String",
    "browser": "String",
    "cursor": "String",
}


def test_it_tells_its_columns(api: Api, session: str) -> None:
    assert columns(api, "session_timeline", session_id=session) == COLUMNS


def test_twins_are_listed_apart_over_pages(api: Api, session: str) -> None:
    rows = [session_row(session_id=session, event_id="") for _ in range(5)]
    api.ingest("user_sessions", rows)
    found = pages(api, "session_timeline", session_id=session, limit=2)
    assert len(found) == len({row["cursor"] for row in found}) == 5


def test_late_rows_neither_repeat_nor_hide_what_comes_after_the_cursor(
    api: Api, session: str
) -> None:
    def add(*names: str) -> None:
        rows = [session_row(session_id=session, event_id=n, event_type=n) for n in names]
        api.ingest("user_sessions", rows)

    add(*"abcdef")
    first = api.endpoint("session_timeline", session_id=session, limit=3)
    add(*"ghijkl")
    rest = pages(api, "session_timeline", first[-1]["cursor"], session_id=session, limit=2)
    seen = [row["event_type"] for row in first + rest]
    assert len(seen) == len(set(seen))
    assert set("abcdef") <= set(seen)


def test_two_tenants_with_the_same_session_id(api: Api, session: str) -> None:
    times = {"a": "2025-05-07 10:00:00", "b": "2025-05-07 10:00:30"}
    api.ingest(
        "user_sessions",
        [
            session_row(session_id=session, tenant_id=session + name, created_at=time)
            for name, time in times.items()
        ],
    )
    both = api.endpoint("session_timeline", session_id=session)
    assert [row["tenant_id"] for row in both] == [session + "a", session + "b"]
    assert [row["seconds_since_start"] for row in both] == [0, 0]
    [one] = api.endpoint("session_timeline", session_id=session, tenant_id=session + "b")
    assert one["tenant_id"] == session + "b"


@pytest.mark.parametrize("cursor", ["", "1", "1.2", "1..1", "1.x.1", "1.2.3.4", "-1.2.3"])
def test_what_is_no_cursor_is_refused(api: Api, cursor: str) -> None:
    error = api.refusal("session_timeline", session_id="s", cursor=cursor)
    assert "cursor must be the cursor of a row of an earlier page" in error


def test_a_session_is_needed(api: Api) -> None:
    assert "session_id" in api.refusal("session_timeline")


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    _, change = data.draw(changes)
    rows = data.draw(session_histories(change))
    tenant = send(api, "user_sessions", rows, data)
    found = pages(
        api,
        "session_timeline",
        tenant_id=tenant,
        session_id="s1",
        limit=data.draw(st.sampled_from([1, 3, 100])),
    )
    cursors = [row.pop("cursor") for row in found]
    assert len(set(cursors)) == len(cursors)
    for row in found:
        assert (row.pop("tenant_id"), row.pop("session_id")) == (tenant, "s1")
    expected = session_timeline(rows, "s1")
    for clock in ("created_at", "seconds_since_start", "seconds_since_previous"):
        assert [row[clock] for row in found] == [row[clock] for row in expected]
    assert _in_any_order(found) == _in_any_order(expected)


def _in_any_order(rows: list[Row]) -> list[str]:
    untimed = [{**row, "seconds_since_previous": None} for row in rows]
    return sorted(str(sorted(row.items(), key=lambda item: item[0])) for row in untimed)
