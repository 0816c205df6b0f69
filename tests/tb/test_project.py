"""This project through the official CLI: what a developer types, and what CI runs."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.server import Server
from tests.tb.conftest import PROJECT, Tb

pytestmark = pytest.mark.cli

ENDPOINTS = sorted(path.stem for path in (PROJECT / "endpoints").glob("*.pipe"))


@pytest.fixture
def cloud(server: Server) -> list[str]:
    """The options that CI uses, aimed at a workspace of birdhouse."""
    return ["--cloud", "--host", server.url, "--token", server.admin_token]


def test_local_build_creates_everything_and_then_nothing(tb: Tb) -> None:
    first = tb("--local", "build")
    assert first.returncode == 0, first.stdout
    assert "datasources/events.datasource created" in first.stdout
    for endpoint in ENDPOINTS:
        assert f"endpoints/{endpoint}.pipe created" in first.stdout
    again = tb("--local", "build")
    assert again.returncode == 0, again.stdout
    assert "No changes" in again.stdout


def test_local_test_run_passes_every_endpoint(tb: Tb) -> None:
    ended = tb("--local", "test", "run")
    assert ended.returncode == 0, ended.stdout
    assert f"{len(ENDPOINTS)}/{len(ENDPOINTS)} passed" in ended.stdout
    assert "skipped" not in ended.stdout


def test_local_test_run_fails_on_a_wrong_expectation(tb: Tb, project: Path) -> None:
    path = project / "tests" / "user_activity.yaml"
    path.write_text(path.read_text().replace("user_755", "user_756", 1))
    ended = tb("--local", "test", "run", "user_activity")
    assert ended.returncode != 0
    assert "failed" in ended.stdout


def test_local_deploy_checks_then_deploys_then_has_no_changes(tb: Tb) -> None:
    check = tb("--local", "deploy", "--check")
    assert check.returncode == 0, check.stdout
    assert "get_events" in check.stdout
    deploy = tb("--local", "deploy")
    assert deploy.returncode == 0, deploy.stdout
    assert "is live" in deploy.stdout
    again = tb("--local", "deploy")
    assert again.returncode == 0, again.stdout
    assert "No changes" in again.stdout


def test_cloud_deploy_goes_to_the_named_host(tb: Tb, cloud: list[str], server: Server) -> None:
    check = tb(*cloud, "deploy", "--check")
    assert check.returncode == 0, check.stdout
    deploy = tb(*cloud, "deploy")
    assert deploy.returncode == 0, deploy.stdout
    with server.client() as http:
        pipes = {pipe["name"] for pipe in http.get("/v0/pipes").json()["pipes"]}
    assert set(ENDPOINTS) <= pipes


def test_a_broken_file_fails_the_deploy_with_its_name(tb: Tb, project: Path) -> None:
    (project / "endpoints" / "get_events.pipe").write_text(
        "NODE a\nSQL >\n    select nope from x\n"
    )
    ended = tb("--local", "deploy")
    assert ended.returncode != 0
    assert "get_events.pipe" in ended.stdout
