"""What the tests of the analytics endpoints share."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from tests.contract.api import Api, Row
from tests.oracle.clock import Period, period, shown
from tests.oracle.moments import near

history = settings(deadline=None, max_examples=int(os.environ.get("BIRDHOUSE_EXAMPLES", "8")))
"""How many histories an endpoint is compared with the oracle over; `make fuzz` takes more."""


def columns(api: Api, endpoint: str, **params: str) -> dict[str, str]:
    """The type of each column of an endpoint."""
    response = api.get(f"/v0/pipes/{endpoint}.json", token=None, **params)
    assert response.status_code == 200, response.text
    return {column["name"]: column["type"] for column in response.json()["meta"]}


def send(api: Api, datasource: str, rows: Iterable[Row], data: st.DataObject) -> str:
    """Send the rows of a new tenant, some of those with an id twice, and return the tenant."""
    tenant = f"tenant_{uuid.uuid4().hex}"
    sent = [row | {"tenant_id": tenant} for row in rows]
    again = [row for row in sent if row["event_id"]]
    if again:
        again = data.draw(st.lists(st.sampled_from(again), max_size=5), label="sent again")
    for batch in (sent, again):
        if batch:
            api.ingest(datasource, batch)
    return tenant


def some_dates(data: st.DataObject, change: int, zone: str, *, days: int = 2) -> dict[str, str]:
    """A period around a change of the clock that may have a start and an end, as parameters."""
    start, end = sorted(data.draw(near(change, days=days)) for _ in range(2))
    dates = {}
    if data.draw(st.booleans(), label="starts"):
        dates["start_date"] = shown(start, zone)
    if data.draw(st.booleans(), label="ends"):
        dates["end_date"] = shown(end, zone)
    return dates


def period_of(dates: Mapping[str, str], zone: str) -> Period:
    """What the oracle takes for those parameters."""
    return period(dates.get("start_date"), dates.get("end_date"), zone)


def approximately(row: Row) -> Row:
    """A row to compare with one that has its fractions from somewhere else."""
    return {
        name: pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
        for name, value in row.items()
    }


def pages(api: Api, endpoint: str, cursor: str = "", **params: object) -> list[Row]:
    """All rows of an endpoint, page by page until one has fewer than `limit`."""
    found: list[Row] = []
    while True:
        if cursor:
            params["cursor"] = cursor
        rows = api.endpoint(endpoint, **params)
        found += rows
        if len(rows) < int(str(params["limit"])):
            return found
        cursor = rows[-1]["cursor"]


REQUIRED: dict[str, dict[str, str]] = {
    "event_breakdown": {},
    "event_list": {},
    "event_properties": {},
    "event_series": {},
    "funnel": {"steps": "page_view,purchase"},
    "acquisition": {},
    "active_users": {},
    "concurrent_sessions": {},
    "derived_sessions": {},
    "entry_exit_pages": {},
    "lifecycle": {},
    "live_now": {},
    "paths": {},
    "retention": {},
    "session_kpis": {},
    "session_list": {},
    "session_timeline": {"session_id": "sess_1755"},
    "tenant_usage": {},
    "user_profile": {"user_id": "user_755"},
}
"""The analytics endpoints, each with what a request must have."""
