"""A small project to read from, with rows of three tenants, and tokens to read it with."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import httpx
import jwt
from tests.server import Workspace

TENANTS = ("ant", "bee", "cat")
SECRET = "top-secret-value"

PROJECT = {
    "datasources/visits.datasource": """
SCHEMA >
    `id` UInt64 `json:$.id`,
    `tenant` String `json:$.tenant`,
    `user` String `json:$.user`,
    `at` DateTime `json:$.at`,
    `price` Float64 `json:$.price`,
    `tags` Array(String) `json:$.tags[:]`

ENGINE MergeTree
ENGINE_SORTING_KEY id
""",
    "datasources/pages.datasource": """
SCHEMA >
    `path` String `json:$.path`

ENGINE MergeTree
ENGINE_SORTING_KEY path
""",
    "endpoints/recent.pipe": """
DESCRIPTION >
    Visits in the order of their ids.

TOKEN "reader" READ

NODE all_visits
SQL >
    select * from visits

NODE of_tenant
SQL >
    %
    select id, tenant, user, at from all_visits
    where true
        {% if defined(tenant) %} and tenant = {{ String(tenant, description='Whose') }} {% end %}
    order by id
    limit {{ Int32(limit, 100, description='At most so many', example='10') }}

TYPE ENDPOINT
""",
    "endpoints/over_recent.pipe": """
NODE counted
SQL >
    select tenant, count() as visits from recent group by tenant order by tenant

TYPE ENDPOINT
""",
    "endpoints/echo.pipe": """
NODE echoed
SQL >
    %
    select
        {{ String(text, 'nothing') }} as text,
        length({{ String(text, 'nothing') }}) as bytes,
        {{ Array(items, 'String', 'a,b') }} as items,
        {{ Int64(number, 7) }} as number

TYPE ENDPOINT
""",
    "endpoints/required.pipe": """
NODE wanted
SQL >
    %
    select {{ String(first, required=True) }} as first, {{ Int8(second) }} as second

TYPE ENDPOINT
""",
    "endpoints/refusing.pipe": """
NODE refused
SQL >
    %
    {% if defined(code) %}
        {{ custom_error({'reason': 'because', 'code': 7}, int(code)) }}
    {% elif defined(plain) %} {{ error('plainly no') }}
    {% end %}
    select 1 as one

TYPE ENDPOINT
""",
    "endpoints/guarded.pipe": """
NODE compared
SQL >
    %
    select {{ String(guess, '') }} = {{ tb_secret('password') }} as right

TYPE ENDPOINT
""",
    "endpoints/from_table.pipe": """
NODE chosen
SQL >
    %
    select count() as rows from {{ table(name) }}

TYPE ENDPOINT
""",
    "endpoints/from_columns.pipe": """
NODE chosen
SQL >
    %
    select {{ columns(names, 'id', fn='max') }}, {{ column(one, 'tenant') }} as one
    from visits group by one order by one limit 1

TYPE ENDPOINT
""",
    "endpoints/endless.pipe": """
NODE counted
SQL >
    %
    select count() as rows from numbers({{ UInt64(size, 1000000000000) }})
    where not ignore(sipHash64(number))

TYPE ENDPOINT
""",
    "endpoints/large.pipe": """
NODE listed
SQL >
    %
    select number, repeat('x', 100) as text from numbers({{ UInt64(rows, 1000) }})

TYPE ENDPOINT
""",
    "endpoints/metrics.pipe": """
NODE measured
SQL >
    select
        'visits' as name,
        toFloat64(number) as value,
        'Visits so far' as help,
        'counter' as type,
        map('tenant', toString(number)) as labels
    from numbers(2)

TYPE ENDPOINT
""",
    "endpoints/activity.pipe": """
NODE requests
SQL >
    select pipe_name, status_code from tinybird.pipe_stats_rt

TYPE ENDPOINT
""",
    "pipes/inner.pipe": """
NODE unpublished
SQL >
    select * from visits
""",
}


def fill(workspace: Workspace) -> None:
    """Make the project live in an empty workspace, with 30 visits of each tenant."""
    secret = {"name": "password", "value": SECRET}
    assert workspace.http.post("/v0/variables", data=secret).status_code == 200
    workspace.build(PROJECT)
    rows = [
        {
            "id": number,
            "tenant": TENANTS[number % 3],
            "user": f"user of {TENANTS[number % 3]} {number}",
            "at": f"2040-01-01 00:{number // 60:02}:{number % 60:02}",
            "price": number / 4,
            "tags": ["even" if number % 2 == 0 else "odd"],
        }
        for number in range(90)
    ]
    answer = workspace.send("visits", "\n".join(map(json.dumps, rows)))
    assert answer.json() == {"successful_rows": 90, "quarantined_rows": 0}
    assert workspace.send("pages", '{"path": "/home"}').status_code == 200


def sign(workspace: Workspace, *scopes: Mapping[str, Any], **claims: Any) -> str:
    """A JWT of the workspace, good for an hour unless `claims` say otherwise."""
    body = {
        "workspace_id": workspace.id,
        "name": "a visitor",
        "exp": int(time.time()) + 3600,
        "scopes": list(scopes),
        **claims,
    }
    return jwt.encode(body, workspace.token, algorithm="HS256")


def pipe_scope(pipe: str, **fixed_params: Any) -> dict[str, Any]:
    return {"type": "PIPES:READ", "resource": pipe, "fixed_params": fixed_params}


def datasource_scope(name: str, condition: str = "") -> dict[str, Any]:
    return {"type": "DATASOURCES:READ", "resource": name, "filter": condition}


def sql(http: httpx.Client, statement: str, **params: str) -> httpx.Response:
    return http.get("/v0/sql", params={"q": statement, **params})


def endpoint(http: httpx.Client, name: str, **params: Any) -> httpx.Response:
    path = name if "." in name else f"{name}.json"
    return http.get(f"/v0/pipes/{path}", params=params)


def error_of(answer: httpx.Response) -> str:
    """The text of a refusal. Fails when it is none."""
    assert answer.status_code >= 400, answer.text
    text: str = answer.json()["error"]
    return text
