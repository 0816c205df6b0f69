"""How long the analytics endpoints take for one tenant of 200 k events and for one of 5 M.

    python bench/analytics.py load                        # three months, into TB_HOST with TB_TOKEN
    python bench/analytics.py settle DATA_DIR             # merge all parts
    python bench/analytics.py measure DATA_DIR [NAME...]  # p50 and p95 of each, in milliseconds

`load` takes a host that has the data project and no rows yet; the other two take its folder, when
no birdhouse has it. `settle` does what time does to rows that do not arrive all at once. Every call
that is measured asks something else, so that no cache answers, and is planned and run on one
thread; what counts is CPU time, which other work on the machine disturbs least.
"""

from __future__ import annotations

import itertools
import os
import random
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from birdhouse.http.context import Services
from birdhouse.ingest import RemoteLimits
from birdhouse.project.folder import project_files
from birdhouse.query import Scope, plan_pipe
from birdhouse.server import open_services

PROJECT = Path(__file__).resolve().parents[1]

NOW = 1_764_547_200  # 2025-12-01 00:00:00
DAYS = 90
EVENTS_PER_SESSION = 8
TENANTS = {"bench_small": 200_000, "bench_large": 5_000_000, "bench_others": 800_000}
"""Rows of each tenant, in either data source; the last one stands for 100 tenants."""
CALLS = 5
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


def settle(data_dir: Path) -> None:
    """Merge the parts of every table."""
    with open_services(data_dir, RemoteLimits()) as services:
        workspace = services.workspaces.default
        for datasource in workspace.resources.datasources.values():
            if datasource.engine["type"] != "Null":
                table = f"{workspace.database}.{datasource.table}"
                settings = {"max_execution_time": 0}
                services.engine.execute(f"OPTIMIZE TABLE {table} FINAL", settings=settings)


def questions(rng: random.Random) -> dict[str, dict[str, str]]:
    """What each endpoint is asked, about the last 30 days but for seconds that are drawn."""

    def written(at: int) -> str:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(at))

    month = {
        "start_date": written(NOW - 30 * 86_400 - rng.randrange(86_400)),
        "end_date": written(NOW - rng.randrange(86_400)),
        "time_zone": "Europe/Madrid",
    }
    now = {"as_of": written(NOW - rng.randrange(86_400))}
    user = {"user_id": f"user_{rng.randrange(4_000)}"}
    return {
        "acquisition": month,
        "active_users": month,
        "concurrent_sessions": month,
        "derived_sessions": month,
        "entry_exit_pages": month,
        "event_breakdown": {**month, "by": "properties.referrer"},
        "event_list": month,
        "event_properties": month,
        "event_series": month,
        "funnel": {**month, "steps": "search,add_to_cart,purchase"},
        "lifecycle": {**month, "interval": "week"},
        "live_now": now,
        "paths": {**month, "from_event": "search"},
        "retention": {**month, "interval": "week"},
        "session_kpis": {**month, "compare": "previous"},
        "session_list": month,
        "tenant_usage": month,
        "user_profile": {**month, **user},
    }


def measure(services: Services, name: str, tenant: str) -> str:
    """The 50th and 95th percentile of the milliseconds of CPU that an endpoint takes."""
    workspace = services.workspaces.default
    spent = []
    for call in range(CALLS + 1):
        asked = questions(random.Random(f"{name}{tenant}{call}"))[name]
        began = time.process_time()
        scope = Scope(
            resources=workspace.resources,
            database=workspace.database,
            workspace=workspace.name,
            variables={"tenant_id": tenant, **asked},
        )
        sql = plan_pipe(workspace.resources.pipes[name], scope).sql
        services.engine.query(sql, settings={"max_threads": 1, "use_query_condition_cache": 0})
        spent.append((time.process_time() - began) * 1000)
    spent = sorted(spent[1:])
    return f"{spent[len(spent) // 2]:8,.0f} {spent[int(len(spent) * 0.95)]:8,.0f}"


def main() -> None:
    """Do what the command line says."""
    match sys.argv[1:]:
        case ["load"]:
            headers = {"Authorization": f"Bearer {os.environ['TB_TOKEN']}"}
            with httpx.Client(base_url=os.environ["TB_HOST"], headers=headers, timeout=600) as http:
                load(http)
        case ["settle", folder]:
            settle(Path(folder))
        case ["measure", folder, *names]:
            with open_services(Path(folder), RemoteLimits()) as services:
                services.deployer.build(services.workspaces.default, project_files(PROJECT))
                print(f"{'':22}{'200 k: p50':>10} {'p95':>6}{'5 M: p50':>11} {'p95':>6}")
                for name in names or questions(random.Random()):
                    small = measure(services, name, "bench_small")
                    large = measure(services, name, "bench_large")
                    print(f"{name:22}{small} {large}", flush=True)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
