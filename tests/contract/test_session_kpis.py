from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.contract.analytics import approximately, columns, history, send
from tests.contract.api import Api
from tests.contract.rows import session_row, written
from tests.oracle.clock import shown
from tests.oracle.moments import changes, near
from tests.oracle.session_kpis import session_kpis
from tests.oracle.session_rows import session_histories

COUNTS = ["session_count", "unique_users", "event_count", "page_view_count"]
RATIOS = [
    "bounce_rate",
    "average_duration_seconds",
    "median_duration_seconds",
    "p95_duration_seconds",
    "events_per_session",
    "page_views_per_session",
]
COLUMNS = {
    "period": "String",
    **dict.fromkeys(["period_start", "period_end"], "Nullable(DateTime)"),
    **dict.fromkeys(COUNTS + RATIOS, "Nullable(Float64)"),
    **dict.fromkeys(["bounce", "uniques"], "String"),
}
DAY = {"start_date": "2025-03-09 00:00:00", "end_date": "2025-03-09 23:59:59"}


def test_it_tells_its_columns(api: Api, tenant: str) -> None:
    assert columns(api, "session_kpis", tenant_id=tenant) == COLUMNS


def test_nothing_is_divided_by_zero(api: Api, tenant: str) -> None:
    current, previous, change = api.endpoint(
        "session_kpis", tenant_id=tenant, compare="previous", **DAY
    )
    for found in (current, previous):
        assert {found[name] for name in COUNTS} == {0}
        assert {found[name] for name in RATIOS} == {None}
    assert {change[name] for name in COUNTS + RATIOS} == {None}


def test_without_dates_the_period_has_no_ends(api: Api, tenant: str) -> None:
    [found] = api.endpoint("session_kpis", tenant_id=tenant)
    assert (found["period"], found["period_start"], found["period_end"]) == (
        "current",
        None,
        None,
    )


def test_a_session_over_midnight_is_one_session_of_its_first_day(api: Api, tenant: str) -> None:
    times = ["2025-03-09 23:59:00", "2025-03-10 00:01:00"]
    api.ingest("user_sessions", [session_row(tenant_id=tenant, created_at=at) for at in times])
    [first] = api.endpoint("session_kpis", tenant_id=tenant, **DAY)
    assert (first["session_count"], first["event_count"]) == (1, 2)
    assert first["average_duration_seconds"] == 120
    next_day = {"start_date": "2025-03-10 00:00:00", "end_date": "2025-03-10 23:59:59"}
    [second] = api.endpoint("session_kpis", tenant_id=tenant, **next_day)
    assert second["session_count"] == 0


@pytest.mark.parametrize(
    ("bounce", "types", "seconds", "bounced"),
    [
        ("engaged", ["pageview"], 0, True),
        ("engaged", ["pageview", "heartbeat"], 9, True),
        ("engaged", ["pageview", "heartbeat"], 10, False),
        ("engaged", ["pageview", "click"], 1, False),
        ("engaged", ["pageview", "page_view"], 1, False),
        ("engaged", ["click"], 0, False),
        ("pageviews", ["pageview", "click"], 1, True),
        ("pageviews", ["click"], 0, False),
        ("pageviews", ["screen_view", "pageview"], 1, False),
        ("events", ["click"], 0, True),
        ("events", ["pageview", "ping"], 1, False),
    ],
)
def test_what_a_bounce_is(
    api: Api, tenant: str, bounce: str, types: list[str], seconds: int, bounced: bool
) -> None:
    start = datetime.fromisoformat("2025-03-09 10:00:00+00:00")
    api.ingest(
        "user_sessions",
        [
            session_row(
                tenant_id=tenant,
                event_type=kind,
                created_at=written(start + timedelta(seconds=seconds * number)),
            )
            for number, kind in enumerate(types)
        ],
    )
    [found] = api.endpoint("session_kpis", tenant_id=tenant, bounce=bounce)
    assert (found["bounce"], found["bounce_rate"]) == (bounce, float(bounced))


@pytest.mark.parametrize(
    ("compare", "day", "hour"),
    [
        ("previous", "2025-03-08", "05"),
        ("week", "2025-03-02", "05"),
        ("year", "2024-03-09", "05"),
    ],
)
def test_an_earlier_day_begins_where_its_own_clock_says(
    api: Api, tenant: str, compare: str, day: str, hour: str
) -> None:
    """The day in New York that has 23 hours is compared with one that has 24."""
    start = datetime.fromisoformat(f"{day} {hour}:00:00+00:00")
    for at in (start - timedelta(seconds=1), start, start + timedelta(hours=24)):
        row = session_row(tenant_id=tenant, session_id=str(at), created_at=written(at))
        api.ingest("user_sessions", [row])
    _, previous, _ = api.endpoint(
        "session_kpis",
        tenant_id=tenant,
        compare=compare,
        time_zone="America/New_York",
        **DAY,
    )
    assert (previous["period"], previous["session_count"]) == ("previous", 1)


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("bounce", "", "bounce must be engaged, pageviews or events"),
        ("bounce", "time", "bounce must be engaged, pageviews or events"),
        ("compare", "day", "compare must be previous, week, year or none"),
        ("compare", "week", "compare needs start_date and end_date"),
        ("exact", "yes", "exact must be 0 or 1"),
    ],
)
def test_a_definition_that_does_not_exist_is_refused(
    api: Api, name: str, value: str, text: str
) -> None:
    assert text in api.refusal("session_kpis", **{name: value})


@given(data=st.data())
@history
def test_it_equals_the_oracle(api: Api, data: st.DataObject) -> None:
    zone, change = data.draw(changes)
    rows = data.draw(session_histories(change))
    tenant = send(api, "user_sessions", rows, data)
    start, end = sorted(shown(data.draw(near(change)), zone) for _ in range(2))
    bounce = data.draw(st.sampled_from(["engaged", "pageviews", "events"]))
    compare = data.draw(st.sampled_from(["none", "previous", "week", "year"]))
    found = api.endpoint(
        "session_kpis",
        tenant_id=tenant,
        start_date=start,
        end_date=end,
        time_zone=zone,
        bounce=bounce,
        compare=compare,
        exact=data.draw(st.sampled_from([0, 1])),
    )
    expected = session_kpis(rows, start, end, zone=zone, bounce=bounce, compare=compare)
    assert found == [approximately(row) for row in expected]
