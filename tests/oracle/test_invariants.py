"""What must hold between answers, whatever the rows are."""

from __future__ import annotations

from typing import Any

import pytest
from tests.oracle.conftest import Host
from tests.oracle.six import Row

DAYS = [f"2025-05-{day:02}" for day in range(1, 11)]
ENDPOINTS: dict[str, Row] = {
    "get_active_sessions": {},
    "tenant_activity_summary": {},
    "get_session_details": {"session_id": "s1"},
    "get_events": {},
    "user_activity": {"user_id": "u1"},
    "event_stats": {},
}


def _events() -> list[Row]:
    return [
        {
            "event_id": f"e{n}",
            "event_type": ["view", "click", "login"][n % 3],
            "user_id": f"u{n % 5}",
            "session_id": f"s{n % 7}",
            "timestamp": f"{DAYS[n % 10]} {n % 24:02}:59:59",
            "platform": ["web", "ios"][n % 2],
            "app_version": "1",
            "device_type": "tablet",
            "os": "Linux",
            "country": "FR",
            "properties": "{}",
            "tenant_id": f"t{n % 4}",
        }
        for n in range(200)
    ]


def _sessions() -> list[Row]:
    return [
        {
            "session_id": row["session_id"],
            "user_id": row["user_id"],
            "tenant_id": row["tenant_id"],
            "event_type": row["event_type"],
            "event_data": "{}",
            "page_url": "",
            "referrer": "",
            "device_type": "tablet",
            "browser": "Firefox",
            "ip_address": "192.0.2.1",
            "created_at": row["timestamp"],
            "updated_at": row["timestamp"],
            "event_id": row["event_id"],
        }
        for row in _events()
    ]


@pytest.fixture(params=["not counted", "counted", "counted, then sent again"])
def filled(host: Host, request: pytest.FixtureRequest) -> Host:
    host.empty()
    host.send("events", _events())
    host.send("user_sessions", _sessions())
    if request.param != "not counted":
        host.count_days()
    if request.param == "counted, then sent again":
        host.send("events", _events()[::-1])
        host.send("user_sessions", _sessions()[50:])
    return host


def _total(rows: list[Row], column: str) -> int:
    return sum(row[column] for row in rows)


def test_days_add_up_to_the_whole(filled: Host) -> None:
    def day(first: str, last: str) -> list[dict[str, Any]]:
        return [{first: f"{day} 00:00:00", last: f"{day} 23:59:59"} for day in DAYS]

    types = [filled.endpoint("event_stats", **params) for params in day("start_date", "end_date")]
    assert sum(_total(rows, "event_count") for rows in types) == 200
    tenants = [
        filled.endpoint("tenant_activity_summary", **params)
        for params in day("from_date", "to_date")
    ]
    assert sum(_total(rows, "total_events") for rows in tenants) == 200


def test_platforms_and_tenants_add_up_to_the_whole(filled: Host) -> None:
    whole = _total(filled.endpoint("event_stats"), "event_count")
    platforms = [filled.endpoint("event_stats", platform=name) for name in ("web", "ios")]
    tenants = [filled.endpoint("event_stats", tenant_id=f"t{n}") for n in range(4)]
    assert sum(_total(rows, "event_count") for rows in platforms) == whole == 200
    assert sum(_total(rows, "event_count") for rows in tenants) == whole


def test_what_is_kept_equals_what_the_rows_say(filled: Host) -> None:
    every = {"from_date": "1970-01-01 00:00:00"}
    kept = filled.endpoint("tenant_activity_summary")
    assert kept == filled.endpoint("tenant_activity_summary", **every)
    assert kept == filled.endpoint("tenant_activity_summary", exact=1)
    assert kept == [
        row
        for n in range(4)
        for row in filled.endpoint("tenant_activity_summary", tenant_id=f"t{n}")
    ]
    for platform in ({}, {"platform": "web"}):
        kept = filled.endpoint("event_stats", **platform)
        rows = filled.endpoint("event_stats", start_date="1970-01-01 00:00:00", **platform)
        assert kept == rows == filled.endpoint("event_stats", exact=1, **platform)


def test_sessions_have_the_events_that_tenants_have(filled: Host) -> None:
    sessions = filled.endpoint("get_active_sessions", limit=10_000)
    tenants = filled.endpoint("tenant_activity_summary")
    assert _total(sessions, "event_count") == _total(tenants, "total_events") == 200
    assert len(sessions) == _total(tenants, "total_sessions")


def test_a_list_of_events_is_as_long_as_their_count(filled: Host) -> None:
    for params in ({}, {"platform": "web"}, {"tenant_id": "t1"}):
        listed = filled.endpoint("get_events", limit=10_000, **params)
        assert len(listed) == _total(filled.endpoint("event_stats", **params), "event_count")


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_a_foreign_tenant_sees_nothing(filled: Host, endpoint: str) -> None:
    assert filled.endpoint(endpoint, **ENDPOINTS[endpoint]) != []
    assert filled.endpoint(endpoint, tenant_id="t", **ENDPOINTS[endpoint]) == []


@pytest.mark.parametrize("endpoint", ["tenant_activity_summary", "event_stats"])
@pytest.mark.parametrize("value", ["", "2", "yes", "-1"])
def test_exact_is_0_or_1(host: Host, endpoint: str, value: str) -> None:
    assert "exact must be 0 or 1" in host.refusal(endpoint, exact=value)


def test_true_twins_without_an_id_are_two(host: Host) -> None:
    host.empty()
    twin = {name: value for name, value in _sessions()[0].items() if name != "event_id"}
    host.send("user_sessions", [twin, twin])
    host.send("user_sessions", [twin, twin | {"event_id": ""}])
    assert [row["event_count"] for row in host.endpoint("get_active_sessions")] == [4]
    assert len(host.endpoint("get_session_details", session_id=twin["session_id"])) == 4
    assert [row["total_events"] for row in host.endpoint("tenant_activity_summary")] == [4]
