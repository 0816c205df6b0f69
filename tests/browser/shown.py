"""What the dashboard shows, and what its endpoints answer to the same question."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from tests.browser.page import Page
from tests.browser.written import decimal, duration, number, percent
from tests.server import Server

ZONE = "Europe/Madrid"
WAITING = "[data-widget]:not([aria-busy=false]):not(dialog:not([open]) *)"
Row = dict[str, Any]


def ask(server: Server, endpoint: str, **parameters: Any) -> list[Row]:
    """What an endpoint answers, on the clock of the tests."""
    with server.client() as http:
        answer = http.get(f"/v0/pipes/{endpoint}.json", params={"time_zone": ZONE, **parameters})
    assert answer.status_code == 200, answer.text
    rows: list[Row] = answer.json()["data"]
    return rows


def send(server: Server, datasource: str, rows: list[Row]) -> None:
    body = "\n".join(map(json.dumps, rows))
    with server.client() as http:
        sent = http.post("/v0/events", params={"name": datasource, "wait": "true"}, content=body)
    assert sent.json()["successful_rows"] == len(rows), sent.text


def session_row(tenant: str, **changes: Any) -> Row:
    """A row of a session that is going on."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    return {
        "session_id": f"session of {tenant}",
        "user_id": f"user of {tenant}",
        "tenant_id": tenant,
        "event_type": "pageview",
        "event_data": "{}",
        "page_url": f"https://example.com/{tenant}",
        "referrer": "",
        "device_type": "desktop",
        "browser": "Firefox",
        "ip_address": "192.0.2.1",
        "created_at": now,
        "updated_at": now,
        **changes,
    }


def show(page: Page, server: Server, fragment: str) -> None:
    """Open the dashboard there, and wait until every widget has its answer."""
    page.open(f"{server.url}/dashboard/#{fragment}")
    settle(page)


def settle(page: Page) -> None:
    page.until(lambda: page.all("[data-widget]") and not page.all(WAITING), "widgets wait")


def table(page: Page, selector: str) -> list[list[str]]:
    """The cells of a table, row by row, without its head."""
    script = """
        return [...document.querySelectorAll(arguments[0] + " tbody tr")].map(
            row => [...row.cells].map(cell => cell.textContent.trim()))"""
    rows: list[list[str]] = page.run(script, selector)
    return rows


def figures(page: Page) -> dict[str, str]:
    script = """
        return Object.fromEntries([...document.querySelectorAll("[data-kpi]")].map(
            one => [one.dataset.kpi, one.querySelector(".figure").textContent]))"""
    found: dict[str, str] = page.run(script)
    return found


def expected_figures(row: Row) -> dict[str, str]:
    return {
        "session_count": number(row["session_count"]),
        "unique_users": number(row["unique_users"]),
        "page_view_count": number(row["page_view_count"]),
        "events_per_session": decimal(row["events_per_session"]),
        "median_duration_seconds": duration(row["median_duration_seconds"]),
        "bounce_rate": percent(row["bounce_rate"]),
    }
