"""`tb build` and `tb test`: what comes with the datafiles, and where it goes."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest
from tests.birdhouse.project.projects import copy, datasource, endpoint, merge_tree
from tests.server import Server, Workspace
from tests.tb.cli import Cli, environment
from tests.tb.projects import write

pytestmark = pytest.mark.cli

COLUMNS = ["id UInt64", "name String"]
THINGS = datasource(COLUMNS, merge_tree("id"))
ALL = endpoint("SELECT id, name FROM things ORDER BY id")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project in a folder that the CLI has never seen."""
    files = {"datasources/things.datasource": THINGS, "endpoints/all_things.pipe": ALL}
    return write(tmp_path / "project", files)


@pytest.fixture
def tb(server: Server, folder: Path) -> Cli:
    return Cli(folder, environment(server, folder.parent), "local", ("--local",))


def named(server: Server, name: str) -> Workspace:
    """A workspace that the CLI has made."""
    with server.client() as http:
        listed = http.get("/v1/user/workspaces").json()["workspaces"]
    (found,) = [one for one in listed if one["name"] == name]
    return Workspace(server, name, found["id"], found["token"])


def built(server: Server, folder: Path) -> Workspace:
    """The workspace that the CLI makes for a folder."""
    digest = hashlib.sha256(str(folder).encode()).hexdigest()
    return named(server, f"Tinybird_Local_Build_{digest}")


def names(workspace: Workspace, source: str = "things") -> list[str]:
    with workspace.http:
        rows = workspace.rows(f"SELECT name FROM {source} ORDER BY name")
    return [row["name"] for row in rows]


def test_fixtures_of_each_kind_are_loaded_once(tb: Cli, server: Server) -> None:
    write(
        tb.folder,
        {
            **{f"datasources/{name}.datasource": THINGS for name in ("table", "query")},
            "fixtures/things.ndjson": '{"id": 1, "name": "a"}\n{"id": 2, "name": "b"}\n',
            "fixtures/table.csv": "id,name\n3,c\n",
            "fixtures/query.sql": "SELECT number + 4 AS id, 'd' AS name FROM numbers(2)",
        },
    )
    tb("build")
    for _ in range(2):
        found = {name: names(built(server, tb.folder), name) for name in ("table", "query")}
        assert found == {"table": ["c"], "query": ["d", "d"]}
        assert names(built(server, tb.folder)) == ["a", "b"]
        write(tb.folder, {"endpoints/one.pipe": endpoint("SELECT 1 AS one", "only_one")})
        tb("build")


def test_env_files_become_secrets(tb: Cli, server: Server) -> None:
    write(
        tb.folder,
        {
            ".env.local": "word=hush\n",
            "endpoints/said.pipe": endpoint("%\nSELECT {{ tb_secret('word') }} AS word", "say"),
        },
    )
    tb("build")
    with built(server, tb.folder).http as http:
        assert http.get("/v0/pipes/said.json").json()["data"] == [{"word": "hush"}]


def test_a_secret_that_is_not_there_is_named(tb: Cli) -> None:
    write(tb.folder, {"endpoints/said.pipe": endpoint("%\nSELECT {{ tb_secret('gone') }} AS x")})
    printed = tb.fails("build")
    assert "endpoints/said.pipe" in printed
    assert "Cannot access secret 'gone'" in printed


def test_workspaces_to_share_with_are_made(tb: Cli, server: Server) -> None:
    name = f"partner_{hashlib.sha256(str(tb.folder).encode()).hexdigest()[:8]}"
    write(
        tb.folder,
        {
            "datasources/things.datasource": f"{THINGS}SHARED_WITH >\n    {name}\n",
            "fixtures/things.ndjson": '{"id": 1, "name": "a"}\n',
        },
    )
    tb("build")
    owner = built(server, tb.folder).name
    assert names(named(server, name), f"{owner}.things") == ["a"]


def test_vendored_projects_are_built_into_workspaces_of_their_own(tb: Cli, server: Server) -> None:
    name = f"supplier_{hashlib.sha256(str(tb.folder).encode()).hexdigest()[:8]}"
    vendor = f"vendor/{name}"
    write(
        tb.folder,
        {
            f"{vendor}/datasources/parts.datasource": THINGS + "SHARED_WITH >\n    somebody\n",
            f"{vendor}/fixtures/parts.ndjson": '{"id": 1, "name": "wheel"}\n',
            "endpoints/parts_of.pipe": endpoint(f"SELECT name FROM {name}.parts", "read_parts"),
        },
    )
    tb("build")
    with built(server, tb.folder).http as http:
        assert http.get("/v0/pipes/parts_of.json").json()["data"] == [{"name": "wheel"}]


def test_a_git_branch_has_a_workspace_of_its_own(tb: Cli, server: Server) -> None:
    branch = f"feature-{hashlib.sha256(str(tb.folder).encode()).hexdigest()[:8]}"

    def git(*arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=tb.folder, check=True, capture_output=True)

    git("init", "--quiet", "--initial-branch", "main")
    tb("build")
    git("checkout", "--quiet", "-b", branch)
    write(tb.folder, {"fixtures/things.ndjson": '{"id": 1, "name": "new"}\n'})
    printed = tb("build")
    workspace = branch.replace("-", "_")
    assert f"Tinybird Local branch: {workspace}" in printed
    assert names(named(server, workspace)) == ["new"]
    assert names(built(server, tb.folder)) == []
    assert "No changes" in tb("build")


