"""Believable traffic for both data sources.

A visit is one person going through a shop: each of its steps is one row of `user_sessions` and one
row of `events`. The words are drawn from Faker once, so that a row costs microseconds, and the same
seed gives the same rows.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from typing import Generic, TypeVar
from urllib.parse import quote

import msgspec
from faker import Faker

Row = dict[str, str]
Details = Mapping[str, str | float]
T = TypeVar("T")

SITE = "https://example.com"

# What a person does next, and how often out of a hundred.
NEXT_STEP = {
    "sign_up": {"view": 80, "click": 20},
    "login": {"view": 85, "search": 15},
    "view": {"view": 38, "click": 25, "search": 15, "add_to_cart": 12, "share": 5, "logout": 5},
    "click": {"view": 62, "click": 18, "add_to_cart": 12, "error": 3, "logout": 5},
    "search": {"view": 58, "search": 17, "click": 20, "add_to_cart": 5},
    "add_to_cart": {"view": 42, "add_to_cart": 12, "checkout": 40, "logout": 6},
    "checkout": {"purchase": 65, "view": 25, "error": 10},
    "purchase": {"view": 60, "share": 15, "logout": 25},
    "share": {"view": 85, "logout": 15},
    "error": {"view": 70, "click": 30},
}
FIRST_STEP = {"view": 60, "login": 32, "sign_up": 8}
STEPS_PER_VISIT = {2: 10, 3: 14, 4: 16, 5: 15, 6: 12, 7: 10, 8: 8, 9: 6, 11: 5, 14: 4}

SESSION_TYPE = {"view": "pageview", "sign_up": "signup"}
EVENT_TYPE = {"view": "page_view", "click": "button_click", "checkout": "checkout_start"}

# device_type, os, platform, browser
DEVICES = {
    ("desktop", "Windows", "web", "Chrome"): 26,
    ("desktop", "Windows", "web", "Edge"): 8,
    ("desktop", "macOS", "web", "Safari"): 9,
    ("desktop", "macOS", "web", "Chrome"): 8,
    ("desktop", "Linux", "web", "Firefox"): 6,
    ("mobile", "Android", "web", "Chrome"): 9,
    ("mobile", "Android", "android", "Chrome"): 12,
    ("mobile", "iOS", "ios", "Safari"): 14,
    ("tablet", "iOS", "ios", "Safari"): 5,
    ("tablet", "Android", "android", "Firefox"): 3,
}
COUNTRIES = {"US": 32, "DE": 13, "GB": 12, "FR": 10, "ES": 9, "BR": 8, "IN": 8, "JP": 5, "NL": 3}
APP_VERSIONS = {"3.6.0": 45, "3.5.5": 30, "3.5.1": 15, "3.4.0": 10}
# The oldest version in use does not know of tenants: its events have no tenant_id.
VERSION_WITHOUT_TENANT = "3.4.0"
SOURCES = {"google": 40, "direct": 28, "newsletter": 14, "twitter": 10, "github": 8}
PAGES = {"home": 26, "pricing": 14, "features": 12, "docs": 12, "blog": 10, "settings": 8}


class Weighted(Generic[T]):
    """Values to draw from, each as often as its weight says."""

    def __init__(self, weights: Mapping[T, float]) -> None:
        self._values = list(weights)
        self._cumulative = list(accumulate(weights.values()))

    @classmethod
    def by_rank(cls, values: Sequence[T], skew: float = 1.0) -> Weighted[T]:
        """The first most popular; at a skew of 1 the second half as popular, and so on."""
        return cls({value: rank**-skew for rank, value in enumerate(values, 1)})

    def draw(self, rng: random.Random) -> T:
        return rng.choices(self._values, cum_weights=self._cumulative)[0]


_FIRST = Weighted(FIRST_STEP)
_NEXT = {step: Weighted(following) for step, following in NEXT_STEP.items()}
_LENGTH = Weighted(STEPS_PER_VISIT)
_DEVICE = Weighted(DEVICES)
_COUNTRY = Weighted(COUNTRIES)
_VERSION = Weighted(APP_VERSIONS)
_SOURCE = Weighted(SOURCES)
_PAGE = Weighted(PAGES)


@dataclass(frozen=True, slots=True)
class Device:
    device_type: str
    os: str
    platform: str
    browser: str
    app_version: str
    ip_address: str


BOT = Device("bot", "Linux", "web", "Googlebot", "3.6.0", "192.0.2.66")


@dataclass(frozen=True, slots=True)
class Visitor:
    """A person, the tenant they belong to, and what they browse with."""

    user_id: str
    tenant_id: str
    country: str
    devices: tuple[Device, ...]


@dataclass(frozen=True, slots=True)
class Product:
    slug: str
    price: float


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that a visitor did, `at` seconds since the epoch."""

    event_id: str
    kind: str
    at: int
    took: int
    path: str
    referrer: str
    target: str
    details: Details


