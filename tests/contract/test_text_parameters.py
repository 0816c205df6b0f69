"""Text in a parameter is compared as it is, whatever characters it has."""

from __future__ import annotations

import pytest
from tests.contract.api import Api
from tests.contract.rows import event_row, session_row

EVERYTHING = "100% of 'a%20b' \\ \"q\" `t` {{x}} Größe 日本語 🐦\n\\"


@pytest.mark.parametrize(
    "text",
    [
        "a%20b",
        "%",
        "%%",
        "100\\%",
        "under_score",
        "it's",
        "''",
        '"quoted"',
        "`ticks`",
        "back\\slash",
        "ends with \\",
        "\\n",
        "two\nlines",
        "tab\there",
        "{{braces}}",
        "{% if %}",
        "{name: String}",
        "-- comment",
        "' or 1 = 1 --",
        "Größe 日本語 🐦",
        " spaces around ",
        "a,b",
        "a&b=c+d?e#f",
        EVERYTHING,
    ],
)
def test_any_text_can_be_looked_for(api: Api, tenant: str, text: str) -> None:
    texts = [text, text + "x", text.replace("%", "x"), text.replace("\\", ""), ""]
    api.ingest("events", [event_row(tenant_id=tenant, event_type=t) for t in {*texts}])
    found = api.endpoint("get_events", tenant_id=tenant, event_type=text)
    assert [row["event_type"] for row in found] == [text]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("get_active_sessions", "tenant_id"),
        ("get_active_sessions", "user_id"),
        ("tenant_activity_summary", "tenant_id"),
        ("get_session_details", "tenant_id"),
        ("get_session_details", "session_id"),
    ],
)
def test_sessions_are_found_by_any_text(
    api: Api, tenant: str, session: str, name: str, column: str
) -> None:
    ids = {"tenant_id": tenant, "session_id": session, "user_id": session}
    wanted = ids | {column: ids[column] + EVERYTHING}
    api.ingest("user_sessions", [session_row(**ids), session_row(**wanted)])
    params = {column: wanted[column], "session_id": wanted["session_id"]}
    assert [row[column] for row in api.endpoint(name, **params)] == [wanted[column]]


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("get_events", "tenant_id"),
        ("get_events", "event_type"),
        ("get_events", "user_id"),
        ("get_events", "platform"),
        ("user_activity", "tenant_id"),
        ("user_activity", "user_id"),
        ("event_stats", "tenant_id"),
        ("event_stats", "platform"),
    ],
)
def test_events_are_found_by_any_text(
    api: Api, user: str, session: str, name: str, column: str
) -> None:
    ids = {"tenant_id": user, "user_id": user, "event_type": user, "platform": user}
    wanted = ids | {column: ids[column] + EVERYTHING}
    api.ingest("events", [event_row(**ids), event_row(**wanted, session_id=session)])
    params = {column: wanted[column], "user_id": wanted["user_id"]}
    [row] = api.endpoint(name, **params)
    assert row.get("event_count", 1) == 1
    assert row.get(column, wanted[column]) == wanted[column]
