from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.contract.api import Api
from tests.contract.rows import event_row, written


def test_a_user_is_one_row(api: Api, user: str) -> None:
    api.ingest(
        "events",
        [
            event_row(
                user_id=user,
                event_id=f"e{second}",
                event_type=kind,
                session_id=session,
                platform=platform,
                timestamp=f"2025-05-07 10:00:0{second}",
            )
            for second, (kind, session, platform) in enumerate(
                [("page_view", "s1", "web"), ("click", "s1", "web"), ("login", "s2", "ios")]
            )
        ],
    )
    assert api.endpoint("user_activity", user_id=user) == [
        {
            "user_id": user,
            "session_count": 2,
            "event_count": 3,
            "first_seen": "2025-05-07 10:00:00",
            "last_seen": "2025-05-07 10:00:02",
            "recent_events": ["login", "click", "page_view"],
            "platforms_used": ["ios", "web"],
        }
    ]


def test_recent_events_are_the_ten_latest_however_they_arrive(
    api: Api, user: str, moment: datetime
) -> None:
    latest_first = [f"type_{n:02}" for n in reversed(range(25))]
    rows = [
        event_row(
            user_id=user,
            event_id=kind,
            event_type=kind,
            timestamp=written(moment + timedelta(days=40 * number)),
        )
        for number, kind in enumerate(reversed(latest_first))
    ]
    api.ingest("events", rows[10:])
    api.ingest("events", rows[:10])
    [found] = api.endpoint("user_activity", user_id=user)
    assert found["recent_events"] == latest_first[:10]
    assert found["event_count"] == 25


def test_recent_events_stand_in_the_order_of_get_events(api: Api, user: str) -> None:
    api.ingest(
        "events",
        [event_row(user_id=user, event_id=f"e{n:02}", event_type=f"t{n}") for n in range(15)],
    )
    newest = api.endpoint("get_events", user_id=user, limit=10)
    [found] = api.endpoint("user_activity", user_id=user)
    assert found["recent_events"] == [event["event_type"] for event in newest]


def test_events_without_a_session_or_a_platform_count_for_none(api: Api, user: str) -> None:
    api.ingest("events", [event_row(user_id=user, session_id="", platform="")])
    [found] = api.endpoint("user_activity", user_id=user)
    assert (found["session_count"], found["platforms_used"]) == (0, [])
    assert found["event_count"] == 1


def test_a_user_who_did_nothing_has_no_row(api: Api, user: str) -> None:
    assert api.endpoint("user_activity", user_id=user) == []


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({}, ["t2", "t1", "t0"]),
        ({"start_date": 0, "end_date": 2}, ["t2", "t1", "t0"]),
        ({"start_date": 1}, ["t2", "t1"]),
        ({"end_date": 1}, ["t1", "t0"]),
        ({"start_date": 1, "end_date": 1}, ["t1"]),
    ],
)
def test_the_period_includes_both_of_its_ends(
    api: Api, user: str, moment: datetime, bounds: dict[str, int], expected: list[str]
) -> None:
    def at(second: int) -> str:
        return written(moment + timedelta(seconds=second))

    api.ingest(
        "events",
        [event_row(user_id=user, event_type=f"t{n}", timestamp=at(n)) for n in range(3)],
    )
    period = {name: at(second) for name, second in bounds.items()}
    [found] = api.endpoint("user_activity", user_id=user, **period)
    assert found["recent_events"] == expected
    assert api.endpoint("user_activity", user_id=user, start_date=at(3)) == []


def test_a_user_of_two_tenants_is_seen_whole_or_by_tenant(api: Api, user: str, tenant: str) -> None:
    api.ingest(
        "events",
        [
            event_row(user_id=user, tenant_id=f"{tenant}_a", event_type="login"),
            event_row(user_id=user, tenant_id=f"{tenant}_b", event_type="logout"),
        ],
    )
    [both] = api.endpoint("user_activity", user_id=user)
    assert both["event_count"] == 2
    [one] = api.endpoint("user_activity", user_id=user, tenant_id=f"{tenant}_b")
    assert (one["event_count"], one["recent_events"]) == (1, ["logout"])
