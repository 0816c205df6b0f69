from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.contract.api import Api, Row
from tests.contract.rows import session_row, written


def ids(sessions: list[Row]) -> list[str]:
    return [session["session_id"] for session in sessions]


def test_a_session_is_one_row_with_its_events_in_the_order_of_time(api: Api, tenant: str) -> None:
    api.ingest(
        "user_sessions",
        [
            session_row(tenant_id=tenant, event_type="logout", created_at="2025-05-07 16:45:02"),
            session_row(tenant_id=tenant, event_type="pageview", created_at="2025-05-07 16:41:42"),
            session_row(tenant_id=tenant, event_type="click", created_at="2025-05-07 16:42:00"),
        ],
    )
    assert api.endpoint("get_active_sessions", tenant_id=tenant) == [
        {
            "session_id": "sess_ffc43cbd9abd4ab7",
            "user_id": "user_85",
            "tenant_id": tenant,
            "session_start": "2025-05-07 16:41:42",
            "last_activity": "2025-05-07 16:45:02",
            "session_duration_seconds": 200,
            "event_count": 3,
            "events": ["pageview", "click", "logout"],
        }
    ]


def test_the_most_recently_active_session_comes_first_and_ties_follow_the_session_id(
    api: Api, tenant: str
) -> None:
    times = {"b": "10:00:00", "d": "09:00:00", "a": "10:00:00", "c": "11:00:00", "e": "10:00:00"}
    api.ingest(
        "user_sessions",
        [
            session_row(tenant_id=tenant, session_id=session, created_at=f"2025-05-07 {time}")
            for session, time in times.items()
        ],
    )
    assert ids(api.endpoint("get_active_sessions", tenant_id=tenant)) == ["c", "a", "b", "e", "d"]


def test_events_of_the_same_second_always_stand_in_the_same_order(api: Api, tenant: str) -> None:
    types = ["search", "click", "pageview", "click"]
    api.ingest("user_sessions", [session_row(tenant_id=tenant, event_type=t) for t in types])
    [found] = api.endpoint("get_active_sessions", tenant_id=tenant)
    assert found["events"] == sorted(types)


def test_a_login_half_way_does_not_split_the_session(api: Api, tenant: str) -> None:
    users = ["", "", "user_1", ""]
    api.ingest(
        "user_sessions",
        [
            session_row(tenant_id=tenant, user_id=user, created_at=f"2025-05-07 10:00:0{second}")
            for second, user in enumerate(users)
        ],
    )
    [found] = api.endpoint("get_active_sessions", tenant_id=tenant)
    assert (found["user_id"], found["event_count"]) == ("user_1", 4)


def test_a_session_without_a_login_has_no_user(api: Api, tenant: str) -> None:
    api.ingest("user_sessions", [session_row(tenant_id=tenant, user_id="")])
    [found] = api.endpoint("get_active_sessions", tenant_id=tenant)
    assert found["user_id"] == ""


@pytest.mark.parametrize("name", ["first", "second"])
def test_a_session_is_found_whole_by_each_user_who_took_part(
    api: Api, tenant: str, user: str, name: str
) -> None:
    users = {"first": f"{user}_first", "second": f"{user}_second"}
    api.ingest(
        "user_sessions",
        [
            session_row(tenant_id=tenant, user_id=users["first"], created_at="2025-05-07 10:00:00"),
            session_row(
                tenant_id=tenant, user_id=users["second"], created_at="2025-05-07 10:05:00"
            ),
            session_row(tenant_id=tenant, session_id="other", user_id=f"{user}_third"),
        ],
    )
    [found] = api.endpoint("get_active_sessions", user_id=users[name])
    assert found["user_id"] == users["second"]
    assert found["event_count"] == 2
    assert found["session_duration_seconds"] == 300


