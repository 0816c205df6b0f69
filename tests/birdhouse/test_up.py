"""`birdhouse up` on projects with more than datafiles and rows."""

from __future__ import annotations

from pathlib import Path

from tests.birdhouse.project.projects import datasource, endpoint, merge_tree
from tests.server import Server, Workspace, running

COLUMNS = ["id UInt64", "name String"]
THINGS = datasource(COLUMNS, merge_tree("id"))


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def default(server: Server) -> Workspace:
    return Workspace(server, "Tinybird_Local_Testing", "", server.admin_token)


def test_fixtures_of_each_kind_are_loaded(tmp_path: Path) -> None:
    project = write(
        tmp_path / "project",
        {
            **{f"datasources/{name}.datasource": THINGS for name in ("lines", "table", "query")},
            "fixtures/lines.ndjson": '{"id": 1, "name": "a"}\n',
            "fixtures/table.csv": "id,name\n2,b\n3,c\n",
            "fixtures/query.sql": "SELECT number + 10 AS id, 'n' AS name FROM numbers(3)\n",
        },
    )
    with running(tmp_path / "data", "up", str(project)) as server, default(server).http as http:
        for name, rows in (("lines", 1), ("table", 2), ("query", 3)):
            found = http.get(f"/v0/datasources/{name}").json()["statistics"]["row_count"]
            assert (name, found) == (name, rows)


def test_datafiles_lie_up_to_two_folders_deep(tmp_path: Path) -> None:
    project = write(
        tmp_path / "project",
        {
            "top.datasource": THINGS,
            "a/one.datasource": THINGS,
            "a/b/two.datasource": THINGS,
            "a/b/c/three.datasource": THINGS,
            ".hidden/four.datasource": THINGS,
        },
    )
    with running(tmp_path / "data", "up", str(project)) as server, default(server).http as http:
        names = {d["name"] for d in http.get("/v0/datasources").json()["datasources"]}
        assert names == {"top", "one", "two"}


def test_vendored_projects_are_shared_with_this_one(tmp_path: Path) -> None:
    project = write(
        tmp_path / "project",
        {
            "datasources/own.datasource": THINGS + "SHARED_WITH >\n    partner\n",
            "endpoints/theirs.pipe": endpoint("SELECT name FROM supplier.things"),
            "vendor/supplier/datasources/things.datasource": THINGS
            + "SHARED_WITH >\n    somebody_else\n",
            "vendor/supplier/fixtures/things.ndjson": '{"id": 1, "name": "a"}\n',
        },
    )
    with running(tmp_path / "data", "up", str(project)) as server, default(server).http as http:
        assert http.get("/v0/pipes/theirs.json").json()["data"] == [{"name": "a"}]
        listed = http.get("/v1/user/workspaces").json()["workspaces"]
        assert {"supplier", "partner"} <= {one["name"] for one in listed}


def test_secrets_come_from_env_files(tmp_path: Path) -> None:
    project = write(
        tmp_path / "project",
        {
            "endpoints/e.pipe": endpoint("%\nSELECT {{ tb_secret('word') }} AS word"),
            ".env": "word=one\n",
            ".env.local": "word=two\n",
        },
    )
    with running(tmp_path / "data", "up", str(project)) as server, default(server).http as http:
        assert http.get("/v0/pipes/e.json").json()["data"] == [{"word": "two"}]
