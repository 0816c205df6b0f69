"""The tutorials' own tables and SQL: what the data project is measured against."""

from __future__ import annotations

TABLES = {
    "events": """
        (event_id String, event_type String, user_id String, session_id String,
         timestamp DateTime, platform String, app_version String, device_type String, os String,
         country String, properties String, tenant_id String)
        engine = MergeTree partition by toYYYYMM(timestamp)
        order by (timestamp, event_type, user_id)""",
    "user_sessions": """
        (session_id String, user_id String, tenant_id String, event_type String,
         event_data String, page_url String, referrer String, device_type String, browser String,
         ip_address String, created_at DateTime, updated_at DateTime)
        engine = MergeTree partition by toYYYYMM(created_at)
        order by (tenant_id, session_id, created_at)""",
}

_SELECTS = {
    "get_active_sessions": """
        select session_id, user_id, tenant_id, min(created_at) as session_start,
            max(created_at) as last_activity,
            dateDiff('second', min(created_at), max(created_at)) as session_duration_seconds,
            count() as event_count, groupArray(event_type) as events
        from {table} where {where}
        group by session_id, user_id, tenant_id order by last_activity desc limit {limit}""",
    "tenant_activity_summary": """
        select tenant_id, countDistinct(session_id) as total_sessions,
            countDistinct(user_id) as total_users, min(created_at) as first_activity,
            max(created_at) as last_activity, count() as total_events
        from {table} where {where}
        group by tenant_id order by total_events desc limit {limit}""",
    "get_session_details": """
        select session_id, user_id, tenant_id, event_type, event_data, page_url, referrer,
            device_type, browser, ip_address, created_at, updated_at
        from {table} where {where} order by created_at asc""",
    "get_events": """
        select event_id, event_type, user_id, session_id, timestamp, platform, app_version,
            device_type, os, country, properties
        from {table} where {where} order by timestamp desc limit {limit}""",
    "user_activity": """
        select user_id, countDistinct(session_id) as session_count, count() as event_count,
            min(timestamp) as first_seen, max(timestamp) as last_seen,
            groupArray(10)(event_type) as recent_events, groupUniqArray(platform) as platforms_used
        from {table} where {where} group by user_id""",
    "event_stats": """
        select event_type, count() as event_count, countDistinct(user_id) as unique_users,
            min(timestamp) as first_seen, max(timestamp) as last_seen,
            countDistinct(session_id) as session_count
        from {table} where {where} group by event_type order by event_count desc""",
}
_SESSIONS = {"get_active_sessions", "tenant_activity_summary", "get_session_details"}
_BOUNDS = {
    "from_date": "created_at >=",
    "to_date": "created_at <=",
    "start_date": "timestamp >=",
    "end_date": "timestamp <=",
}


def statement(database: str, endpoint: str, params: dict[str, str]) -> str:
    """The tutorial's statement behind an endpoint, with those filters that are given."""
    table = f"{database}.{'user_sessions' if endpoint in _SESSIONS else 'events'}"
    conditions = [
        f"{_BOUNDS.get(name, f'{name} =')} '{value}'"
        for name, value in params.items()
        if name not in ("limit", "exact")
    ]
    return _SELECTS[endpoint].format(
        table=table, where=" and ".join(conditions) or "1", limit=params.get("limit", "100")
    )
