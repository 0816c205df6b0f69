"""Where sessions come from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from tests.oracle.clock import Period
from tests.oracle.session_rows import Row, page
from tests.oracle.sessions import Session, sessions

PAID = {
    *("cpc", "ppc", "cpm", "paid", "paidsearch", "paid_search", "paidsocial", "paid_social"),
    *("display", "banner", "retargeting"),
}
SOCIAL = {
    *("facebook", "instagram", "threads", "twitter", "x.com", "t.co", "linkedin", "lnkd.in"),
    *("reddit", "youtube", "tiktok", "pinterest", "mastodon", "bsky"),
}
SEARCH = {
    *("google", "bing", "duckduckgo", "yahoo", "ecosia", "baidu", "yandex", "qwant"),
    *("startpage", "search.brave.com"),
}
UTM = ["utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"]


def acquisition(
    rows: Iterable[Row],
    period: Period,
    by: str = "channel",
    *,
    limit: int = 10,
    bounce: str = "engaged",
) -> list[dict[str, Any]]:
    """The rows of the endpoint, for rows of one tenant."""
    grouped = defaultdict(list)
    found = sessions(rows, period)
    for session in found:
        grouped[source(session.entry)[by]].append(session)
    ranked = sorted(grouped.items(), key=lambda item: (-len(item[1]), item[0].encode()))
    lines = [(value, 0, own) for value, own in ranked[:limit]]
    others = [session for _, own in ranked[limit:] for session in own]
    if others:
        lines.append(("(other)", 1, others))
    return [
        {
            "by": by,
            "value": value,
            "is_other": is_other,
            "session_count": len(own),
            "unique_users": _users(own),
            "bounce_rate": sum(session.bounced(bounce) for session in own) / len(own),
            "average_duration_seconds": sum(session.duration for session in own) / len(own),
            "share": len(own) / len(found),
            "total_session_count": len(found),
            "total_unique_users": _users(found),
            "bounce": bounce,
            "uniques": "exact",
        }
        for value, is_other, own in lines
    ]


def _users(found: list[Session]) -> int:
    return len({session.user_id for session in found} - {""})


def source(entry: Row) -> dict[str, str]:
    """What the entry of a session says about where it came from."""
    address = entry["page_url"].partition("#")[0]
    referrer = _host(entry["referrer"])
    if referrer == _host(address):
        referrer = ""
    pairs = [pair.partition("=") for pair in address.partition("?")[2].split("&")]
    asked = {name: unquote_plus(value) for name, _, value in reversed(pairs)}
    utm = {name: asked.get(name, "") for name in UTM}
    medium, named = utm["utm_medium"].lower(), utm["utm_source"].lower()
    names = {*referrer.split("."), referrer, named}
    if medium in PAID:
        channel = "paid"
    elif medium in {"email", "e-mail", "newsletter"}:
        channel = "email"
    elif medium == "social" or names & SOCIAL:
        channel = "social"
    elif medium == "organic" or names & SEARCH:
        channel = "search"
    elif any(utm.values()):
        channel = "campaign"
    else:
        channel = "referral" if referrer else "direct"
    return {"channel": channel, "referrer": referrer, "entry_page": page(entry), **utm}


def _host(address: str) -> str:
    return (urlsplit(address).hostname or "").removeprefix("www.")
