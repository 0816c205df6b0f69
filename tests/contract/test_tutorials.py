"""The requests of Tinybird's two tutorials, as curl sends them."""

from __future__ import annotations

import json
import time

import httpx
import pytest
from tests.contract.api import Api, Row
from tests.contract.conftest import Host
from tests.contract.rows import event_row, session_row

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
"""What `curl -d` says about any body."""
VISIBLE_SECONDS = 30


@pytest.mark.parametrize(
    ("datasource", "endpoint", "row"),
    [
        ("user_sessions", "get_session_details", session_row(created_at="2023-07-15 14:30:00")),
        ("events", "get_events", event_row(timestamp="2023-07-20 10:15:30")),
    ],
)
def test_one_row_written_over_several_lines(
    api: Api, session: str, datasource: str, endpoint: str, row: Row
) -> None:
    row = row | {"session_id": session, "user_id": session}
    body = "\n    " + json.dumps(row, indent=6) + "\n"
    response = api.post("/v0/events", content=body, headers=FORM, name=datasource)
    assert response.status_code == 202
    assert response.json() == {"successful_rows": 1, "quarantined_rows": 0}
    deadline = time.monotonic() + VISIBLE_SECONDS
    while not (found := api.endpoint(endpoint, session_id=session, user_id=session)):
        assert time.monotonic() < deadline, "the row never became visible"
        time.sleep(0.1)
    assert found == [row]


JULY = "2023-07-01%2000:00:00", "2023-07-31%2023:59:59"


@pytest.mark.parametrize(
    "query",
    [
        f"get_active_sessions.json?tenant_id=tenant_42&from_date={JULY[0]}&to_date={JULY[1]}&limit=50",
        "get_session_details.json?session_id=sess_12345",
        "tenant_activity_summary.json?limit=10",
        "get_events.json?event_type=page_view&platform=web",
        f"get_events.json?event_type=page_view&start_date={JULY[0]}&end_date={JULY[1]}&limit=50",
        f"user_activity.json?user_id=user_abc&start_date={JULY[0]}&end_date={JULY[1]}",
        f"event_stats.json?start_date={JULY[0]}&end_date={JULY[1]}&platform=mobile",
    ],
)
def test_a_read_with_the_token_in_the_address(host: Host, query: str) -> None:
    response = httpx.get(f"{host.url}/v0/pipes/{query}&token={host.token}")
    assert response.status_code == 200, response.text
    assert response.json()["rows"] == len(response.json()["data"])


def test_july_2023_is_found_by_its_dates(api: Api, tenant: str) -> None:
    days = ["2023-06-30 23:59:59", "2023-07-01 00:00:00", "2023-07-31 23:59:59"]
    api.ingest(
        "user_sessions",
        [session_row(tenant_id=tenant, session_id=day, created_at=day) for day in days],
    )
    found = api.endpoint(
        "get_active_sessions",
        tenant_id=tenant,
        from_date="2023-07-01 00:00:00",
        to_date="2023-07-31 23:59:59",
        limit=50,
    )
    assert [row["session_id"] for row in found] == days[:0:-1]
