from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.contract.api import Api
from tests.contract.rows import event_row, written


def test_a_type_of_event_is_one_row(api: Api, tenant: str) -> None:
    api.ingest(
        "events",
        [
            event_row(
                tenant_id=tenant,
                event_type=kind,
                user_id=user,
                session_id=session,
                timestamp=f"2025-05-07 10:00:0{second}",
            )
            for second, (kind, user, session) in enumerate(
                [
                    ("login", "u1", "s1"),
                    ("click", "u1", "s1"),
                    ("click", "u1", "s2"),
                    ("click", "u2", "s3"),
                ]
            )
        ],
    )
    assert api.endpoint("event_stats", tenant_id=tenant) == [
        {
            "event_type": "click",
            "event_count": 3,
            "unique_users": 2,
            "first_seen": "2025-05-07 10:00:01",
            "last_seen": "2025-05-07 10:00:03",
            "session_count": 3,
        },
        {
            "event_type": "login",
            "event_count": 1,
            "unique_users": 1,
            "first_seen": "2025-05-07 10:00:00",
            "last_seen": "2025-05-07 10:00:00",
            "session_count": 1,
        },
    ]


def test_the_most_frequent_type_comes_first_and_ties_follow_the_name(api: Api, tenant: str) -> None:
    api.ingest(
        "events",
        [
            event_row(tenant_id=tenant, event_id=f"e{n}", event_type=kind)
            for n, kind in enumerate(["b", "c", "d", "c", "a"])
        ],
    )
    found = api.endpoint("event_stats", tenant_id=tenant)
    assert [(row["event_type"], row["event_count"]) for row in found] == [
        ("c", 2),
        ("a", 1),
        ("b", 1),
        ("d", 1),
    ]


def test_events_without_a_user_or_a_session_count_for_none(api: Api, tenant: str) -> None:
    api.ingest("events", [event_row(tenant_id=tenant, user_id="", session_id="")])
    [found] = api.endpoint("event_stats", tenant_id=tenant)
    assert (found["unique_users"], found["session_count"]) == (0, 0)
    assert found["event_count"] == 1


@pytest.mark.parametrize(
    ("platform", "counts"), [("web", {"click": 2}), ("ios", {"click": 1, "login": 1}), ("tv", {})]
)
def test_a_platform_is_counted_alone(
    api: Api, tenant: str, platform: str, counts: dict[str, int]
) -> None:
    events = [("click", "web"), ("click", "web"), ("click", "ios"), ("login", "ios")]
    api.ingest(
        "events",
        [
            event_row(tenant_id=tenant, event_id=f"e{n}", event_type=kind, platform=on)
            for n, (kind, on) in enumerate(events)
        ],
    )
    found = api.endpoint("event_stats", tenant_id=tenant, platform=platform)
    assert {row["event_type"]: row["event_count"] for row in found} == counts


@pytest.mark.parametrize(
    ("bounds", "count"),
    [
        ({}, 3),
        ({"start_date": 0, "end_date": 2}, 3),
        ({"start_date": 1}, 2),
        ({"end_date": 1}, 2),
        ({"start_date": 1, "end_date": 1}, 1),
        ({"start_date": 3}, 0),
    ],
)
def test_the_period_includes_both_of_its_ends(
    api: Api, tenant: str, moment: datetime, bounds: dict[str, int], count: int
) -> None:
    def at(second: int) -> str:
        return written(moment + timedelta(seconds=second))

    api.ingest("events", [event_row(tenant_id=tenant, timestamp=at(n)) for n in range(3)])
    period = {name: at(second) for name, second in bounds.items()}
    found = api.endpoint("event_stats", tenant_id=tenant, **period)
    assert [row["event_count"] for row in found] == ([count] if count else [])


def test_the_counts_add_up_to_the_events(api: Api, tenant: str) -> None:
    kinds = ["a", "b", "b", "c", "c", "c"]
    api.ingest(
        "events",
        [
            event_row(tenant_id=tenant, event_id=f"e{n}", event_type=kind)
            for n, kind in enumerate(kinds)
        ],
    )
    found = api.endpoint("event_stats", tenant_id=tenant)
    events = api.endpoint("get_events", tenant_id=tenant)
    assert sum(row["event_count"] for row in found) == len(events) == len(kinds)
