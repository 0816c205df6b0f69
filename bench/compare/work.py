"""The work: questions of a dashboard, their parameters, and rows that arrive.

Every call asks for another period, user or limit, so that no cache answers.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

DAY = 86_400
FIRST = 1_783_987_200
"""2026-07-14 00:00:00, when the rows begin (`bench.traffic_sql`)."""
DAYS = 90
FUNNEL = ("page_view", "add_to_cart", "purchase")
FUNNEL_WINDOW = DAY
LIVE = "tenant_live"
"""The tenant of the rows that arrive while it is measured."""

QUESTIONS = {
    "kpis": "sessions, users, events, page views and mean duration of a month's sessions",
    "series": "events, users and sessions of each day of a month",
    "breakdown": "the ten most frequent types of event, the others together, with users",
    "funnel": "users who go through three steps within a day",
    "retention": "weekly cohorts of eight weeks, by the first event ever",
    "stats": "each type of event with users, sessions, first and last",
    "user": "what one user did in a month",
    "latest": "the 50 latest events of a month",
    "sessions": "the 50 latest sessions of a month with their events",
    "summary": "all tenants of all time with sessions, users and events",
}
EVERYONE = "everyone"
"""Beside the sizes of tenants: the question about all of them, which an operator asks."""


def asked_about(size: str) -> list[str]:
    """The questions about a tenant of that size, or about everyone."""
    return [name for name in QUESTIONS if (name == "summary") == (size == EVERYONE)]


Params = dict[str, str]


class Tenant(NamedTuple):
    """A tenant, how many rows it has in each table, and some of its users."""

    name: str
    rows: int
    users: list[str]


def written(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


class Draw:
    """Parameters for questions about one tenant, different ones every time."""

    def __init__(self, tenant: Tenant, seed: int) -> None:
        self._tenant = tenant
        self._random = random.Random(f"{tenant.name} {seed}")

    def __call__(self, question: str) -> Params:
        if question == "summary":
            return {"limit": str(self._random.randrange(50, 1000))}
        days = 56 if question == "retention" else 30
        since = FIRST + self._random.randrange((DAYS - days) * DAY)
        params = {
            "tenant": self._tenant.name,
            "since": written(since),
            "until": written(since + days * DAY),
        }
        if question == "user":
            params["user"] = self._random.choice(self._tenant.users)
        if question in ("latest", "sessions"):
            params["limit"] = "50"
        return params


def live_events() -> Iterator[bytes]:
    """Events that arrive now, each as JSON, after all those that are there."""
    rng = random.Random(3)
    for number in count():
        yield json.dumps(
            {
                "event_id": f"live_{number:012d}",
                "event_type": rng.choice(["page_view", "search", "purchase", "login"]),
                "user_id": f"user_{rng.randrange(1000)}",
                "session_id": f"sess_{rng.randrange(5000)}",
                "timestamp": written(FIRST + DAYS * DAY + number // 100),
                "platform": "web",
                "app_version": "3.6.0",
                "device_type": "desktop",
                "os": "Linux",
                "country": "DE",
                "properties": f'{{"referrer":"google","target":"home","load_ms":{number % 700}}}',
                "tenant_id": LIVE,
            },
            separators=(",", ":"),
        ).encode()


LIVE_PERIOD = {
    "tenant": LIVE,
    "since": written(FIRST + DAYS * DAY),
    "until": written(FIRST + (DAYS + 60) * DAY),
}
