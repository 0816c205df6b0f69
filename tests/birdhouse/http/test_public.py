"""The files of a project that are for everybody."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.server import Server, running

SCRIPT = "console.log('ours')\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`birdhouse up` on a project with public files, some of which are named as its own pages."""
    project = tmp_path_factory.mktemp("public") / "project"
    public = project / "public"
    (public / "demo").mkdir(parents=True)
    (public / "v0").mkdir()
    (public / "script.js").write_text(SCRIPT)
    (public / "demo" / "index.html").write_text("<title>Demo</title>")
    (public / "index.html").write_text("not the explorer")
    (public / "v0" / "health").write_text("not the API")
    (project / "secret.txt").write_text("not for everybody")
    (public / "outside.txt").symlink_to(project / "secret.txt")
    (project / "things.datasource").write_text("SCHEMA >\n    id UInt32 `json:$.id`\n")
    with running(project.parent / "data", "up", str(project)) as server:
        yield server


@pytest.mark.parametrize(
    "headers", [{}, {"host": "birdhouse.example"}, {"origin": "https://shop.example"}]
)
def test_everybody_may_load_them(server: Server, headers: dict[str, str]) -> None:
    answer = httpx.get(f"{server.url}/script.js", headers=headers)
    assert (answer.status_code, answer.text) == (200, SCRIPT)
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "referrer-policy" not in answer.headers
    page = httpx.get(f"{server.url}/demo", headers=headers, follow_redirects=True)
    assert page.url.path == "/demo/"
    assert page.text == "<title>Demo</title>"


@pytest.mark.parametrize(
    "path",
    ["nope.js", "outside.txt", "..%2fsecret.txt", "%2e%2e/secret.txt", "%00", "a" * 300, "demo/x"],
)
def test_nothing_else_is_served(server: Server, path: str) -> None:
    answer = httpx.get(f"{server.url}/{path}")
    assert answer.status_code == 404
    assert "not for everybody" not in answer.text


def test_they_take_the_place_of_nothing(server: Server) -> None:
    assert httpx.get(f"{server.url}/v0/health").json() == {"status": "ok"}
    for accept in ("text/html", "*/*"):
        assert "not the explorer" not in httpx.get(server.url, headers={"accept": accept}).text
    assert httpx.post(f"{server.url}/script.js").status_code == 404