def test_tenants_that_share_a_session_id_have_a_session_each(
    api: Api, tenant: str, session: str, user: str
) -> None:
    tenants = [f"{tenant}_{name}" for name in ["c", "e", "a", "d", "b"]]
    api.ingest(
        "user_sessions",
        [session_row(tenant_id=name, session_id=session, user_id=user) for name in tenants],
    )
    every = api.endpoint("get_active_sessions", user_id=user)
    assert [(found["tenant_id"], found["event_count"]) for found in every] == [
        (name, 1) for name in sorted(tenants)
    ]
    for name in tenants:
        [found] = api.endpoint("get_active_sessions", user_id=user, tenant_id=name)
        assert found["tenant_id"] == name


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({}, ["pageview", "click", "logout"]),
        ({"from_date": "2025-05-07 10:00:00"}, ["pageview", "click", "logout"]),
        ({"from_date": "2025-05-07 10:00:01"}, ["click", "logout"]),
        ({"to_date": "2025-05-07 12:00:00"}, ["pageview", "click", "logout"]),
        ({"to_date": "2025-05-07 11:59:59"}, ["pageview", "click"]),
        ({"from_date": "2025-05-07 11:00:00", "to_date": "2025-05-07 11:00:00"}, ["click"]),
        ({"from_date": "1969-12-31 23:59:59"}, ["pageview", "click", "logout"]),
        ({"to_date": "9999-12-31 23:59:59"}, ["pageview", "click", "logout"]),
    ],
)
def test_a_session_counts_what_happened_between_the_dates_both_included(
    api: Api, tenant: str, bounds: dict[str, str], expected: list[str]
) -> None:
    steps = {"pageview": "10:00:00", "click": "11:00:00", "logout": "12:00:00"}
    api.ingest(
        "user_sessions",
        [
            session_row(tenant_id=tenant, event_type=step, created_at=f"2025-05-07 {time}")
            for step, time in steps.items()
        ],
    )
    [found] = api.endpoint("get_active_sessions", tenant_id=tenant, **bounds)
    assert found["events"] == expected
    assert found["event_count"] == len(expected)


@pytest.mark.parametrize(
    "bounds",
    [
        {"from_date": "2025-05-07 16:41:43"},
        {"to_date": "2025-05-07 16:41:41"},
        {"from_date": "2025-05-08 00:00:00", "to_date": "2025-05-01 00:00:00"},
        {"from_date": "9999-12-31 23:59:59"},
        {"to_date": "1969-12-31 23:59:59"},
    ],
)
def test_a_period_in_which_nothing_happened_has_no_sessions(
    api: Api, tenant: str, bounds: dict[str, str]
) -> None:
    api.ingest("user_sessions", [session_row(tenant_id=tenant)])
    assert api.endpoint("get_active_sessions", tenant_id=tenant, **bounds) == []


def test_active_within_keeps_sessions_by_their_last_activity(api: Api, tenant: str) -> None:
    now = datetime.now(UTC)
    ages = {"long_ago": [90_000], "an_hour_ago": [7_200, 3_600], "going_on": [7_200, 5]}
    api.ingest(
        "user_sessions",
        [
            session_row(
                tenant_id=tenant,
                session_id=session,
                created_at=written(now - timedelta(seconds=age)),
            )
            for session, seconds in ages.items()
            for age in seconds
        ],
    )

    def active(**within: int) -> list[str]:
        return ids(api.endpoint("get_active_sessions", tenant_id=tenant, **within))

    assert active(active_within=0) == []
    assert active(active_within=1_800) == ["going_on"]
    assert active(active_within=7_200) == ["going_on", "an_hour_ago"]
    assert active(active_within=2_147_483_647) == ["going_on", "an_hour_ago", "long_ago"]
    assert active() == ["going_on", "an_hour_ago", "long_ago"]
    [found] = api.endpoint("get_active_sessions", tenant_id=tenant, active_within=1_800)
    assert found["event_count"] == 2


def test_at_most_limit_sessions_are_listed_and_a_hundred_without_it(api: Api, tenant: str) -> None:
    api.ingest(
        "user_sessions",
        [session_row(tenant_id=tenant, session_id=f"sess_{n:03}") for n in range(101)],
    )
    every = [f"sess_{n:03}" for n in range(101)]
    assert ids(api.endpoint("get_active_sessions", tenant_id=tenant)) == every[:100]
    assert ids(api.endpoint("get_active_sessions", tenant_id=tenant, limit=1)) == every[:1]
    assert ids(api.endpoint("get_active_sessions", tenant_id=tenant, limit=10_000)) == every


def test_all_filters_together(api: Api, tenant: str, user: str) -> None:
    now = datetime.now(UTC)
    wanted = session_row(
        tenant_id=tenant, session_id="wanted", user_id=user, created_at=written(now)
    )
    api.ingest(
        "user_sessions",
        [
            wanted,
            wanted | {"session_id": "of_another_user", "user_id": f"{user}_x"},
            wanted | {"session_id": "of_another_tenant", "tenant_id": f"{tenant}_x"},
            wanted | {"session_id": "too_old", "created_at": written(now - timedelta(days=2))},
        ],
    )
    found = api.endpoint(
        "get_active_sessions",
        tenant_id=tenant,
        user_id=user,
        from_date=written(now - timedelta(days=1)),
        to_date=written(now + timedelta(days=1)),
        active_within=3_600,
        limit=50,
    )
    assert ids(found) == ["wanted"]
