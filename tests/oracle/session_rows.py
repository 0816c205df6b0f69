"""Histories of `user_sessions`, and what each row means."""

from __future__ import annotations

from urllib.parse import urlsplit

from hypothesis import strategies as st
from tests.oracle.clock import seconds, written
from tests.oracle.moments import near

Row = dict[str, str]

PAGE_VIEWS = {"pageview", "page_view", "screen_view"}
HEARTBEATS = {"heartbeat", "ping"}


def session_histories(
    at: int, *, days: int = 2, max_size: int = 25
) -> st.SearchStrategy[list[Row]]:
    """Rows of one tenant around a moment: sessions that interleave, change users and tie."""
    row = st.fixed_dictionaries(
        {
            "session_id": st.sampled_from(["s1", "s1", "s2", "s3", "größe", ""]),
            "user_id": st.sampled_from(["", "u1", "u1", "u2", "ü 3"]),
            "event_type": st.sampled_from(
                [
                    "pageview",
                    "pageview",
                    "page_view",
                    "click",
                    "heartbeat",
                    "ping",
                    "Ωmega",
                ]
            ),
            "event_data": st.sampled_from(["{}", '{"a":1}', "not json", ""]),
            "page_url": st.sampled_from(
                [
                    "",
                    "https://example.com",
                    "https://example.com/",
                    "https://example.com/pricing?utm_source=ads&utm_medium=cpc",
                    "https://example.com/pricing#plans",
                    "/pricing",
                    "https://example.com/größe?x=/y",
                ]
            ),
            "referrer": st.sampled_from(
                [
                    "",
                    "https://www.google.com/search",
                    "https://example.com/",
                    "https://blog.test/p",
                ]
            ),
            "device_type": st.sampled_from(["mobile", "desktop"]),
            "browser": st.sampled_from(["Firefox", "Safari"]),
            "ip_address": st.just("192.0.2.1"),
            "created_at": near(at, days=days).map(written),
            "updated_at": st.sampled_from(["2025-01-01 00:00:00", "2025-01-01 00:00:01"]),
        }
    )
    return st.lists(row, max_size=max_size).map(
        lambda rows: [row | {"event_id": f"e{n}" if n % 4 else ""} for n, row in enumerate(rows)]
    )


def at(row: Row) -> int:
    """When the row's thing happened."""
    return seconds(row["created_at"])


def page(row: Row) -> str:
    """The path of the row's page."""
    address = row["page_url"].partition("#")[0].partition("?")[0]
    return (urlsplit(address).path or "/") if "://" in address else address
