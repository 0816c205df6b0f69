"""What stands around every answer: ids, CORS, and who may see birdhouse's own pages."""

from __future__ import annotations

import re
import uuid

import httpx
import pytest
from tests.birdhouse.reading import error_of
from tests.server import Server, Workspace

from birdhouse.http.headers import foreign, without_tokens

SHARED = [
    "/v0/pipes/recent.json",
    "/v0/sql",
    "/v0/events",
    "/v0/datasources",
    "/v0/pipes",
    "/v0/pipes/openapi.json",
]
OWN = ["/tokens", "/v0/tokens", "/v1/user/workspaces", "/v0/workspace", "/v0/variables", "/"]
ORIGIN = {"origin": "https://app.example.com"}


@pytest.mark.parametrize("path", SHARED)
def test_browsers_may_call_the_api(reading: Workspace, path: str) -> None:
    answer = reading.http.get(path, headers=ORIGIN)
    assert answer.headers["access-control-allow-origin"] == "*"
    asked = {"access-control-request-method": "POST", "access-control-request-headers": "x"}
    preflight = httpx.options(f"{reading.server.url}{path}", headers={**ORIGIN, **asked})
    assert preflight.status_code == 204
    assert preflight.headers["access-control-allow-origin"] == "*"
    assert preflight.headers["access-control-allow-headers"] == "*, Authorization"
    assert "POST" in preflight.headers["access-control-allow-methods"]


@pytest.mark.parametrize("path", OWN)
def test_browsers_may_not_call_the_rest(reading: Workspace, path: str) -> None:
    for answer in (
        reading.http.get(path, headers=ORIGIN),
        reading.http.options(path, headers=ORIGIN),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example.com"},
        {"host": "evil.example.com:7181"},
        {"host": "localhost.evil.example.com"},
        {"host": "127.0.0.1.evil.example.com"},
        {"host": "10.0.0.1"},
        {"host": "0.0.0.0"},
        {"host": ""},
        {"origin": "https://evil.example.com"},
        {"origin": "http://localhost:3000"},
        {"origin": "http://127.0.0.1"},
        {"origin": "null"},
    ],
)
@pytest.mark.parametrize("path", ["/tokens", "/", "/anything"])
def test_own_pages_are_for_this_machine(server: Server, headers: dict[str, str], path: str) -> None:
    answer = httpx.get(f"{server.url}{path}", headers=headers)
    assert answer.status_code == 403
    assert error_of(answer)
    assert server.admin_token not in answer.text


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.0.2.7", False),
        ("2001:db8::7", False),
        ("::ffff:192.0.2.7", False),
    ],
)
def test_a_caller_on_another_machine_gets_no_tokens(address: str, allowed: bool) -> None:
    scope = {"type": "http", "client": (address, 50000), "headers": [(b"host", b"localhost")]}
    assert (foreign(scope) == "") == allowed


def test_a_page_without_secrets_may_go_to_another_machine() -> None:
    def asked(address: str, *headers: tuple[bytes, bytes]) -> bool:
        scope = {"type": "http", "client": (address, 50000), "headers": list(headers)}
        return foreign(scope, page=True) == ""

    named = (b"host", b"birdhouse.example:7181")
    assert asked("192.0.2.7", named)
    assert asked("192.0.2.7", named, (b"origin", b"http://birdhouse.example:7181"))
    assert not asked("192.0.2.7", named, (b"origin", b"https://evil.example.com"))
    assert not asked("127.0.0.1", named), "a name that was bound to this machine"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "127.1.2.3"])
def test_this_machine_has_several_names(server: Server, name: str) -> None:
    for host in (name, f"{name}:{server.port}"):
        for headers in ({"host": host}, {"host": host, "origin": f"http://{host}"}):
            assert httpx.get(f"{server.url}/tokens", headers=headers).status_code == 200


def test_the_api_does_not_care_for_names(reading: Workspace) -> None:
    answer = reading.http.get("/v0/pipes", headers={"host": "birdhouse.internal", **ORIGIN})
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/v0/health", "/tokens", "/nope", "/v0/sql"])
def test_every_answer_has_an_id(server: Server, path: str) -> None:
    ids = {httpx.get(f"{server.url}{path}").headers["x-request-id"] for _ in range(2)}
    assert len(ids) == 2
    assert all(uuid.UUID(id) for id in ids)


@pytest.mark.parametrize("path", ["/v0/tokens/{}", "/v0/nope/{}", "/{}", "/v0/datasources/{}"])
def test_an_answer_does_not_repeat_a_token(reading: Workspace, path: str) -> None:
    other = reading.token[:-4] + "AAAA"
    answer = reading.http.get(path.format(other))
    assert answer.status_code >= 400
    assert other not in answer.text


def test_the_log_has_no_tokens(reading: Workspace) -> None:
    for path in (f"/v0/tokens/{reading.token}", f"/v0/nope/{reading.token}", "/v0/sql?q=x"):
        reading.http.get(path, params={"token": reading.token})
    log = reading.server.data_dir.with_name(f"{reading.server.data_dir.name}.log").read_text()
    assert not re.search(r"p\.ey\w{20}", log)


def test_tokens_are_struck_out() -> None:
    static = "p.eyJ1IjoiYSJ9.sdf-_sdf"
    signed = "eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.abc-_"
    text = without_tokens(f"/v0/tokens/{static}/refresh?token={signed}&x=1")
    assert text == "/v0/tokens/***/refresh?token=***&x=1"
