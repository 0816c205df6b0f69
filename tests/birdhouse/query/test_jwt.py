"""JSON Web Tokens: what they allow, what they fix, and how they are refused."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import httpx
import jwt
import pytest
from tests.birdhouse.reading import (
    TENANTS,
    datasource_scope,
    endpoint,
    error_of,
    pipe_scope,
    sign,
    sql,
)
from tests.server import Workspace

INVALID = "Invalid or unknown authentication token"


def bearer(reading: Workspace, token: str) -> httpx.Client:
    return reading.server.client(token)


def tenants(answer: httpx.Response) -> set[str]:
    assert answer.status_code == 200, answer.text
    return {row["tenant"] for row in answer.json()["data"]}


@pytest.mark.parametrize(
    ("method", "sent"),
    [
        ("GET", {"params": {"tenant": "bee"}}),
        ("GET", {"params": [("tenant", "bee"), ("tenant", "cat")]}),
        ("GET", {"params": {"tenant[]": "bee", "Tenant": "bee", "tenant ": "bee"}}),
        ("POST", {"data": {"tenant": "bee"}}),
        ("POST", {"json": {"tenant": "bee"}}),
        ("POST", {"json": {"tenant": ["bee", "cat"]}}),
        ("POST", {"json": {"tenant": None}}),
        ("POST", {"params": {"tenant": "bee"}, "data": {"tenant": "cat"}}),
        ("GET", {"params": {"q": "select * from _ where tenant = 'bee' or 1"}}),
        ("GET", {"params": {"q": "select * from recent", "tenant": "bee"}}),
        ("GET", {"params": {"q": "select * from recent union all select * from _"}}),
        ("GET", {"params": {"template_parameters": '{"tenant": "bee"}'}}),
        ("GET", {"params": {"expression_wrapper": "x", "tb_secrets": "y", "tenant": "bee"}}),
    ],
)
def test_nothing_in_a_request_overrides_a_fixed_parameter(
    reading: Workspace, method: str, sent: dict[str, Any]
) -> None:
    with bearer(reading, sign(reading, pipe_scope("recent", tenant="ant"))) as http:
        assert tenants(http.request(method, "/v0/pipes/recent.json", **sent)) <= {"ant"}


def test_a_fixed_parameter_holds_in_the_query_api(reading: Workspace) -> None:
    with bearer(reading, sign(reading, pipe_scope("recent", tenant="ant"))) as http:
        assert tenants(sql(http, "select * from recent", tenant="bee")) == {"ant"}
        assert tenants(sql(http, "select * from _", pipeline="recent", tenant="bee")) == {"ant"}


def test_a_fixed_parameter_reaches_the_pipes_below(reading: Workspace) -> None:
    with bearer(reading, sign(reading, pipe_scope("over_recent", tenant="ant"))) as http:
        assert tenants(endpoint(http, "over_recent", tenant="bee")) == {"ant"}
        assert endpoint(http, "recent").status_code == 403


def test_each_pipe_has_its_own_fixed_parameters(reading: Workspace) -> None:
    scopes = pipe_scope("recent", tenant="ant"), pipe_scope("over_recent", tenant="bee")
    with bearer(reading, sign(reading, *scopes)) as http:
        assert tenants(endpoint(http, "recent")) == {"ant"}
        assert tenants(endpoint(http, "over_recent")) == {"bee"}
        both = "select tenant from recent union all select tenant from over_recent"
        assert tenants(sql(http, both, tenant="cat")) == {"ant", "bee"}


@pytest.mark.parametrize("fixed", [7, 7.5, True, ["ant", "bee"], {"a": "b"}, "'; select 1"])
def test_a_fixed_parameter_may_be_any_json(reading: Workspace, fixed: Any) -> None:
    with bearer(reading, sign(reading, pipe_scope("recent", tenant=fixed))) as http:
        assert tenants(endpoint(http, "recent", tenant="bee")) == set()


def test_the_nodes_below_an_endpoint_are_not_its_readers(reading: Workspace) -> None:
    with bearer(reading, sign(reading, pipe_scope("recent", tenant="ant"))) as http:
        answer = endpoint(http, "recent", q="select * from all_visits")
        assert error_of(answer) == "Resource 'all_visits' not found"
        answer = sql(http, "select * from all_visits", pipeline="recent")
        assert error_of(answer) == "Resource 'all_visits' not found"


def test_an_error_never_tells_of_rows_that_are_not_shown(reading: Workspace) -> None:
    """ClickHouse moves conditions about; an own one must not meet another tenant's rows."""
    tokens = [
        sign(reading, pipe_scope("recent", tenant="ant")),
        sign(reading, datasource_scope("visits", "tenant = 'ant'")),
    ]
    for token, table in zip(tokens, ("recent", "visits"), strict=True):
        with bearer(reading, token) as http:
            for condition in (
                "throwIf(tenant != 'ant') = 0",
                "toUInt8(tenant = 'ant' ? '1' : user) = 1",
                "user in (select toString(throwIf(tenant != 'ant')) from __table__)",
            ):
                where = condition.replace("__table__", table)
                answer = sql(http, f"select count() as c from {table} where {where}")
                assert "bee" not in answer.text
                assert "cat" not in answer.text
                assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("tenant = 'ant'", {"ant"}),
        ("tenant in ('ant', 'bee')", {"ant", "bee"}),
        ("tenant = 'ant' or 1 = 0", {"ant"}),
        ("id in (select id from visits where tenant = 'bee')", {"bee"}),
        ("tenant = 'nobody'", set()),
    ],
)
def test_a_filter_keeps_rows(reading: Workspace, condition: str, expected: set[str]) -> None:
    with bearer(reading, sign(reading, datasource_scope("visits", condition))) as http:
        for statement in (
            "select * from visits",
            "select v.* from visits v final",
            "select * from visits where 1 or tenant = 'cat'",
            "with visits as (select * from visits) select * from visits",
            "select a.tenant as tenant from visits a join visits b using (id)",
        ):
            answer = sql(http, statement)
            if answer.status_code == 200:
                assert tenants(answer) == expected
        for other in ("visits_quarantine", "pages", "recent"):
            assert sql(http, f"select * from {other}").status_code == 403


