"""scripts/tenant_token.py mints tokens that keep a tenant to its own rows."""

from __future__ import annotations

import json
import shlex
import subprocess
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from tests.scripts.conftest import ROOT, Run
from tests.server import Server

import tenant_token

KEY = "p.admin-token-that-is-long-enough-to-sign-with"
EVENT = {
    "event_id": "e1",
    "event_type": "page_view",
    "user_id": "u1",
    "session_id": "s1",
    "timestamp": "2025-05-07 10:00:00",
    "platform": "web",
    "app_version": "1",
    "device_type": "desktop",
    "os": "Linux",
    "country": "ES",
    "properties": "{}",
}
TENANTS = ("acme", "globex", 'it\'s 100% %41 \\ "ü"')


def mint(**changes: object) -> dict[str, object]:
    """The claims of a minted token."""
    arguments = {
        "tenant": "acme",
        "endpoints": ["get_events"],
        "workspace_id": "w",
        "admin_token": KEY,
        "lifetime": timedelta(hours=1),
    }
    token = tenant_token.mint(**arguments | changes)  # type: ignore[arg-type]
    claims: dict[str, object] = jwt.decode(token, KEY, algorithms=["HS256"])
    return claims


def test_the_claims_are_the_documented_ones() -> None:
    before = int(time.time())
    claims = mint(endpoints=["get_events", "event_stats"], rps=5)
    expires = claims.pop("exp")
    assert isinstance(expires, int)
    assert before + 3600 <= expires <= time.time() + 3600
    assert claims == {
        "workspace_id": "w",
        "name": "tenant acme",
        "scopes": [
            {"type": "PIPES:READ", "resource": name, "fixed_params": {"tenant_id": "acme"}}
            for name in ("get_events", "event_stats")
        ],
        "limits": {"rps": 5},
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"lifetime": tenant_token.MAX_LIFETIME + timedelta(seconds=1)}, "at most 24 hours"),
        ({"lifetime": timedelta()}, "longer than nothing"),
        ({"lifetime": timedelta(seconds=-1)}, "longer than nothing"),
        ({"tenant": ""}, "needs a tenant"),
        ({"endpoints": []}, "needs an endpoint"),
    ],
)
def test_what_must_not_be_is_not_minted(changes: dict[str, object], words: str) -> None:
    with pytest.raises(tenant_token.MintError, match=words):
        mint(**changes)


def test_the_longest_lifetime_is_documented() -> None:
    hours = tenant_token.MAX_LIFETIME.total_seconds() / 3600
    assert f"{hours:.0f} hours" in (ROOT / "docs" / "tenants.md").read_text()


@pytest.fixture(scope="module")
def environment(birdhouse: Server) -> dict[str, str]:
    """A host with an event of each tenant."""
    rows = [EVENT | {"tenant_id": tenant, "user_id": f"u {tenant}"} for tenant in TENANTS]
    with birdhouse.client() as http:
        body = "\n".join(map(json.dumps, rows))
        params = {"name": "events", "wait": "true"}
        assert http.post("/v0/events", params=params, content=body).status_code == 200
    return {"TB_HOST": birdhouse.url, "TB_ADMIN_TOKEN": birdhouse.admin_token}


def ask(server: Server, token: str, endpoint: str, **params: str) -> httpx.Response:
    return httpx.get(
        f"{server.url}/v0/pipes/{endpoint}.json",
        params=params,
        headers={"Authorization": f"Bearer {token}"},
    )


@pytest.mark.parametrize("tenant", TENANTS)
def test_a_tenant_reads_its_rows_whatever_it_asks_for(
    run: Run, birdhouse: Server, environment: dict[str, str], tenant: str
) -> None:
    ended = run("tenant_token.py", tenant, "--quiet", env=environment)
    assert ended.returncode == 0, ended.stderr
    for params in ({}, {"tenant_id": "acme"}, {"tenant_id": "globex"}, {"tenant_id": ""}):
        found = ask(birdhouse, ended.stdout.strip(), "get_events", **params)
        assert [row["user_id"] for row in found.json()["data"]] == [f"u {tenant}"]


