"""Rows to ingest: the tutorials' examples, with what a test changes in them."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.contract.api import Row

SESSION_ROW: Row = {
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

EVENT_ROW: Row = {
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


def session_row(**changes: object) -> Row:
    """A row of user_sessions; `updated_at` follows `created_at` unless it is given."""
    row = SESSION_ROW | changes
    if "updated_at" not in changes:
        row["updated_at"] = row["created_at"]
    return row


def event_row(**changes: object) -> Row:
    """A row of events."""
    return EVENT_ROW | changes


def written(moment: datetime) -> str:
    """A time as the API writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
