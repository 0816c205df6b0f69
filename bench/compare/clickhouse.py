"""The questions in ClickHouse's SQL, each one statement over a landing table.

`systems/bare.py` asks the engine itself, `systems/tutorials.py` makes endpoints of them.
"""

from __future__ import annotations

from bench.compare.work import FUNNEL, FUNNEL_WINDOW

_EVENTS = """tenant_id = {tenant:String}
        and timestamp >= {since:DateTime} and timestamp <= {until:DateTime}"""
_STEPS = ", ".join(f"event_type = '{name}'" for name in FUNNEL)

QUESTIONS = {
    "kpis": """
    select
        count() as sessions, uniqExact(user) as users, sum(rows) as events,
        sum(views) as page_views,
        if(sessions = 0, null, avg(dateDiff('second', first, last))) as duration
    from (
        select
            session_id, any(user_id) as user, min(created_at) as first, max(created_at) as last,
            count() as rows, countIf(event_type = 'page_view') as views
        from user_sessions
        where tenant_id = {tenant:String}
            and created_at >= {since:DateTime} - 86400 and created_at <= {until:DateTime} + 86400
        group by session_id
        having first >= {since:DateTime} and first <= {until:DateTime}
    )""",
    "series": f"""
    select toDate(timestamp) as day, count() as events, uniqExact(user_id) as users,
        uniqExact(session_id) as sessions
    from events where {_EVENTS}
    group by day
    order by day with fill from toDate({{since:DateTime}}) to toDate({{until:DateTime}}) + 1""",
    "breakdown": f"""
    select if(place <= 10, name, '(other)') as value, sum(rows) as events,
        uniqExactMerge(found) as users
    from (
        select event_type as name, count() as rows, uniqExactState(user_id) as found,
            row_number() over (order by count() desc, event_type) as place
        from events where {_EVENTS} group by event_type
    )
    group by value order by min(place)""",
    "funnel": f"""
    select countIf(level >= 1) as one, countIf(level >= 2) as two, countIf(level >= 3) as three
    from (
        select windowFunnel({FUNNEL_WINDOW})(timestamp, {_STEPS}) as level
        from events where {_EVENTS} and event_type in {FUNNEL}
        group by user_id
    )""",
    "retention": """
    select cohort, number, count() as size, countIf(has(weeks, cohort + 7 * number)) as users
    from (
        select toMonday(min(timestamp)) as cohort, groupUniqArray(toMonday(timestamp)) as weeks
        from events where tenant_id = {tenant:String} and timestamp <= {until:DateTime}
        group by user_id having min(timestamp) >= {since:DateTime}
    ) array join range(13) as number
    where cohort + 7 * number <= toDate({until:DateTime})
    group by cohort, number order by cohort, number""",
    "stats": f"""
    select event_type, count() as events, uniqExact(user_id) as users,
        uniqExact(session_id) as sessions, min(timestamp) as first, max(timestamp) as last
    from events where {_EVENTS}
    group by event_type order by events desc, event_type""",
    "user": f"""
    select uniqExact(session_id) as sessions, count() as events, min(timestamp) as first,
        max(timestamp) as last,
        arrayMap(
            each -> each.3,
            arraySlice(arrayReverseSort(groupArray((timestamp, event_id, event_type))), 1, 10)
        ) as recent,
        arraySort(groupUniqArray(platform)) as platforms
    from events where {_EVENTS} and user_id = {{user:String}}
    group by user_id""",
    "latest": f"""
    select event_id, event_type, user_id, session_id, timestamp, platform, country, properties
    from events where {_EVENTS}
    order by timestamp desc, event_id desc limit {{limit:UInt32}}""",
    "sessions": """
    select session_id, any(user_id) as user, min(created_at) as first, max(created_at) as last,
        dateDiff('second', first, last) as duration, count() as events,
        arrayMap(each -> each.2, arraySort(groupArray((created_at, event_type)))) as types
    from user_sessions
    where tenant_id = {tenant:String}
        and created_at >= {since:DateTime} and created_at <= {until:DateTime}
    group by session_id order by last desc, session_id limit {limit:UInt32}""",
    "summary": """
    select tenant_id, uniqExact(session_id) as sessions, uniqExact(user_id) as users,
        min(created_at) as first, max(created_at) as last, count() as events
    from user_sessions group by tenant_id order by events desc, tenant_id limit {limit:UInt32}""",
}
