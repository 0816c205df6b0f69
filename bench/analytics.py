"""How long the analytics endpoints take for one tenant of 200 k events and for one of 5 M.

    python bench/analytics.py load      # rows of three months, into TB_HOST with TB_TOKEN
    python bench/analytics.py [NAME...] # p50 and p95 of each endpoint, in milliseconds

Every call asks something else, so that no cache answers. `load` takes a host that has the data
project and no rows yet.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import time
from collections.abc import Iterator

import httpx

NOW = 1_764_547_200  # 2025-12-01 00:00:00
DAYS = 90
EVENTS_PER_SESSION = 8
TENANTS = {"bench_small": 200_000, "bench_large": 5_000_000, "bench_others": 800_000}
"""Rows of each tenant, in either data source; the last one stands for 100 tenants."""
CALLS = 15
BATCH = 20_000

TYPES = ["page_view"] * 5 + ["click"] * 3 + ["search", "add_to_cart", "checkout", "purchase"]
SOURCES = ["google", "direct", "newsletter", "twitter", "github"]
PAGES = ["", "pricing", "features", "docs", "settings", *(f"blog/post-{n}" for n in range(200))]
REFERRERS = ["", "https://www.google.com/", "https://t.co/x", "https://blog.example/p"]
DEVICES = [
    ("desktop", "Windows", "web", "Chrome"),
    ("desktop", "macOS", "web", "Safari"),
    ("mobile", "Android", "android", "Chrome"),
    ("mobile", "iOS", "ios", "Safari"),
]
COUNTRIES = ["US", "DE", "GB", "FR", "ES", "BR", "IN", "JP"]
VERSIONS = ["3.6.0", "3.5.5", "3.5.1", "3.4.0"]


def rows(tenant: str, count: int, seed: int) -> Iterator[tuple[str, str]]:
    """A row of `events` and one of `user_sessions` for each thing that happened, as JSON."""
    rng = random.Random(seed)
    users = count // 50
    for _ in range(count // EVENTS_PER_SESSION):
        name = f"{tenant}_{rng.randrange(100)}" if tenant == "bench_others" else tenant
        # Some users come far more often than others.
        user = f"user_{int(users * rng.random() ** 2)}"
        session = f"sess_{rng.getrandbits(64):016x}"
        at = NOW - int(rng.random() * DAYS * 86_400)
        device, system, platform, browser = rng.choice(DEVICES)
        country, version = rng.choice(COUNTRIES), rng.choice(VERSIONS)
        source, referrer = rng.choice(SOURCES), rng.choice(REFERRERS)
        for _ in range(EVENTS_PER_SESSION):
            kind, page = rng.choice(TYPES), rng.choice(PAGES)
            when = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))
            event = (
                f'{{"event_id":"{rng.getrandbits(128):032x}","event_type":"{kind}",'
                f'"user_id":"{user}","session_id":"{session}","timestamp":"{when}",'
                f'"platform":"{platform}","app_version":"{version}","device_type":"{device}",'
                f'"os":"{system}","country":"{country}","properties":"{{\\"referrer\\":'
                f'\\"{source}\\",\\"target\\":\\"{page}\\",\\"load_ms\\":{80 + at % 900}}}",'
                f'"tenant_id":"{name}"}}\n'
            )
            step = (
                f'{{"session_id":"{session}","user_id":"{user}","tenant_id":"{name}",'
                f'"event_type":"{kind}","event_data":"{{\\"action\\":\\"{kind}\\"}}",'
                f'"page_url":"https://example.com/{page}?utm_source={source}",'
                f'"referrer":"{referrer}","device_type":"{device}","browser":"{browser}",'
                f'"ip_address":"192.0.2.{at % 250}","created_at":"{when}",'
                f'"updated_at":"{when}"}}\n'
            )
            yield event, step
            at += 1 + int(rng.expovariate(1 / 40))
            referrer = f"https://example.com/{page}"


def load(http: httpx.Client) -> None:
    """Send the rows of all tenants to both data sources, batch by batch."""
    for seed, (tenant, count) in enumerate(TENANTS.items()):
        found = rows(tenant, count, seed)
        while batch := list(itertools.islice(found, BATCH)):
            for name, body in zip(
                ("events", "user_sessions"), zip(*batch, strict=True), strict=True
            ):
                answer = http.post("/v0/events", params={"name": name}, content="".join(body))
                answer.raise_for_status()
        print(f"{count:,} rows of {tenant}", flush=True)


def main() -> None:
    """Do what the command line says."""
    headers = {"Authorization": f"Bearer {os.environ['TB_TOKEN']}"}
    with httpx.Client(base_url=os.environ["TB_HOST"], headers=headers, timeout=600) as http:
        if sys.argv[1:] == ["load"]:
            load(http)


if __name__ == "__main__":
    main()
