"""A request that cannot be understood is refused with a text that says what to change."""

from __future__ import annotations

import pytest
from tests.contract.api import Api

LIMITED = ["get_active_sessions", "tenant_activity_summary", "get_events"]
NOT_DATES = [
    "",
    " ",
    "yesterday",
    "2025-05-07",
    "1746636102",
    "2025-05-07T16:41:42",
    "2025-05-07 16:41:42Z",
    "2025-05-07 16:41:42.000",
    "2025-05-07 16:41:42+00:00",
    " 2025-05-07 16:41:42",
    "2025-05-07  16:41:42",
    "2025-05-07\t16:41:42",
    "2025-5-07  16:41:42",
    "2025-5-07\t 16:41:42",
    "2025-5-7 16:41:42",
    "2025-05-07 16:41",
    "07-05-2025 16:41:42",
    "2025/05/07 16:41:42",
    "2025-13-45 10:00:00",
    "2025-02-29 00:00:00",
    "2025-05-07 24:00:00",
    "2025-05-07 16:41:60",
    "0000-00-00 00:00:00",
    "２０２５-05-07 16:41:42",  # noqa: RUF001
    "2025-05-07 16:41:42'",
    "' or 1 = 1 or '1' = '",
    "%",
]


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("get_active_sessions", "from_date"),
        ("get_active_sessions", "to_date"),
        ("get_events", "start_date"),
        ("get_events", "end_date"),
    ],
)
@pytest.mark.parametrize("value", NOT_DATES)
def test_a_date_must_be_written_as_the_api_writes_it(
    api: Api, name: str, date: str, value: str
) -> None:
    error = api.refusal(name, **{date: value})
    assert f"{date} must be a date and time written as YYYY-MM-DD HH:MM:SS" in error


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("tenant_activity_summary", "from_date"),
        ("tenant_activity_summary", "to_date"),
        ("user_activity", "start_date"),
        ("user_activity", "end_date"),
        ("event_stats", "start_date"),
        ("event_stats", "end_date"),
    ],
)
def test_dates_are_checked_by_every_endpoint_that_has_them(api: Api, name: str, date: str) -> None:
    error = api.refusal(name, user_id="user_755", **{date: "2025-13-45 10:00:00"})
    assert f"{date} must be a date and time written as YYYY-MM-DD HH:MM:SS" in error


@pytest.mark.parametrize("name", LIMITED)
@pytest.mark.parametrize(
    "value", ["0", "10001", "-1", "", " 5", "+5", "5.0", "1e3", "abc", "9" * 30, "0x10", "5;"]
)
def test_a_limit_is_from_1_to_10000(api: Api, name: str, value: str) -> None:
    assert "limit must be a whole number from 1 to 10000" in api.refusal(name, limit=value)


@pytest.mark.parametrize("name", LIMITED)
@pytest.mark.parametrize("value", ["1", "10000", "0050"])
def test_the_ends_of_the_range_are_limits(api: Api, name: str, value: str) -> None:
    api.endpoint(name, limit=value, tenant_id="tenant_that_nobody_uses")


@pytest.mark.parametrize("value", ["-1", "", "abc", "1.5", "2147483648", "9" * 30])
def test_active_within_is_a_number_of_seconds(api: Api, value: str) -> None:
    error = api.refusal("get_active_sessions", active_within=value)
    assert "active_within must be a whole number of seconds from 0 to 2147483647" in error


@pytest.mark.parametrize(
    ("name", "required"), [("get_session_details", "session_id"), ("user_activity", "user_id")]
)
def test_a_required_parameter_that_is_missing_is_named(api: Api, name: str, required: str) -> None:
    error = api.refusal(name)
    assert "Required parameter is not defined" in error
    assert required in error


@pytest.mark.parametrize("extension", ["json", "ndjson", "csv"])
def test_a_refusal_is_json_in_every_format(api: Api, extension: str) -> None:
    response = api.get(f"/v0/pipes/get_events.{extension}", limit=0)
    assert response.status_code == 400
    assert "limit must be a whole number" in response.json()["error"]


def test_parameters_that_no_endpoint_knows_are_ignored(api: Api, tenant: str) -> None:
    found = api.endpoint("get_events", tenant_id=tenant, colour="red", from_date="yesterday")
    assert found == []


def test_an_endpoint_that_does_not_exist_is_not_found(api: Api) -> None:
    response = api.get("/v0/pipes/get_weather.json")
    assert response.status_code == 404
    assert "get_weather" in response.json()["error"]


@pytest.mark.parametrize("pipe", ["_tenant_sessions", "_filtered_sessions", "_filtered_events"])
def test_internal_pipes_are_not_published(api: Api, pipe: str) -> None:
    response = api.get(f"/v0/pipes/{pipe}.json")
    assert response.status_code == 404
    assert response.json()["error"]
