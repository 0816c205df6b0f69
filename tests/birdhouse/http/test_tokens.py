"""Tokens API: what each scope allows, and that a change takes effect at once."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest
from tests.birdhouse.reading import endpoint, error_of, fill
from tests.server import Workspace

PROJECT = [("data_project://", ("pages.datasource", "SCHEMA >\n    `path` String `json:$.path`\n"))]
UNKNOWN = "Invalid or unknown authentication token"


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    """The reading project in a workspace that the test may change."""
    fill(workspace)
    return workspace


def create(workspace: Workspace, name: str, *scopes: str) -> dict[str, Any]:
    answer = workspace.http.post("/v0/tokens", params={"name": name, "scope": list(scopes)})
    assert answer.status_code == 200, answer.text
    created: dict[str, Any] = answer.json()
    return created


def statuses(workspace: Workspace, token: str) -> dict[str, int]:
    """What the bearer of a token may do: the status of one request of each kind."""
    with workspace.server.client(token) as http:
        row = {"name": "pages", "wait": "true"}
        answers = {
            "endpoint": endpoint(http, "recent"),
            "visits": http.post("/v0/sql", content="select 1 from visits"),
            "pages": http.post("/v0/sql", content="select 1 from pages"),
            "append": http.post("/v0/events", params=row, content='{"path": "/"}'),
            "tokens": http.get("/v0/tokens"),
            "deploy": http.post("/v1/deploy", params={"check": "true"}, files=PROJECT),
            "truncate": http.post("/v0/datasources/pages/truncate"),
        }
    return {what: answer.status_code for what, answer in answers.items()}


@pytest.mark.parametrize(
    ("scope", "allowed"),
    [
        ("ADMIN", {"endpoint", "visits", "pages", "append", "tokens", "deploy", "truncate"}),
        ("TOKENS", {"tokens"}),
        ("WORKSPACE:READ_ALL", {"endpoint", "visits", "pages"}),
        ("WORKSPACE:DEPLOY", {"deploy"}),
        ("ORG_DATASOURCES:READ", set()),
        ("DATASOURCES:CREATE", set()),
        ("DATASOURCES:READ:visits", {"visits"}),
        ("DATASOURCE:READ:visits", {"visits"}),
        ("DATASOURCES:APPEND:pages", {"append"}),
        ("DATASOURCE:APPEND:pages", {"append"}),
        ("DATASOURCES:APPEND:visits", set()),
        ("DATASOURCES:DROP:visits", set()),
        ("PIPES:READ:recent", {"endpoint"}),
        ("PIPE:READ:recent", {"endpoint"}),
        ("PIPES:READ:echo", set()),
    ],
)
def test_a_scope_allows_what_it_names(filled: Workspace, scope: str, allowed: set[str]) -> None:
    found = statuses(filled, create(filled, "one", scope)["token"])
    assert {what for what, status in found.items() if status < 400} == allowed
    assert {status for what, status in found.items() if what not in allowed} <= {403}


def test_several_scopes_add_up(filled: Workspace) -> None:
    token = create(filled, "two", "PIPES:READ:recent", "DATASOURCES:APPEND:pages")
    found = statuses(filled, token["token"])
    assert {what for what, status in found.items() if status < 400} == {"endpoint", "append"}


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "READ",
        "PIPES:READ",
        "PIPES:READ:",
        "PIPES:WRITE:recent",
        "admin",
        "ADMIN:all",
        "DATASOURCES:READ:visits:tenant = 'ant'",
    ],
)
def test_an_unknown_scope_makes_no_token(workspace: Workspace, scope: str) -> None:
    answer = workspace.http.post("/v0/tokens", params={"name": "odd", "scope": scope})
    assert answer.status_code == 400
    assert "scope" in error_of(answer)
    names = [token["name"] for token in workspace.http.get("/v0/tokens").json()["tokens"]]
    assert "odd" not in names


def test_a_token_is_found_by_its_id_name_and_value(workspace: Workspace) -> None:
    created = create(workspace, "Rüdiger's", "WORKSPACE:READ_ALL")
    for key in ("id", "name", "token"):
        assert workspace.http.get(f"/v0/tokens/{created[key]}").json() == created
    assert workspace.http.get(f"/v0/tokens/{created['id']}.token").text == created["token"]


def test_a_token_that_is_not_there_is_not_told_from_one_that_is_secret(
    workspace: Workspace,
) -> None:
    answer = workspace.http.get("/v0/tokens/nobody")
    assert answer.status_code == 403
    assert "not enough permissions" in error_of(answer)


def test_a_name_is_taken_once(workspace: Workspace) -> None:
    create(workspace, "mine", "ADMIN")
    other = create(workspace, "other", "ADMIN")
    again = workspace.http.post("/v0/tokens", params={"name": "mine", "scope": "ADMIN"})
    renamed = workspace.http.put(f"/v0/tokens/{other['id']}", params={"name": "mine"})
    assert again.status_code == renamed.status_code == 409
    assert workspace.http.get("/v0/tokens/other").json()["id"] == other["id"]


def test_other_scopes_hold_at_once(filled: Workspace) -> None:
    created = create(filled, "changing", "PIPES:READ:recent")
    with filled.server.client(created["token"]) as http:
        assert endpoint(http, "recent").status_code == 200
        changed = filled.http.put("/v0/tokens/changing", params={"scope": "PIPES:READ:echo"})
        assert changed.json()["scopes"] == [{"type": "PIPES:READ", "resource": "echo"}]
        assert endpoint(http, "recent").status_code == 403
        assert endpoint(http, "echo").status_code == 200


@pytest.mark.parametrize("how", ["refresh", "delete"])
def test_the_old_value_is_refused_at_once(filled: Workspace, how: str) -> None:
    created = create(filled, "short", "PIPES:READ:recent")
    with filled.server.client(created["token"]) as http:
        assert endpoint(http, "recent").status_code == 200
        if how == "refresh":
            fresh = filled.http.post("/v0/tokens/short/refresh").json()["token"]
            assert fresh != created["token"]
            with filled.server.client(fresh) as renewed:
                assert endpoint(renewed, "recent").status_code == 200
        else:
            assert filled.http.delete("/v0/tokens/short").json() == {"ok": True}
        refused = endpoint(http, "recent")
    assert refused.status_code == 403
    assert error_of(refused) == UNKNOWN


def test_the_admin_token_stays(workspace: Workspace) -> None:
    path = "/v0/tokens/workspace admin token"
    for answer in (
        workspace.http.delete(path),
        workspace.http.put(path, params={"scope": "TOKENS"}),
        workspace.http.put(path, params={"name": "mine"}),
    ):
        assert answer.status_code == 400
        assert "only refreshed" in error_of(answer)
    assert workspace.http.get("/v0/tokens").status_code == 200


def test_who_reads_may_not_make_or_see_tokens(workspace: Workspace) -> None:
    reader = create(workspace, "reader", "WORKSPACE:READ_ALL")
    with workspace.server.client(reader["token"]) as http:
        assert http.get("/v0/tokens/workspace admin token").status_code == 403
        assert http.post("/v0/tokens", params={"name": "x", "scope": "ADMIN"}).status_code == 403
        assert http.post("/v0/tokens/reader/refresh").status_code == 403
        assert http.put("/v0/tokens/reader", params={"scope": "ADMIN"}).status_code == 403
        assert http.delete("/v0/tokens/reader").status_code == 403
        assert http.get("/v0/tokens/reader").json()["token"] == reader["token"]


def test_a_token_of_another_workspace_is_unknown(workspace: Workspace) -> None:
    other = workspace.server.workspace()
    with other.http:
        theirs = create(other, "theirs", "ADMIN")
    answer = workspace.http.get(f"/v0/tokens/{theirs['token']}")
    assert answer.status_code == 403


@pytest.mark.parametrize("where", ["header", "query", "both"])
@pytest.mark.parametrize("broken", ["truncated", "other case", "with a space", "nonsense", "empty"])
def test_a_wrong_token_is_403_everywhere(filled: Workspace, broken: str, where: str) -> None:
    token = {
        "truncated": filled.token[:-1],
        "other case": filled.token.swapcase(),
        "with a space": f"{filled.token} x",
        "nonsense": "p.e30.x",
        "empty": "",
    }[broken]
    headers = {"Authorization": f"Bearer {token}".strip()} if where != "query" else {}
    params = {"token": token} if where != "header" else {}
    with httpx.Client(base_url=filled.server.url, headers=headers, params=params) as http:
        for method, path in (
            ("GET", "/v0/pipes/recent.json"),
            ("POST", "/v0/sql"),
            ("POST", "/v0/events"),
            ("GET", "/v0/tokens"),
            ("POST", "/v1/build"),
        ):
            answer = http.request(method, path)
            assert answer.status_code == 403, (path, answer.text)
            assert error_of(answer)
            assert filled.token[:20] not in answer.text


def test_a_jwt_is_signed_for_as_long_as_asked(filled: Workspace) -> None:
    body = {"scopes": [{"type": "PIPES:READ", "resource": "recent"}]}
    lifetimes = {}
    for seconds in (600, -1):
        params = {"name": "short", "expiration_time": str(int(time.time()) + seconds)}
        answer = filled.http.post("/v0/tokens", params=params, json=body)
        with filled.server.client(answer.json()["token"]) as http:
            lifetimes[seconds] = endpoint(http, "recent").status_code
    assert lifetimes == {600: 200, -1: 403}
    names = [token["name"] for token in filled.http.get("/v0/tokens").json()["tokens"]]
    assert "short" not in names


@pytest.mark.parametrize(
    ("expiration", "body"),
    [
        ("tomorrow", {"scopes": [{"type": "PIPES:READ", "resource": "recent"}]}),
        ("²", {"scopes": [{"type": "PIPES:READ", "resource": "recent"}]}),
        ("1", {}),
        ("1", {"scopes": []}),
    ],
)
def test_a_jwt_that_makes_no_sense_is_not_signed(
    workspace: Workspace, expiration: str, body: dict[str, Any]
) -> None:
    params = {"name": "odd", "expiration_time": expiration}
    answer = workspace.http.post("/v0/tokens", params=params, json=body)
    assert answer.status_code == 400
