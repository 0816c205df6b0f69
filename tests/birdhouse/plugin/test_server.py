"""One server a run: shared by the processes of pytest-xdist, gone when the last of them is."""

from __future__ import annotations

from tests.birdhouse.plugin.conftest import Suite

RECORDED = """
import os, pathlib

@pytest.mark.parametrize("number", range(6))
def test_it(tinybird, number):
    assert tinybird.sql("select count() as n from visits") == [{"n": 0}]
    tinybird.ingest("visits", [{"page": "/", "at": "2025-05-01 10:00:00", "seconds": 1}])
    assert tinybird.endpoint("top_pages") == [{"page": "/", "visits": 1}]
    line = f"{os.environ.get('PYTEST_XDIST_WORKER')} {tinybird.url} {tinybird.workspace}\\n"
    with pathlib.Path("seen").open("a") as file:
        file.write(line)
"""


def test_the_workers_share_a_server_and_have_workspaces_of_their_own(suite: Suite) -> None:
    ended = suite.run(RECORDED, "-n", "2", "--dist", "load")
    assert (ended.code, ended.passed) == (0, 6), ended.output
    lines = [line.split() for line in (suite.folder / "seen").read_text().splitlines()]
    workers = {worker for worker, _, _ in lines}
    assert workers == {"gw0", "gw1"}
    assert len({url for _, url, _ in lines}) == 1
    assert len({(worker, workspace) for worker, _, workspace in lines}) == 2
    assert len({workspace for _, _, workspace in lines}) == 2
    suite.wait_for_the_server_to_end()


def test_the_server_ends_with_the_run_and_leaves_no_data(suite: Suite) -> None:
    ended = suite.run(RECORDED)
    assert (ended.code, ended.passed) == (0, 6), ended.output
    suite.wait_for_the_server_to_end()
    assert not (suite.basetemp / "tinybird" / "data").exists()
    assert (suite.basetemp / "tinybird" / "log").read_text() == ""


def test_the_server_ends_when_the_run_is_killed(suite: Suite) -> None:
    process = suite.start(
        """
import signal

def test_it(tinybird):
    print("it uses the server", flush=True)
    signal.pause()
""",
        "-s",
    )
    assert process.stdout is not None
    assert any("it uses the server" in line for line in process.stdout)
    process.kill()
    process.communicate()
    suite.wait_for_the_server_to_end()


def test_a_server_that_cannot_start_fails_the_test_with_what_it_said(suite: Suite) -> None:
    ended = suite.run(
        """
@pytest.fixture(scope="session", autouse=True)
def unusable(tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "tinybird"
    folder.mkdir()
    (folder / "data").write_text("not a folder")

def test_it(tinybird):
    pass
"""
    )
    assert (ended.code, ended.error) == (1, 1), ended.output
    assert "birdhouse did not start" in ended.output
