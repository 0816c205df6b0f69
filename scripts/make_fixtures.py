"""Write fixtures/user_sessions.ndjson and fixtures/events.ndjson.

The rows lie in the spring of 2025, so that nothing that asks for "now" finds them, and are the same
at every run: tests and docs quote answers about them. To change a row is to change those answers.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from traffic import Row, Traffic, event_rows, session_rows

FIXTURES = Path(__file__).resolve().parent.parent / "fixtures"
SEED = 8
TENANTS = 6
USERS = 36
VISITS = 56
FIRST_DAY = datetime(2025, 3, 1, tzinfo=UTC)
DAYS = 92

# The example rows of Tinybird's two tutorials, as they stand there.
TUTORIAL_SESSION: Row = {
    "session_id": "sess_ffc43cbd9abd4ab7",
    "user_id": "user_85",
    "tenant_id": "tenant_85",
    "event_type": "pageview",
    "event_data": '{"action":"view","target":"home"}',
    "page_url": "https://example.com/settings",
    "referrer": "https://example.com/home",
    "device_type": "tablet",
    "browser": "Firefox",
    "ip_address": "192.168.50.50",
    "created_at": "2025-05-07 16:41:42",
    "updated_at": "2025-05-07 16:41:42",
}
TUTORIAL_EVENT: Row = {
    "event_id": "ev_46755",
    "event_type": "page_view",
    "user_id": "user_755",
    "session_id": "sess_1755",
    "timestamp": "2025-05-12 07:04:14",
    "platform": "android",
    "app_version": "3.5.5",
    "device_type": "tablet",
    "os": "Windows",
    "country": "FR",
    "properties": '{"referrer":"twitter","value":755}',
}


def fixtures() -> dict[str, bytes]:
    """Each fixture's name and bytes."""
    traffic = Traffic(SEED, tenants=TENANTS, users=USERS)
    sessions, events = [TUTORIAL_SESSION], [TUTORIAL_EVENT]
    for _ in range(VISITS):
        day = FIRST_DAY + timedelta(days=traffic.rng.randrange(DAYS))
        # People come by day, most of them around two in the afternoon.
        time_of_day = timedelta(hours=traffic.rng.triangular(7, 23, 14))
        visit = traffic.visit(ends=int((day + time_of_day).timestamp()))
        sessions += session_rows(visit)
        events += event_rows(visit)
    sessions.sort(key=lambda row: row["created_at"])
    events.sort(key=lambda row: row["timestamp"])
    return {"user_sessions.ndjson": _ndjson(sessions), "events.ndjson": _ndjson(events)}


def _ndjson(rows: list[Row]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


@click.command(help=__doc__)
def main() -> None:
    for name, content in fixtures().items():
        (FIXTURES / name).write_bytes(content)
        click.echo(f"{name}: {len(content.splitlines())} rows")


if __name__ == "__main__":
    main()