def test_of_several_filters_all_hold(reading: Workspace) -> None:
    scopes = [
        datasource_scope("visits", "tenant in ('ant', 'bee')"),
        datasource_scope("visits", "tenant in ('bee', 'cat')"),
    ]
    with bearer(reading, sign(reading, *scopes)) as http:
        assert tenants(sql(http, "select * from visits")) == {"bee"}


@pytest.mark.parametrize(
    "condition",
    [
        "1) union all (select * from visits where (1",
        "1 settings readonly = 0",
        "file('/etc/passwd') = ''",
        "1; select 1",
        "id in (select toUInt64(1) from nowhere)",
        "id in (select number from system.processes)",
    ],
)
def test_a_bad_filter_shows_nothing(reading: Workspace, condition: str) -> None:
    with bearer(reading, sign(reading, datasource_scope("visits", condition))) as http:
        assert sql(http, "select * from visits").status_code == 400


def test_a_jwt_without_a_fixed_parameter_reads_all(reading: Workspace) -> None:
    with bearer(reading, sign(reading, pipe_scope("recent"))) as http:
        assert tenants(endpoint(http, "recent")) == set(TENANTS)


def test_a_scope_may_name_a_pipe_by_its_id(reading: Workspace) -> None:
    id = reading.http.get("/v0/pipes/recent").json()["id"]
    with bearer(reading, sign(reading, pipe_scope(id, tenant="cat"))) as http:
        assert tenants(endpoint(http, "recent", tenant="bee")) == {"cat"}


@pytest.mark.parametrize(
    "scope",
    [
        {"type": "ADMIN"},
        {"type": "WORKSPACE:READ_ALL"},
        {"type": "TOKENS"},
        {"type": "PIPES:READ"},
        {"type": "DATASOURCES:READ"},
        {"type": "PIPES:READ:recent"},
    ],
)
def test_other_scopes_give_a_jwt_nothing(reading: Workspace, scope: dict[str, Any]) -> None:
    with bearer(reading, sign(reading, scope)) as http:
        assert endpoint(http, "recent").status_code == 403
        assert sql(http, "select * from visits").status_code == 403
        assert http.get("/v0/tokens").status_code == 403


