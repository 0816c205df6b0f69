"""The `birdhouse` command: what it prints, when it is ready, and how it fails."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from tests.server import Server, running

DATASOURCE = "SCHEMA >\n    id String `json:$.id`,\n    n Int32 `json:$.n`\n\nENGINE MergeTree\n"
ENDPOINT = "NODE rows\nSQL >\n    select id, n from things order by id\n\nTYPE endpoint\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project with a fixture."""
    files = {
        "datasources/things.datasource": DATASOURCE,
        "endpoints/all_things.pipe": ENDPOINT,
        "fixtures/things.ndjson": '{"id": "a", "n": 1}\n{"id": "b", "n": 2}\n',
    }
    for name, text in files.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "project"


def birdhouse(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "birdhouse", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def things(server: Server) -> list[dict[str, object]]:
    with server.client() as http:
        data: list[dict[str, object]] = http.get("/v0/pipes/all_things.json").json()["data"]
        return data


def test_up_is_ready_with_project_and_fixtures(project: Path, tmp_path: Path) -> None:
    with running(tmp_path / "data", "up", str(project)) as server:
        assert httpx.get(f"{server.url}/v0/health").status_code == 200
        assert things(server) == [{"id": "a", "n": 1}, {"id": "b", "n": 2}]


def test_fixtures_fill_only_empty_tables(project: Path, tmp_path: Path) -> None:
    for _ in range(2):
        with running(tmp_path / "data", "up", str(project)) as server:
            assert len(things(server)) == 2


def test_no_fixtures_leaves_the_tables_empty(project: Path, tmp_path: Path) -> None:
    with running(tmp_path / "data", "up", str(project), "--no-fixtures") as server:
        assert things(server) == []


def test_serve_keeps_what_up_deployed_and_its_tokens(project: Path, tmp_path: Path) -> None:
    with running(tmp_path / "data", "up", str(project)) as server:
        token = server.admin_token
    with running(tmp_path / "data", "serve") as server:
        assert server.admin_token == token
        assert len(things(server)) == 2


def test_rows_survive_a_kill(project: Path, tmp_path: Path) -> None:
    with running(tmp_path / "data", "up", str(project), "--no-fixtures") as server:
        with server.client() as http:
            sent = http.post("/v0/events?name=things", content='{"id": "x", "n": 3}')
        assert sent.status_code == 202
        server.kill()
    with running(tmp_path / "data", "serve") as server:
        assert things(server) == [{"id": "x", "n": 3}]


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (DATASOURCE.replace("Int32", "Foo"), ["Unknown data type family: Foo", "Line 3"]),
        (DATASOURCE.replace("n Int32", "n"), ["Line 3"]),
    ],
)
def test_a_broken_project_says_file_line_and_reason(
    project: Path, tmp_path: Path, broken: str, said: list[str]
) -> None:
    (project / "datasources/things.datasource").write_text(broken)
    ended = birdhouse("up", str(project), "--port", "0", "--data-dir", str(tmp_path / "data"))
    assert ended.returncode == 1
    for text in ["datasources/things.datasource", *said]:
        assert text in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_pipe_that_reads_nothing_known_is_refused(project: Path, tmp_path: Path) -> None:
    (project / "endpoints/all_things.pipe").write_text(ENDPOINT.replace("things", "thinks"))
    ended = birdhouse("up", str(project), "--port", "0", "--data-dir", str(tmp_path / "data"))
    assert ended.returncode == 1
    assert "endpoints/all_things.pipe" in ended.stderr
    assert "Resource 'thinks' not found" in ended.stderr


def test_a_folder_without_datafiles_is_refused(tmp_path: Path) -> None:
    ended = birdhouse("up", str(tmp_path), "--port", "0", "--data-dir", str(tmp_path / "data"))
    assert ended.returncode == 1
    assert "No .datasource or .pipe file" in ended.stderr


def test_a_port_in_use_is_named(server: Server, tmp_path: Path) -> None:
    port = str(server.port)
    ended = birdhouse("serve", "--port", port, "--data-dir", str(tmp_path / "data"))
    assert ended.returncode == 1
    assert f"Port {port}" in ended.stderr
    assert "--port" in ended.stderr


def test_a_data_dir_in_use_is_named(server: Server) -> None:
    ended = birdhouse("serve", "--port", "0", "--data-dir", str(server.data_dir))
    assert ended.returncode == 1
    assert str(server.data_dir) in ended.stderr
    assert "--data-dir" in ended.stderr


def test_env_without_a_data_dir_says_what_to_do(tmp_path: Path) -> None:
    ended = birdhouse("env", "--data-dir", str(tmp_path / "none"))
    assert ended.returncode == 1
    assert "start birdhouse first" in ended.stderr


def test_env_prints_what_a_shell_needs(server: Server) -> None:
    ended = birdhouse("env", "--port", "7999", "--data-dir", str(server.data_dir))
    lines = dict(line.removeprefix("export ").split("=", 1) for line in ended.stdout.splitlines())
    assert lines["TB_HOST"] == "http://localhost:7999"
    assert lines["TB_TOKEN"] == lines["TB_ADMIN_TOKEN"] == server.admin_token
    assert (lines["TB_LOCAL_HOST"], lines["TB_LOCAL_PORT"]) == ("localhost", "7999")
