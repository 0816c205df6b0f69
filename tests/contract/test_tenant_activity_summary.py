from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from tests.contract.api import Api
from tests.contract.rows import session_row, written


def test_a_tenant_is_one_row(api: Api, tenant: str) -> None:
    api.ingest(
        "user_sessions",
        [
            session_row(
                tenant_id=tenant,
                session_id=session,
                user_id=user,
                created_at=f"2025-05-07 10:00:0{second}",
            )
            for second, (session, user) in enumerate(
                [("s1", "u1"), ("s1", "u1"), ("s2", "u1"), ("s3", "u2"), ("s3", "u3")]
            )
        ],
    )
    assert api.endpoint("tenant_activity_summary", tenant_id=tenant) == [
        {
            "tenant_id": tenant,
            "total_sessions": 3,
            "total_users": 3,
            "first_activity": "2025-05-07 10:00:00",
            "last_activity": "2025-05-07 10:00:04",
            "total_events": 5,
        }
    ]


def test_rows_without_a_user_count_for_no_user(api: Api, tenant: str) -> None:
    api.ingest(
        "user_sessions",
        [session_row(tenant_id=tenant, user_id=user) for user in ["", "u1", "", "u1"]],
    )
    [found] = api.endpoint("tenant_activity_summary", tenant_id=tenant)
    assert (found["total_users"], found["total_events"]) == (1, 4)


def test_the_busiest_tenant_comes_first_and_ties_follow_the_name(
    api: Api, tenant: str, moment: datetime
) -> None:
    counts = {"b": 2, "c": 3, "d": 1, "a": 2}
    api.ingest(
        "user_sessions",
        [
            session_row(tenant_id=f"{tenant}_{name}", created_at=written(moment))
            for name, count in counts.items()
            for _ in range(count)
        ],
    )
    period = {"from_date": written(moment), "to_date": written(moment)}
    found = api.endpoint("tenant_activity_summary", **period)
    assert [(row["tenant_id"], row["total_events"]) for row in found] == [
        (f"{tenant}_c", 3),
        (f"{tenant}_a", 2),
        (f"{tenant}_b", 2),
        (f"{tenant}_d", 1),
    ]
    two = api.endpoint("tenant_activity_summary", limit=2, **period)
    assert [row["tenant_id"] for row in two] == [f"{tenant}_c", f"{tenant}_a"]


def test_fifty_tenants_are_listed_without_a_limit(api: Api, tenant: str, moment: datetime) -> None:
    names = [f"{tenant}_{n:02}" for n in range(51)]
    api.ingest(
        "user_sessions",
        [session_row(tenant_id=name, created_at=written(moment)) for name in names],
    )
    period = {"from_date": written(moment), "to_date": written(moment)}
    assert len(api.endpoint("tenant_activity_summary", **period)) == 50
    assert len(api.endpoint("tenant_activity_summary", limit=10_000, **period)) == 51


@pytest.mark.parametrize(
    ("from_minute", "to_minute", "total"),
    [(None, None, 3), (0, 2, 3), (1, None, 2), (None, 1, 2), (1, 1, 1), (3, None, None)],
)
def test_the_period_includes_both_of_its_ends(
    api: Api,
    tenant: str,
    moment: datetime,
    from_minute: int | None,
    to_minute: int | None,
    total: int | None,
) -> None:
    def at(minute: int) -> str:
        return written(moment + timedelta(minutes=minute))

    api.ingest(
        "user_sessions",
        [session_row(tenant_id=tenant, created_at=at(minute)) for minute in range(3)],
    )
    period = {}
    if from_minute is not None:
        period["from_date"] = at(from_minute)
    if to_minute is not None:
        period["to_date"] = at(to_minute)
    found = api.endpoint("tenant_activity_summary", tenant_id=tenant, **period)
    assert [row["total_events"] for row in found] == ([] if total is None else [total])


def test_events_of_the_sessions_add_up_to_the_total(api: Api, tenant: str) -> None:
    api.ingest(
        "user_sessions",
        [session_row(tenant_id=tenant, session_id=f"sess_{n % 3}") for n in range(10)],
    )
    sessions = api.endpoint("get_active_sessions", tenant_id=tenant)
    [summary] = api.endpoint("tenant_activity_summary", tenant_id=tenant)
    assert sum(session["event_count"] for session in sessions) == summary["total_events"] == 10
    assert len(sessions) == summary["total_sessions"] == 3
