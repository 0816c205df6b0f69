"""The OpenAPI document of a workspace's endpoints."""

from __future__ import annotations

from typing import Any

import pytest
from openapi_spec_validator import validate
from tests.birdhouse.reading import endpoint, pipe_scope, sign
from tests.server import Workspace

from birdhouse.http.openapi import column_schema


def document(workspace: Workspace) -> dict[str, Any]:
    answer = workspace.http.get("/v0/pipes/openapi.json")
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_it_is_valid(reading: Workspace) -> None:
    found = document(reading)
    spec: dict[Any, Any] = found
    validate(spec)
    assert found["openapi"].startswith("3.")
    assert found["servers"] == [{"url": reading.server.url}]


def test_it_has_every_endpoint_and_nothing_else(reading: Workspace) -> None:
    pipes = reading.http.get("/v0/pipes").json()["pipes"]
    endpoints = {f"/v0/pipes/{pipe['name']}.json" for pipe in pipes if pipe["endpoint"]}
    assert set(document(reading)["paths"]) == endpoints


def test_a_token_sees_what_it_may_call(reading: Workspace) -> None:
    with reading.server.client(sign(reading, pipe_scope("echo"))) as http:
        assert list(http.get("/v0/pipes/openapi.json").json()["paths"]) == ["/v0/pipes/echo.json"]


def test_parameters_have_types_defaults_and_examples(reading: Workspace) -> None:
    operation = document(reading)["paths"]["/v0/pipes/recent.json"]["get"]
    assert operation["summary"] == "Visits in the order of their ids."
    by_name = {parameter["name"]: parameter for parameter in operation["parameters"]}
    assert by_name["limit"] == {
        "name": "limit",
        "in": "query",
        "required": False,
        "schema": {"type": "integer", "default": 100},
        "description": "At most so many",
        "example": 10,
    }
    assert by_name["tenant"]["schema"] == {"type": "string"}
    echo = document(reading)["paths"]["/v0/pipes/echo.json"]["get"]["parameters"]
    (items,) = [parameter for parameter in echo if parameter["name"] == "items"]
    assert items["schema"]["default"] == ["a", "b"]
    assert items["explode"] is False


def test_parameters_of_the_pipes_below_count(reading: Workspace) -> None:
    operation = document(reading)["paths"]["/v0/pipes/over_recent.json"]["get"]
    assert {parameter["name"] for parameter in operation["parameters"]} == {"tenant", "limit"}


def test_required_parameters_are_required(reading: Workspace) -> None:
    operation = document(reading)["paths"]["/v0/pipes/required.json"]["get"]
    required = {p["name"]: p["required"] for p in operation["parameters"]}
    assert required["first"] is True


def test_answers_have_the_schema_that_is_promised(reading: Workspace) -> None:
    paths = document(reading)["paths"]
    content = paths["/v0/pipes/recent.json"]["get"]["responses"]["200"]["content"]
    row = content["application/json"]["schema"]["properties"]["data"]["items"]["properties"]
    assert row == {
        "id": {"type": "integer", "format": "int64"},
        "tenant": {"type": "string"},
        "user": {"type": "string"},
        "at": {"type": "string"},
    }
    answered = endpoint(reading.http, "recent", limit=1).json()["data"][0]
    assert answered.keys() == row.keys()


@pytest.mark.parametrize(
    ("type_", "schema"),
    [
        ("UInt8", {"type": "integer"}),
        ("Int256", {"type": "integer", "format": "int64"}),
        ("Nullable(String)", {"type": "string", "nullable": True}),
        ("LowCardinality(Nullable(String))", {"type": "string", "nullable": True}),
        (
            "Array(Array(UInt8))",
            {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
        ),
        ("Map(String, UInt64)", {"type": "object"}),
        ("Float64", {"type": "number", "nullable": True}),
        ("Decimal(18, 4)", {"type": "number"}),
        ("Bool", {"type": "boolean"}),
        ("Date", {"type": "string", "format": "date"}),
        ("DateTime64(3, 'UTC')", {"type": "string"}),
        ("UUID", {"type": "string", "format": "uuid"}),
        ("Tuple(UInt8, String)", {}),
        ("SimpleAggregateFunction(sum, UInt64)", {"type": "integer", "format": "int64"}),
        ("Enum8('a' = 1)", {"type": "string"}),
    ],
)
def test_clickhouse_types_as_json_schemas(type_: str, schema: dict[str, Any]) -> None:
    assert column_schema(type_) == schema