@dataclass(frozen=True, slots=True)
class Visit:
    session_id: str
    visitor: Visitor
    device: Device
    source: str
    steps: list[Step]


class Traffic:
    """An endless supply of visits; the same arguments give the same ones."""

    def __init__(self, seed: int, *, tenants: int, users: int) -> None:
        self.rng = random.Random(seed)
        words = Faker("en_US")
        words.seed_instance(seed)
        self._posts = Weighted.by_rank([words.unique.slug() for _ in range(20)])
        self._products = Weighted.by_rank(
            [
                Product(f"{words.unique.color_name().lower()}-{words.word()}", self._price())
                for _ in range(40)
            ]
        )
        self._searches = Weighted.by_rank(
            ["café crème", *(f"{words.color_name().lower()} {words.word()}" for _ in range(30))]
        )
        self._buttons = Weighted.by_rank([words.unique.bs().split()[0] for _ in range(12)])
        tenant = Weighted.by_rank([f"tenant_{number}" for number in range(1, tenants + 1)])
        self._visitors = Weighted.by_rank(
            [
                Visitor(
                    f"user_{number}",
                    tenant.draw(self.rng),
                    _COUNTRY.draw(self.rng),
                    tuple(self._device(words) for _ in range(1 + self.rng.randrange(2))),
                )
                for number in range(1, users + 1)
            ],
            skew=0.5,
        )

    def visitor(self) -> Visitor:
        """Somebody: a few come often."""
        return self._visitors.draw(self.rng)

    def visit(
        self, visitor: Visitor | None = None, *, starts: int = 0, ends: int | None = None
    ) -> Visit:
        """The next visit of the visitor, or of anybody, its first step at `starts`, or its last
        one at `ends`, in seconds since the epoch."""
        rng = self.rng
        kinds = [_FIRST.draw(rng)]
        for _ in range(_LENGTH.draw(rng) - 1):
            if kinds[-1] == "logout":
                break
            kinds.append(_NEXT[kinds[-1]].draw(rng))
        pauses = [1 + int(rng.expovariate(1 / 40)) for _ in kinds[1:]]
        at = starts if ends is None else ends - sum(pauses)
        source = _SOURCE.draw(rng)
        referrer = "" if source == "direct" else f"https://{source}.example"
        steps = []
        for kind, pause in zip(kinds, [*pauses, 0], strict=True):
            path, target, details = self._act(kind)
            took = rng.randrange(3) if kind in ("checkout", "purchase") else 0
            event_id = f"ev_{rng.getrandbits(64):016x}"
            steps.append(Step(event_id, kind, at, took, path, referrer, target, details))
            referrer = SITE + path
            at += pause
        session_id = f"sess_{rng.getrandbits(64):016x}"
        visitor = visitor or self.visitor()
        return Visit(session_id, visitor, rng.choice(visitor.devices), source, steps)

    def crawl(self, tenant_id: str, *, starts: int) -> Visit:
        """The visit of a bot: a page a second, and nothing else."""
        rng = self.rng
        steps = []
        for at in range(starts, starts + 8 + rng.randrange(25)):
            path, page = self._page()
            event_id = f"ev_{rng.getrandbits(64):016x}"
            steps.append(Step(event_id, "view", at, 0, path, "", page, {"load_ms": 40}))
        bot = Visitor("", tenant_id, "US", (BOT,))
        return Visit(f"sess_{rng.getrandbits(64):016x}", bot, BOT, "direct", steps)

    def _act(self, kind: str) -> tuple[str, str, Details]:
        """The path, the target and the details of a step of this kind."""
        rng = self.rng
        match kind:
            case "search":
                words = self._searches.draw(rng)
                return f"/search?q={quote(words)}", words, {"results": rng.randrange(60)}
            case "add_to_cart":
                product = self._products.draw(rng)
                details = {"price": product.price, "quantity": 1 + int(rng.random() < 0.2)}
                return f"/products/{product.slug}", product.slug, details
            case "checkout" | "purchase":
                items = 1 + rng.randrange(4)
                value = round(sum(self._products.draw(rng).price for _ in range(items)), 2)
                return f"/{kind}", "cart", {"value": value, "currency": "EUR", "items": items}
            case "click":
                path, page = self._page()
                return path, self._buttons.draw(rng), {"page": page, "x": rng.randrange(1280)}
            case "error":
                path, page = self._page()
                return path, page, {"code": rng.choice((404, 500, 503))}
            case "share":
                post = self._posts.draw(rng)
                return f"/blog/{post}", post, {"channel": rng.choice(("email", "link"))}
            case "view":
                path, page = self._page()
                return path, page, {"load_ms": 80 + int(rng.expovariate(1 / 300))}
            case _:
                return f"/{kind}", "account", {"method": rng.choice(("password", "sso"))}

    def _page(self) -> tuple[str, str]:
        page = _PAGE.draw(self.rng)
        if page == "home":
            return "/", page
        if page == "blog":
            return f"/blog/{self._posts.draw(self.rng)}", page
        return f"/{page}", page

    def _device(self, words: Faker) -> Device:
        return Device(*_DEVICE.draw(self.rng), _VERSION.draw(self.rng), words.ipv4_private())

    def _price(self) -> float:
        return round(4 + self.rng.random() * 96, 2)


