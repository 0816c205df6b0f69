"""A project's own pages, served beside the API."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from tests.birdhouse.reading import error_of
from tests.server import Server, running

PAGE = "<!doctype html><title>Ours</title>"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`birdhouse up` on a project that has pages, beside a file that is none of them."""
    project = tmp_path_factory.mktemp("pages") / "project"
    pages = project / "dashboard"
    (pages / "style").mkdir(parents=True)
    (pages / "index.html").write_text(PAGE)
    (pages / "app.js").write_text("export {}\n")
    (pages / "style" / "base.css").write_text("body { margin: 0 }\n")
    (project / "secret.txt").write_text("not for everybody")
    (project / "things.datasource").write_text("SCHEMA >\n    id UInt32 `json:$.id`\n")
    (pages / "outside.txt").symlink_to(project / "secret.txt")
    with running(project.parent / "data", "up", str(project)) as server:
        yield server.url


def test_the_files_of_the_folder_are_served(url: str) -> None:
    with httpx.Client(base_url=url, follow_redirects=True) as http:
        assert http.get("/dashboard").text == PAGE
        assert http.get("/dashboard/").headers["content-type"].startswith("text/html")
        script = http.get("/dashboard/app.js")
        assert script.headers["content-type"].startswith("text/javascript")
        style = http.get("/dashboard/style/base.css")
        assert style.headers["content-type"].startswith("text/css")
        again = http.get("/dashboard/app.js", headers={"if-none-match": script.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_nothing_else_is_served(url: str) -> None:
    for path in ("nope.js", "style", "..%2fsecret.txt", "%2e%2e/secret.txt", "outside.txt"):
        answer = httpx.get(f"{url}/dashboard/{path}")
        assert answer.status_code == 404, path
        assert "not for everybody" not in answer.text


def test_the_chart_library_comes_from_its_package(url: str) -> None:
    script = httpx.get(f"{url}/dashboard/lib/Chart.bundle.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "Chart.js v4" in script.text[:200]
    assert "MIT" in httpx.get(f"{url}/dashboard/lib/LICENSE-chart.js.txt").text
    assert httpx.get(f"{url}/dashboard/lib/nope.js").status_code == 404


@pytest.mark.parametrize("path", ["", "app.js", "lib/Chart.bundle.js"])
def test_the_policy_allows_own_scripts_alone(url: str, path: str) -> None:
    answer = httpx.get(f"{url}/dashboard/{path}")
    policy = dict(
        directive.strip().split(" ", 1)
        for directive in answer.headers["content-security-policy"].split(";")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    "headers", [{"host": "evil.example.com"}, {"origin": "https://evil.example.com"}]
)
@pytest.mark.parametrize("path", ["", "app.js", "lib/Chart.bundle.js"])
def test_pages_are_for_this_machine(url: str, path: str, headers: dict[str, str]) -> None:
    assert httpx.get(f"{url}/dashboard/{path}", headers=headers).status_code == 403


def test_a_server_without_pages_says_so(server: Server) -> None:
    answer = httpx.get(f"{server.url}/dashboard/")
    assert answer.status_code == 404
    assert "birdhouse up" in error_of(answer)
