"""scripts/seed.py fills this project on a birdhouse, and nothing of what it sends is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.scripts.conftest import ROOT, Run
from tests.server import Server, running


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    data_dir: Path = tmp_path_factory.mktemp("seed") / "data"
    with running(data_dir, "up", str(ROOT), "--no-fixtures") as server:
        yield server


@pytest.mark.parametrize("datasource", ["events", "user_sessions"])
def test_every_row_that_is_sent_is_there(server: Server, run: Run, datasource: str) -> None:
    with server.client() as http:
        tokens = http.get("/v0/tokens").json()["tokens"]
        append = next(token["token"] for token in tokens if token["name"] == "ingest")
        environment = {"TB_HOST": server.url, "TB_APPEND_TOKEN": append}
        ended = run("seed.py", "--rows", "5000", "--datasource", datasource, env=environment)
        assert ended.returncode == 0, ended.stderr
        counted = http.get("/v0/sql", params={"q": f"select count() as n from {datasource}"})
    assert counted.json()["data"] == [{"n": 5000}]


def test_a_token_that_may_not_append_ends_it_with_an_error(server: Server, run: Run) -> None:
    environment = {"TB_HOST": server.url, "TB_TOKEN": "p.wrong.token"}
    ended = run("seed.py", "--rows", "10", env=environment)
    assert ended.returncode == 1
    assert "403" in ended.stdout + ended.stderr
