"""What all analytics endpoints have in common."""

from __future__ import annotations

import pytest
from tests.contract.analytics import REQUIRED
from tests.contract.api import Api

endpoints = pytest.mark.parametrize("name", REQUIRED)


@pytest.fixture(scope="module")
def tokens(api: Api) -> dict[str, str]:
    """The value of each token by its name."""
    found = api.get("/v0/tokens").json()["tokens"]
    return {token["name"]: token["token"] for token in found}


@endpoints
def test_it_is_read_with_the_token_for_endpoints_alone(
    api: Api, tokens: dict[str, str], tenant: str, name: str
) -> None:
    params = REQUIRED[name] | {"tenant_id": tenant}
    for token, status in [("read_endpoints", 200), ("ingest", 403)]:
        answer = api.get(f"/v0/pipes/{name}.json", token=tokens[token], **params)
        assert answer.status_code == status, answer.text


@endpoints
@pytest.mark.parametrize("value", ["0", "10001", "-1", "", " 5", "5.0", "abc", "9" * 30])
def test_a_limit_is_bounded(api: Api, name: str, value: str) -> None:
    if name not in ONE_ROW:
        error = api.refusal(name, **REQUIRED[name], limit=value)
        assert "limit must be a whole number from 1 to 10000" in error


ONE_ROW = {"session_kpis", "funnel"}
"""Endpoints whose answers cannot grow: they have no limit."""


@endpoints
def test_dates_and_zones_are_checked(api: Api, name: str) -> None:
    asked = REQUIRED[name]
    for date in ("start_date", "end_date", "from_date", "to_date", "as_of"):
        if name == "live_now" and date != "as_of":
            continue
        error = api.refusal(name, **asked, **{date: "2025-02-29 00:00:00"})
        assert f"{date} must be a date and time written as YYYY-MM-DD HH:MM:SS" in error
    error = api.refusal(name, **asked, start_date="2025-05-01 00:00:00", time_zone="a'b")
    assert "time_zone must be an IANA name" in error