def session_rows(visit: Visit) -> Iterator[Row]:
    """The visit as rows of `user_sessions`."""
    visitor, device = visit.visitor, visit.device
    for step in visit.steps:
        yield {
            "session_id": visit.session_id,
            "user_id": visitor.user_id,
            "tenant_id": visitor.tenant_id,
            "event_type": SESSION_TYPE.get(step.kind, step.kind),
            "event_data": _json({"action": step.kind, "target": step.target, **step.details}),
            "page_url": SITE + step.path,
            "referrer": step.referrer,
            "device_type": device.device_type,
            "browser": device.browser,
            "ip_address": device.ip_address,
            "created_at": _datetime(step.at),
            "updated_at": _datetime(step.at + step.took),
        }


def event_rows(visit: Visit) -> Iterator[Row]:
    """The visit as rows of `events`."""
    visitor, device = visit.visitor, visit.device
    for step in visit.steps:
        row = {
            "event_id": step.event_id,
            "event_type": EVENT_TYPE.get(step.kind, step.kind),
            "user_id": visitor.user_id,
            "session_id": visit.session_id,
            "timestamp": _datetime(step.at),
            "platform": device.platform,
            "app_version": device.app_version,
            "device_type": device.device_type,
            "os": device.os,
            "country": visitor.country,
            "properties": _json({"referrer": visit.source, "target": step.target, **step.details}),
        }
        if device.app_version != VERSION_WITHOUT_TENANT:
            row["tenant_id"] = visitor.tenant_id
        yield row


def _json(value: Details) -> str:
    return msgspec.json.encode(value).decode()


@lru_cache(maxsize=8192)
def _datetime(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))
