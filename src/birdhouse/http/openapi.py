"""The OpenAPI document of the endpoints that a token may read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from birdhouse.query.describe import ResultColumn
from birdhouse.workspace.resources import Pipe

Schema = dict[str, Any]

_INTEGER = re.compile(r"U?Int\d*|Integer")
_WRAPPED = re.compile(r"(LowCardinality|Nullable|Array|SimpleAggregateFunction)\((.*)\)", re.DOTALL)
_LONG = re.compile(r"U?Int(64|128|256)")


def document(
    url: str, endpoints: Iterable[tuple[Pipe, list[dict[str, Any]], Sequence[ResultColumn]]]
) -> dict[str, Any]:
    """The OpenAPI 3 document for these endpoints, with their parameters and result columns."""
    return {
        "openapi": "3.0.3",
        "info": {
            "title": "API endpoints",
            "description": "The endpoints that this token may read.",
            "version": "1.0.0",
        },
        "servers": [{"url": url}],
        "security": [{"bearer": []}, {"token": []}],
        "paths": {
            f"/v0/pipes/{pipe.name}.json": {"get": _operation(pipe, parameters, columns)}
            for pipe, parameters, columns in endpoints
        },
        "components": {
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "token": {"type": "apiKey", "in": "query", "name": "token"},
            },
            "schemas": {"Error": _ERROR, "Statistics": _STATISTICS},
            "responses": {
                "Error": {
                    "description": "What went wrong, for a person.",
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Error"}}
                    },
                }
            },
        },
    }


_ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string"}, "documentation": {"type": "string"}},
}
_STATISTICS: Schema = {
    "type": "object",
    "properties": {
        "elapsed": {"type": "number", "description": "Seconds"},
        "rows_read": {"type": "integer"},
        "bytes_read": {"type": "integer"},
    },
}


def _operation(
    pipe: Pipe, parameters: list[dict[str, Any]], columns: Sequence[ResultColumn]
) -> dict[str, Any]:
    ref = {"$ref": "#/components/responses/Error"}
    return {
        "operationId": pipe.name,
        "summary": pipe.description.strip().partition("\n")[0],
        "description": pipe.description.strip(),
        "tags": list(pipe.tags) or [pipe.name],
        "parameters": [_parameter(parameter) for parameter in parameters],
        "responses": {
            "200": {
                "description": "The rows",
                "content": {"application/json": {"schema": _result(columns)}},
            },
            **dict.fromkeys(("400", "403", "404", "408", "429", "500"), ref),
        },
    }


def _parameter(given: Mapping[str, Any]) -> dict[str, Any]:
    default = given.get("default")
    schema = _parameter_schema(str(given.get("type", "String")))
    listed = schema["type"] == "array"
    if default is not None:
        schema["default"] = _typed(default, schema)
    if given.get("enum"):
        schema["enum"] = [_typed(value, schema) for value in given["enum"]]
    if given.get("format") and schema["type"] == "string":
        schema["format"] = str(given["format"])
    found: dict[str, Any] = {
        "name": given["name"],
        "in": "query",
        "required": bool(given.get("required")) and default is None,
        "schema": schema,
        **({"style": "form", "explode": False} if listed else {}),
    }
    if given.get("description"):
        found["description"] = str(given["description"])
    if given.get("example") is not None:
        found["example"] = _typed(given["example"], schema)
    return found


def _parameter_schema(type_: str) -> Schema:
    """The JSON schema of a template's type: String, Int32, Array(String), ..."""
    if type_.startswith("Array"):
        inner = type_.removeprefix("Array").strip("()")
        return {"type": "array", "items": _parameter_schema(inner or "String")}
    if _INTEGER.fullmatch(type_):
        return {"type": "integer"}
    if type_.startswith("Float"):
        return {"type": "number"}
    if type_ == "Boolean":
        return {"type": "boolean"}
    return {"type": "string"}


def _typed(value: Any, schema: Schema) -> Any:
    """A default or an example as the schema has it; as it is when it does not fit."""
    try:
        match schema["type"]:
            case "array":
                items = value if isinstance(value, list) else str(value).split(",")
                return [_typed(item, schema["items"]) for item in items if item != ""]
            case "integer":
                return int(value)
            case "number":
                return float(value)
            case "boolean":
                return str(value).lower() not in ("0", "false", "")
    except ValueError:
        return value
    return str(value)


def _result(columns: Sequence[ResultColumn]) -> Schema:
    row: Schema = {"type": "object"}
    if columns:
        row["properties"] = {name: column_schema(type_) for name, type_ in columns}
    named = {"name": {"type": "string"}, "type": {"type": "string"}}
    return {
        "type": "object",
        "required": ["meta", "data", "rows", "statistics"],
        "properties": {
            "meta": {"type": "array", "items": {"type": "object", "properties": named}},
            "data": {"type": "array", "items": row},
            "rows": {"type": "integer"},
            "rows_before_limit_at_least": {"type": "integer"},
            "statistics": {"$ref": "#/components/schemas/Statistics"},
        },
    }


def column_schema(type_: str) -> Schema:
    """The JSON schema of a ClickHouse type, as Tinybird prints its values."""
    if match := _WRAPPED.fullmatch(type_):
        wrapper, inner = match.groups()
        if wrapper == "Array":
            return {"type": "array", "items": column_schema(inner)}
        if wrapper == "Nullable":
            return {**column_schema(inner), "nullable": True}
        if wrapper == "SimpleAggregateFunction":
            inner = inner.partition(",")[2].strip()
        return column_schema(inner)
    if _INTEGER.fullmatch(type_):
        return {"type": "integer", **({"format": "int64"} if _LONG.fullmatch(type_) else {})}
    if type_.startswith(("Float", "BFloat", "Decimal")):
        return {"type": "number", "nullable": True} if "Float" in type_ else {"type": "number"}
    if type_ == "Bool":
        return {"type": "boolean"}
    if type_.startswith(("Map(", "JSON", "Object(")):
        return {"type": "object"}
    if type_.startswith("Tuple("):
        return {}
    formats = {"Date": "date", "Date32": "date", "UUID": "uuid", "IPv4": "ipv4", "IPv6": "ipv6"}
    return {"type": "string", **({"format": formats[type_]} if type_ in formats else {})}