def test_it_reads_nothing_but_the_endpoints_that_it_lists(
    run: Run, birdhouse: Server, environment: dict[str, str]
) -> None:
    ended = run("tenant_token.py", "acme", "--endpoint", "event_stats", "--quiet", env=environment)
    token = ended.stdout.strip()
    assert ask(birdhouse, token, "event_stats").status_code == 200
    assert ask(birdhouse, token, "get_events").status_code == 403
    headers = {"Authorization": f"Bearer {token}"}
    query = {"q": "select * from events"}
    assert httpx.get(f"{birdhouse.url}/v0/sql", params=query, headers=headers).status_code == 403
    assert httpx.get(f"{birdhouse.url}/v0/tokens", headers=headers).status_code == 403


def test_requests_above_the_limit_are_429(
    run: Run, birdhouse: Server, environment: dict[str, str]
) -> None:
    ended = run("tenant_token.py", "acme", "--rps", "1", "--quiet", env=environment)
    answers = [ask(birdhouse, ended.stdout.strip(), "event_stats") for _ in range(4)]
    assert 429 in {answer.status_code for answer in answers}


def test_the_curl_line_works(run: Run, environment: dict[str, str], tmp_path: Path) -> None:
    ended = run("tenant_token.py", TENANTS[2], env=environment)
    token, blank, line = ended.stdout.splitlines()
    assert blank == ""
    assert token in line
    answer = subprocess.run([*shlex.split(line), "-s"], capture_output=True, check=True)
    assert len(json.loads(answer.stdout)["data"]) <= 1


def test_a_curl_line_has_examples_for_what_is_required(
    run: Run, environment: dict[str, str]
) -> None:
    ended = run("tenant_token.py", "acme", "--endpoint", "user_activity", env=environment)
    assert "-d user_id=user_755" in ended.stdout


def test_by_default_it_is_for_every_endpoint_that_takes_a_tenant(
    run: Run, environment: dict[str, str]
) -> None:
    ended = run("tenant_token.py", "acme", "--quiet", env=environment)
    claims = jwt.decode(ended.stdout.strip(), options={"verify_signature": False})
    endpoints = {path.stem for path in (ROOT / "endpoints").glob("*.pipe")}
    assert {scope["resource"] for scope in claims["scopes"]} == endpoints


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["acme", "--ttl", "25h"], "at most 24 hours"),
        (["acme", "--ttl", "2d"], "at most 24 hours"),
        (["acme", "--ttl", "1w"], "write it as"),
        (["acme", "--ttl", "0s"], "write it as"),
        (["acme", "--rps", "0"], "--rps"),
        (["acme", "--endpoint", "nothing"], "with the parameter tenant_id: nothing"),
        ([""], "needs a tenant"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(
    run: Run, environment: dict[str, str], arguments: list[str], words: str
) -> None:
    ended = run("tenant_token.py", *arguments, env=environment)
    assert ended.returncode == 2
    assert words in " ".join(ended.stderr.split())
    assert ended.stdout == ""


def test_a_token_that_may_not_list_tokens_mints_none(
    run: Run, birdhouse: Server, environment: dict[str, str]
) -> None:
    ended = run("tenant_token.py", "acme", "--quiet", env=environment)
    ended = run("tenant_token.py", "acme", "--token", ended.stdout.strip(), env=environment)
    assert ended.returncode == 1
    assert "403" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_host_that_is_not_there(run: Run) -> None:
    ended = run("tenant_token.py", "acme", "--host", "http://127.0.0.1:1", "--token", "t")
    assert ended.returncode == 1
    assert "cannot be reached" in ended.stderr


def test_the_function_of_the_documentation_mints_such_a_token(
    run: Run, birdhouse: Server, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = (ROOT / "docs" / "tenants.md").read_text()
    code = document.partition("# tokens.py\n")[2].partition("```")[0]
    with birdhouse.client() as http:
        monkeypatch.setenv("TB_WORKSPACE_ID", http.get("/v1/workspace").json()["id"])
    monkeypatch.setenv("TB_ADMIN_TOKEN", birdhouse.admin_token)
    names: dict[str, Any] = {}
    exec(code, names)
    token = names["tenant_token"]("acme")
    [row] = ask(birdhouse, token, "event_stats", tenant_id="globex").json()["data"]
    assert row["event_count"] == 1
    with pytest.raises(ValueError, match="needs a tenant"):
        names["tenant_token"]("")