def part(content: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def forged(reading: Workspace, how: str) -> str:
    good = sign(reading, pipe_scope("recent"))
    head, body, seal = good.split(".")
    claims = jwt.decode(good, options={"verify_signature": False})
    none = f"{part({'alg': 'none', 'typ': 'JWT'})}.{body}."
    tokens = {
        "wrong key": jwt.encode(claims, "another key", algorithm="HS256"),
        "another algorithm": jwt.encode(claims, reading.token, algorithm="HS512"),
        "no algorithm": none,
        "no algorithm, old signature": none + seal,
        "truncated": good[:-5],
        "without signature": f"{head}.{body}.",
        "two parts": f"{head}.{body}",
        "changed claims": f"{head}.{part({**claims, 'scopes': [{'type': 'ADMIN'}]})}.{seal}",
        "no expiry": jwt.encode({**claims, "exp": None}, reading.token, algorithm="HS256"),
        "expiry is a text": sign(reading, pipe_scope("recent"), exp="soon"),
        "another workspace": sign(reading, pipe_scope("recent"), workspace_id="nowhere"),
        "no workspace": jwt.encode({"exp": claims["exp"]}, reading.token, algorithm="HS256"),
        "scopes are a text": sign(reading, scopes="PIPES:READ:recent"),
        "nested too deeply": f"{head}.{base64.urlsafe_b64encode(b'[' * 5000).decode()}.{seal}",
        "no token": "x",
        "part of a token": reading.token[:-3],
    }
    return tokens[how]


@pytest.mark.parametrize(
    "how",
    [
        "wrong key",
        "another algorithm",
        "no algorithm",
        "no algorithm, old signature",
        "truncated",
        "without signature",
        "two parts",
        "changed claims",
        "no expiry",
        "expiry is a text",
        "another workspace",
        "no workspace",
        "scopes are a text",
        "nested too deeply",
        "no token",
        "part of a token",
    ],
)
def test_a_forged_token_is_refused(reading: Workspace, how: str) -> None:
    token = forged(reading, how)
    with bearer(reading, token) as http:
        for answer in (endpoint(http, "recent"), sql(http, "select 1"), http.get("/v0/pipes")):
            assert answer.status_code == 403
            assert error_of(answer) == INVALID
            assert token not in answer.text


def test_an_expired_token_is_refused(reading: Workspace) -> None:
    soon = sign(reading, pipe_scope("recent"), exp=int(time.time()) - 1)
    with bearer(reading, soon) as http:
        answer = endpoint(http, "recent")
        assert (answer.status_code, error_of(answer)) == (403, "The token has expired")


def test_no_token_at_all_is_refused(reading: Workspace) -> None:
    answer = httpx.get(f"{reading.server.url}/v0/pipes/recent.json")
    assert (answer.status_code, error_of(answer)) == (403, INVALID)
    assert answer.json()["documentation"].startswith("https://")


def test_a_jwt_made_by_the_api_works(reading: Workspace) -> None:
    expires = {"expiration_time": str(int(time.time()) + 60), "name": "made"}
    body = {"scopes": [pipe_scope("recent", tenant="ant")], "limits": {"rps": 50}}
    made = reading.http.post("/v0/tokens", params=expires, json=body)
    with bearer(reading, made.json()["token"]) as http:
        assert tenants(endpoint(http, "recent", tenant="bee")) == {"ant"}


def test_a_new_admin_token_ends_every_jwt(workspace: Workspace) -> None:
    token = sign(workspace)
    with workspace.server.client(token) as http:
        assert http.get("/v0/pipes").status_code == 200
        tokens = workspace.http.get("/v0/tokens").json()["tokens"]
        (admin,) = [t for t in tokens if t["name"] == "workspace admin token"]
        assert workspace.http.post(f"/v0/tokens/{admin['id']}/refresh").status_code == 200
        assert http.get("/v0/pipes").status_code == 403
