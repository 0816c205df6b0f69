"""Histories for the six endpoints: few names and few moments, so that everything ties and meets."""

from __future__ import annotations

import uuid

from hypothesis import strategies as st
from tests.oracle.six import Row

MOMENTS = [
    "1970-01-01 00:00:00",
    "2025-05-06 23:59:58",
    "2025-05-06 23:59:59",
    "2025-05-07 00:00:00",
    "2025-05-07 00:00:01",
    "2025-05-07 12:34:56",
    "2025-05-07 23:59:59",
    "2025-05-08 00:00:00",
    "2025-05-31 23:59:59",
    "2025-06-01 00:00:00",
    "2099-12-31 23:59:59",
]
"""Midnights, ends of months, the ends of time."""
TENANTS = ["", "a", "b", "größe 日本"]
USERS = ["", "u", "v", "ü%20'x"]
SESSIONS = ["", "s", "t", "日本"]
PLATFORMS = ["", "web", "ios"]
TYPES = ["view", "click", "Ωmega", ""]

_moments = st.sampled_from(MOMENTS)
_late = st.sampled_from(["2025-05-07 00:00:01", "2025-05-08 10:00:00"])


def _shown(row: Row) -> Row:
    """The columns that never decide whether two rows are the same follow from those that do."""
    details = f'{{"of": "{row["event_type"]}{row["user_id"]}"}}'
    return row | {
        "device_type": "tablet",
        ("event_data" if "created_at" in row else "properties"): details,
    }


def session_rows() -> st.SearchStrategy[Row]:
    fields = {
        "session_id": st.sampled_from(SESSIONS),
        "user_id": st.sampled_from(USERS),
        "tenant_id": st.sampled_from(TENANTS),
        "event_type": st.sampled_from(TYPES),
        "page_url": st.just("https://example.com/"),
        "referrer": st.just(""),
        "browser": st.just("Firefox"),
        "ip_address": st.just("192.0.2.1"),
        "created_at": _moments,
        "updated_at": _late,
    }
    ids = st.sampled_from(["", "e1", "e2"])
    return st.fixed_dictionaries(fields, optional={"event_id": ids}).map(_shown)


def event_rows() -> st.SearchStrategy[Row]:
    fields = {
        "event_id": st.sampled_from(["", "e1", "e2", "é"]),
        "event_type": st.sampled_from(TYPES),
        "user_id": st.sampled_from(USERS),
        "session_id": st.sampled_from(SESSIONS),
        "timestamp": _moments,
        "platform": st.sampled_from(PLATFORMS),
        "app_version": st.just("1"),
        "os": st.just("Linux"),
        "country": st.just("FR"),
    }
    tenants = st.sampled_from(TENANTS)
    return st.fixed_dictionaries(fields, optional={"tenant_id": tenants}).map(_shown)


def histories(rows: st.SearchStrategy[Row]) -> st.SearchStrategy[list[list[Row]]]:
    """Batches in the order in which they arrive."""
    return st.lists(st.lists(rows, min_size=1, max_size=12), min_size=1, max_size=4)


def with_ids(batches: list[list[Row]]) -> list[list[Row]]:
    """The same, every row with an id of its own, so that all of it can be sent again."""
    return [[row | {"event_id": uuid.uuid4().hex} for row in batch] for batch in batches]


def _optional(**fields: st.SearchStrategy[str]) -> st.SearchStrategy[Row]:
    return st.fixed_dictionaries({}, optional=dict(fields))


_tenant = st.sampled_from([*TENANTS, "nobody"])
_limit = st.sampled_from(["1", "2", "10000"])
_date = st.sampled_from([*MOMENTS, "2025-05-07 00:00:02"])
_exact = st.sampled_from(["0", "1"])

PARAMETERS: dict[str, st.SearchStrategy[Row]] = {
    "get_active_sessions": _optional(
        tenant_id=_tenant,
        user_id=st.sampled_from(USERS),
        from_date=_date,
        to_date=_date,
        limit=_limit,
        active_within=st.sampled_from(["0", "2147483647"]),
    ),
    "tenant_activity_summary": _optional(
        tenant_id=_tenant, from_date=_date, to_date=_date, limit=_limit, exact=_exact
    ),
    "get_session_details": st.builds(
        lambda session, rest: {"session_id": session} | rest,
        st.sampled_from(SESSIONS),
        _optional(tenant_id=_tenant),
    ),
    "get_events": _optional(
        tenant_id=_tenant,
        user_id=st.sampled_from(USERS),
        event_type=st.sampled_from(TYPES),
        platform=st.sampled_from(PLATFORMS),
        start_date=_date,
        end_date=_date,
        limit=_limit,
    ),
    "user_activity": st.builds(
        lambda user, rest: {"user_id": user} | rest,
        st.sampled_from(USERS),
        _optional(tenant_id=_tenant, start_date=_date, end_date=_date),
    ),
    "event_stats": _optional(
        tenant_id=_tenant,
        platform=st.sampled_from(PLATFORMS),
        start_date=_date,
        end_date=_date,
        exact=_exact,
    ),
}
"""What each endpoint may be asked."""
