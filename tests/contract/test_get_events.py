from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.contract.api import Api, Row
from tests.contract.rows import EVENT_ROW, event_row, written


def ids(events: list[Row]) -> list[str]:
    return [event["event_id"] for event in events]


def test_every_column_but_the_tenant_comes_back_as_it_was_sent(api: Api, user: str) -> None:
    row = event_row(user_id=user)
    api.ingest("events", [row])
    assert api.endpoint("get_events", user_id=user) == [row]


def test_the_newest_event_comes_first_and_ties_follow_the_highest_id(api: Api, tenant: str) -> None:
    times = {"b": "10:00:00", "d": "09:00:00", "a": "10:00:00", "c": "11:00:00", "e": "10:00:00"}
    api.ingest(
        "events",
        [
            event_row(tenant_id=tenant, event_id=event, timestamp=f"2025-05-07 {time}")
            for event, time in times.items()
        ],
    )
    assert ids(api.endpoint("get_events", tenant_id=tenant)) == ["c", "e", "b", "a", "d"]
    assert ids(api.endpoint("get_events", tenant_id=tenant, limit=3)) == ["c", "e", "b"]


def test_tenants_that_share_an_event_id_stand_in_the_order_of_their_names(
    api: Api, tenant: str, user: str
) -> None:
    api.ingest(
        "events",
        [
            event_row(user_id=user, tenant_id=f"{tenant}_{t}", country=t)
            for t in ["b", "d", "a", "c"]
        ],
    )
    found = api.endpoint("get_events", user_id=user)
    assert [event["country"] for event in found] == ["d", "c", "b", "a"]


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, ["e5", "e4", "e3", "e2", "e1"]),
        ({"event_type": "page_view"}, ["e3", "e1"]),
        ({"user_id": "u1"}, ["e4", "e2", "e1"]),
        ({"platform": "web"}, ["e4", "e3", "e2"]),
        ({"event_type": "click", "user_id": "u1"}, ["e4", "e2"]),
        ({"event_type": "click", "platform": "web"}, ["e4", "e2"]),
        ({"user_id": "u1", "platform": "ios"}, ["e1"]),
        ({"event_type": "click", "user_id": "u1", "platform": "web", "limit": "1"}, ["e4"]),
        ({"event_type": "search"}, []),
        ({"event_type": ""}, ["e5"]),
        ({"user_id": ""}, ["e5"]),
        ({"platform": ""}, ["e5"]),
    ],
)
def test_given_filters_must_all_match(
    api: Api, tenant: str, filters: dict[str, str], expected: list[str]
) -> None:
    events = [
        ("e1", "page_view", "u1", "ios"),
        ("e2", "click", "u1", "web"),
        ("e3", "page_view", "u2", "web"),
        ("e4", "click", "u1", "web"),
        ("e5", "", "", ""),
    ]
    api.ingest(
        "events",
        [
            event_row(
                tenant_id=tenant,
                event_id=event,
                event_type=kind,
                user_id=user,
                platform=platform,
                timestamp=f"2025-05-07 10:00:0{second}",
            )
            for second, (event, kind, user, platform) in enumerate(events)
        ],
    )
    assert ids(api.endpoint("get_events", tenant_id=tenant, **filters)) == expected


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({}, ["e2", "e1", "e0"]),
        ({"start_date": 0, "end_date": 2}, ["e2", "e1", "e0"]),
        ({"start_date": 1}, ["e2", "e1"]),
        ({"end_date": 1}, ["e1", "e0"]),
        ({"start_date": 1, "end_date": 1}, ["e1"]),
        ({"start_date": 2, "end_date": 0}, []),
    ],
)
def test_the_period_includes_both_of_its_ends(
    api: Api, tenant: str, moment: datetime, bounds: dict[str, int], expected: list[str]
) -> None:
    def at(second: int) -> str:
        return written(moment + timedelta(seconds=second))

    api.ingest(
        "events",
        [
            event_row(tenant_id=tenant, event_id=f"e{second}", timestamp=at(second))
            for second in range(3)
        ],
    )
    period = {name: at(second) for name, second in bounds.items()}
    assert ids(api.endpoint("get_events", tenant_id=tenant, **period)) == expected


def test_a_period_alone_finds_the_events_of_all_tenants(
    api: Api, tenant: str, moment: datetime
) -> None:
    rows = [event_row(event_id="e0"), event_row(event_id="e1", tenant_id=tenant)]
    api.ingest("events", [row | {"timestamp": written(moment)} for row in rows])
    period = {"start_date": written(moment), "end_date": written(moment)}
    assert ids(api.endpoint("get_events", **period)) == ["e1", "e0"]
    assert ids(api.endpoint("get_events", tenant_id=tenant, **period)) == ["e1"]
    assert ids(api.endpoint("get_events", tenant_id="", **period)) == ["e0"]


def test_a_hundred_events_are_listed_without_a_limit(api: Api, tenant: str) -> None:
    api.ingest("events", [event_row(tenant_id=tenant, event_id=f"e{n:03}") for n in range(101)])
    newest = [f"e{n:03}" for n in reversed(range(101))]
    assert ids(api.endpoint("get_events", tenant_id=tenant)) == newest[:100]
    assert ids(api.endpoint("get_events", tenant_id=tenant, limit=10_000)) == newest


def test_the_tenant_is_empty_when_the_tracker_sends_none(api: Api, user: str) -> None:
    assert "tenant_id" not in EVENT_ROW
    api.ingest("events", [event_row(user_id=user)])
    assert len(api.endpoint("get_events", user_id=user, tenant_id="")) == 1
