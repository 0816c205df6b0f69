"""Rows for the benchmarks, made inside the engine: a few million a second.

A session has eight events, some forty seconds apart. Sessions begin evenly over ninety days; who
is active follows a power law, and so does the number of users of a tenant. The same number gives
the same rows.
"""

from __future__ import annotations

PER_SESSION = 8
DAYS = 90
FIRST = "toDateTime('2026-07-14 00:00:00')"
USERS_PER_SESSION = 0.16
TENANTS = 1000


def _pick(values: list[str], hashed: str) -> str:
    listed = ", ".join(f"'{value}'" for value in values)
    return f"[{listed}][1 + {hashed} % {len(values)}]"


EVENT_TYPES = [
    "page_view",
    "button_click",
    "search",
    "add_to_cart",
    "checkout_start",
    "purchase",
    "login",
    "logout",
    "sign_up",
    "share",
    "error",
    "scroll",
    "video_play",
    "video_pause",
    "form_submit",
    "download",
    "hover",
    "impression",
    "install",
    "update",
]
PLATFORMS = ["web", "web", "ios", "android", "desktop"]
_PAGES = ["home", "pricing", "features", "docs", "blog", "settings"]
_SOURCES = ["google", "direct", "newsletter", "twitter", "github"]


def _event_type() -> str:
    listed = ", ".join(f"'{name}'" for name in EVENT_TYPES)
    return f"[{listed}][1 + toUInt32(floor(20 * pow((roll % 10007) / 10007., 2.2)))]"


def _steps(first: int, count: int, total: int) -> str:
    """Steps of `count` sessions from number `first` on, out of `total` sessions."""
    users = max(1, int(total * USERS_PER_SESSION))
    return f"""
    select
        *,
        cityHash64(session, step, 'roll') as roll,
        {FIRST} + toUInt32(session * {DAYS * 86400 - 600}. / {total}) + step * 40 + roll % 37 as at
    from
        (
            select
                number as session,
                cityHash64(number, 'session') as id,
                toUInt32({users} * pow((cityHash64(number, 'user') % 1000003) / 1000003., 1.6))
                as user,
                toUInt32(pow({TENANTS}., (cityHash64(user, 'tenant') % 1000003) / 1000003.))
                as tenant,
                arrayJoin(range({PER_SESSION})) as step
            from numbers({first}, {count})
        )"""


def events(first: int, count: int, total: int, ids: str) -> str:
    """A SELECT of rows of `events`. `ids`: `uuid`, or `short` as the project's own seeding has."""
    event_id = {
        "uuid": "toString(reinterpretAsUUID(sipHash128(session, step)))",
        "short": "concat('ev_', lower(leftPad(hex(sipHash64(session, step)), 16, '0')))",
    }[ids]
    return f"""
    select
        {event_id} as event_id,
        {_event_type()} as event_type,
        concat('user_', toString(user)) as user_id,
        concat('sess_', lower(hex(id))) as session_id,
        at as timestamp,
        {_pick(PLATFORMS, "cityHash64(user, 'platform')")} as platform,
        {_pick(["3.6.0", "3.5.5", "3.5.1", "3.4.0"], "cityHash64(user, 'version')")} as app_version,
        {_pick(["desktop", "mobile", "tablet"], "cityHash64(user, 'device')")} as device_type,
        {_pick(["Windows", "macOS", "Linux", "Android", "iOS"], "cityHash64(user, 'os')")} as os,
        {_pick(["US", "DE", "GB", "FR", "ES", "BR"], "cityHash64(user, 'country')")} as country,
        concat(
            '{{"referrer":"', {_pick(_SOURCES, "id")}, '","target":"', {_pick(_PAGES, "roll")},
            '","load_ms":', toString(80 + roll % 700), '}}'
        ) as properties,
        concat('tenant_', toString(tenant)) as tenant_id
    from ({_steps(first, count, total)})"""


def user_sessions(first: int, count: int, total: int) -> str:
    """A SELECT of rows of `user_sessions`, as the tutorials have them: without an event id."""
    return f"""
    select
        concat('sess_', lower(hex(id))) as session_id,
        concat('user_', toString(user)) as user_id,
        concat('tenant_', toString(tenant)) as tenant_id,
        {_event_type()} as event_type,
        concat(
            '{{"action":"view","target":"', {_pick(_PAGES, "roll")}, '","load_ms":',
            toString(80 + roll % 700), '}}'
        ) as event_data,
        concat('https://example.com/', {_pick(_PAGES, "roll")}, '/', toString(roll % 50))
        as page_url,
        if(
            step = 0,
            concat('https://', {_pick(_SOURCES, "id")}, '.example'),
            concat('https://example.com/', {_pick(_PAGES, "id")})
        ) as referrer,
        {_pick(["desktop", "mobile", "tablet"], "cityHash64(user, 'device')")} as device_type,
        {_pick(["Chrome", "Firefox", "Safari", "Edge"], "cityHash64(user, 'browser')")} as browser,
        concat(
            '192.168.', toString(cityHash64(user, 'a') % 256), '.',
            toString(cityHash64(user, 'b') % 256)
        ) as ip_address,
        at as created_at,
        at + if(roll % 10 = 0, roll % 3, 0) as updated_at
    from ({_steps(first, count, total)})"""
