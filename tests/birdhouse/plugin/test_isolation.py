"""Each test has an empty workspace, whatever the one before it did to its own."""

from __future__ import annotations

from tests.birdhouse.plugin.conftest import Suite

EMPTY = """
VISIT = {"page": "/", "at": "2025-05-01 10:00:00", "seconds": 5}
LOST = {"page": "/", "at": "yesterday", "seconds": 5}

def is_fresh(tinybird):
    for table in ("visits", "visits_quarantine", "pages"):
        assert tinybird.sql(f"select count() as n from {table}") == [{"n": 0}]
    assert tinybird.endpoint("top_pages") == []
    tokens = tinybird.request("GET", "/v0/tokens").json()["tokens"]
    assert {t["name"] for t in tokens} == {
        "tracker", "workspace admin token", "admin local_testing@tinybird.co"
    }
    assert tinybird.request("GET", "/v0/variables").json()["variables"] == []
    pipes = tinybird.request("GET", "/v0/pipes").json()["pipes"]
    assert {p["name"] for p in pipes} == {"count_pages", "top_pages"}
"""


def test_rows_of_one_test_are_not_there_in_the_next(suite: Suite) -> None:
    ended = suite.run(
        EMPTY
        + """
seen = set()

@pytest.mark.parametrize("number", range(4))
def test_it(tinybird, number):
    is_fresh(tinybird)
    assert tinybird.ingest("visits", [VISIT, VISIT, LOST], strict=False) == (2, 1)
    tinybird.request("POST", "/v0/events", params={"name": "visits"}, json=VISIT)
    assert tinybird.endpoint("top_pages") == [{"page": "/", "visits": 3}]
    seen.add(tinybird.workspace)
    assert len(seen) == 1, "a workspace that holds nothing but rows is used again"
"""
    )
    assert (ended.code, ended.passed) == (0, 4), ended.output


def test_what_a_test_did_besides_rows_is_not_there_in_the_next(suite: Suite) -> None:
    ended = suite.run(
        EMPTY
        + """
CHANGES = {
    "a token": ("/v0/tokens", {"params": {"name": "mine", "scope": "ADMIN"}}),
    "a secret": ("/v0/variables", {"params": {"name": "mine", "value": "1"}}),
    "a project": ("/v1/build", {
        "files": [("data_project://", ("mine.pipe", "NODE a\\nSQL >\\n    SELECT 1 AS one\\n"))]
    }),
}
seen = set()

@pytest.mark.parametrize("change", CHANGES)
def test_it(tinybird, change):
    is_fresh(tinybird)
    path, request = CHANGES[change]
    tinybird.request("POST", path, **request).raise_for_status()
    assert tinybird.workspace not in seen
    seen.add(tinybird.workspace)

def test_at_the_end(tinybird):
    is_fresh(tinybird)
    workspaces = tinybird.request("GET", "/v1/user/workspaces").json()["workspaces"]
    assert len(workspaces) == 2, "only the default one and this one are left"
"""
    )
    assert (ended.code, ended.passed) == (0, 4), ended.output


def test_a_failed_test_leaves_nothing_behind(suite: Suite) -> None:
    ended = suite.run(
        EMPTY
        + """
def test_fails(tinybird):
    tinybird.ingest("visits", [VISIT])
    assert False

def test_after_it(tinybird):
    is_fresh(tinybird)
"""
    )
    assert (ended.failed, ended.passed) == (1, 1), ended.output


def test_two_projects_in_one_run(suite: Suite) -> None:
    other = suite.folder / "other"
    other.mkdir()
    (other / "one.pipe").write_text("NODE a\nSQL >\n    SELECT 1 AS one\n\nTYPE endpoint\n")
    ended = suite.run(
        """
def test_one(tinybird):
    assert tinybird.endpoint("top_pages") == []

@pytest.mark.tinybird(project="other")
def test_other(tinybird):
    assert tinybird.endpoint("one") == [{"one": 1}]
    assert tinybird.request("GET", "/v0/pipes/top_pages.json").status_code == 404
"""
    )
    assert (ended.code, ended.passed) == (0, 2), ended.output


def test_a_project_that_cannot_be_deployed_fails_the_test_with_its_errors(suite: Suite) -> None:
    (suite.folder / "project" / "endpoints" / "broken.pipe").write_text(
        "NODE a\nSQL >\n    SELECT nope FROM visits\n"
    )
    ended = suite.run("def test_it(tinybird):\n    pass\n")
    assert (ended.code, ended.error) == (1, 1), ended.output
    assert "The project cannot be deployed" in ended.output
    assert "endpoints/broken.pipe" in ended.output
    assert "nope" in ended.output
    assert "Traceback" not in ended.output


def test_a_folder_without_a_project_says_so(suite: Suite) -> None:
    ended = suite.run(
        '@pytest.mark.tinybird(project="nowhere")\ndef test_it(tinybird):\n    pass\n'
    )
    assert ended.code == 1
    assert "No .datasource or .pipe file in" in ended.output


def test_secrets_of_the_project_are_there(suite: Suite) -> None:
    project = suite.folder / "project"
    (project / ".env.local").write_text("GREETING=hello\n")
    (project / "endpoints" / "greet.pipe").write_text(
        'NODE a\nSQL >\n    %\n    SELECT {{tb_secret("GREETING")}} AS word\n\nTYPE endpoint\n'
    )
    ended = suite.run(
        'def test_it(tinybird):\n    assert tinybird.endpoint("greet") == [{"word": "hello"}]\n'
    )
    assert (ended.code, ended.passed) == (0, 1), ended.output


def test_tests_may_share_a_workspace(suite: Suite) -> None:
    ended = suite.run(
        EMPTY
        + """
@pytest.mark.parametrize("number", range(3))
def test_it(tinybird_session, tinybird, number):
    is_fresh(tinybird)
    assert tinybird_session.sql("select count() as n from visits") == [{"n": number}]
    tinybird_session.ingest("visits", [VISIT])
"""
    )
    assert (ended.code, ended.passed) == (0, 3), ended.output