def test_files_of_two_folders_do_not_meet(tb: Cli, server: Server, tmp_path: Path) -> None:
    other = write(tmp_path / "other", {"datasources/others.datasource": THINGS})
    tb("build")
    Cli(other, environment(server, tmp_path), "local", ("--local",))("build")
    for folder, name in ((tb.folder, "things"), (other, "others")):
        with built(server, folder).http as http:
            listed = http.get("/v0/datasources").json()["datasources"]
            assert [one["name"] for one in listed] == [name]


def test_what_a_build_drops_it_says(tb: Cli, server: Server) -> None:
    write(tb.folder, {"fixtures/things.ndjson": '{"id": 1, "name": "a"}\n'})
    tb("build")
    (tb.folder / "fixtures" / "things.ndjson").unlink()
    retyped = datasource(["id String", "name String"], merge_tree("id"))
    write(tb.folder, {"datasources/things.datasource": retyped})
    printed = tb("build")
    assert "WARNING: things" in printed
    assert "rows were dropped" in " ".join(printed.split())
    assert names(built(server, tb.folder)) == []


TEST = """
- name: all
  description: Everything
  parameters: ''
  expected_result: |
    {"id":1,"name":"a"}
"""


def test_test_run_has_a_workspace_and_fixtures_of_its_own(tb: Cli, server: Server) -> None:
    write(
        tb.folder,
        {"fixtures/things.ndjson": '{"id": 1, "name": "a"}\n', "tests/all_things.yaml": TEST},
    )
    assert "1/1 passed" in tb("test", "run")
    with server.client() as http:
        listed = http.get("/v1/user/workspaces").json()["workspaces"]
    digest = hashlib.sha256(str(tb.folder).encode()).hexdigest()
    assert f"Tinybird_Local_Build_{digest}" not in {one["name"] for one in listed}


def test_test_update_writes_what_comes(tb: Cli) -> None:
    wrong = TEST.replace('"name":"a"', '"name":"b"')
    write(
        tb.folder,
        {"fixtures/things.ndjson": '{"id": 1, "name": "a"}\n', "tests/all_things.yaml": wrong},
    )
    assert "failed" in tb.fails("test", "run")
    tb("test", "update", "all_things")
    assert '{"id":1,"name":"a"}' in (tb.folder / "tests" / "all_things.yaml").read_text()
    assert "1/1 passed" in tb("test", "run", "all_things")


def test_the_first_deployment_waits_and_is_promoted(tb: Cli, server: Server) -> None:
    tb("deployment", "create", "--wait")
    assert "Staging" in tb("deployment", "ls")
    with built(server, tb.folder).http as http:
        assert http.get("/v0/pipes/all_things.json").status_code == 404
    assert "Deployment #1 is live" in tb("deployment", "promote", "--wait")
    assert "Live" in tb("deployment", "ls")
    with built(server, tb.folder).http as http:
        assert http.get("/v0/pipes/all_things.json").json()["data"] == []


def test_the_first_deployment_can_be_discarded(tb: Cli, server: Server) -> None:
    tb("deployment", "create", "--wait")
    tb("deployment", "discard", "--wait")
    assert "Staging" not in tb("deployment", "ls")
    tb("deploy")
    assert "Live" in tb("deployment", "ls")


def test_staging_takes_rows_and_keeps_them(tb: Cli, server: Server) -> None:
    tb("deploy")
    wider = datasource([*COLUMNS, "more String DEFAULT 'x'"], merge_tree("id"))
    write(tb.folder, {"datasources/things.datasource": wider})
    tb("deployment", "create", "--wait")
    staging = Cli(tb.folder, tb.environment, "local", ("--local", "--staging"))
    staging("datasource", "append", "things", "--events", '{"id": 1, "name": "a", "more": "m"}')
    query = ("sql", "SELECT * FROM things")
    assert "more" not in tb(*query)
    assert ["1", "a", "m"] in [line.split() for line in staging(*query).splitlines()]
    tb("deployment", "promote", "--wait")
    assert ["1", "a", "m"] in [line.split() for line in tb(*query).splitlines()]


def test_copies_run_from_the_command_line(tb: Cli, server: Server) -> None:
    write(
        tb.folder,
        {
            "datasources/kept.datasource": datasource(["-id UInt64"], merge_tree("id")),
            "copies/keep.pipe": copy(
                "%\nSELECT id FROM things WHERE id >= {{ UInt64(least, 0) }}", "kept"
            ),
            "copies/hourly.pipe": copy(
                "SELECT id FROM things", "kept", "COPY_SCHEDULE 0 * * * *", name="each_hour"
            ),
            "fixtures/things.ndjson": '{"id": 1, "name": "a"}\n{"id": 2, "name": "b"}\n',
        },
    )
    tb("build")
    printed = tb("copy", "run", "keep", "--param", "least=2", "--wait")
    assert "Data copied to 'kept'" in printed
    tb("copy", "run", "keep", "--mode", "replace", "--wait")
    with built(server, tb.folder).http as http:
        rows = http.get("/v0/sql", params={"q": "SELECT id FROM kept ORDER BY id"}).json()["data"]
    assert rows == [{"id": 1}, {"id": 2}]
    tb("copy", "pause", "hourly")
    tb("copy", "resume", "hourly")
    assert "no schedule" in tb.fails("copy", "pause", "keep")
    assert "not a copy pipe" in tb.fails("copy", "run", "all_things")
