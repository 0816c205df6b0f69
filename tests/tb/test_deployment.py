"""`tb build`, `tb deploy`, `tb deployment` and `tb dev`."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue

import pytest
from tests import record
from tests.server import Workspace
from tests.tb.cli import COMMAND, Cli
from tests.tb.projects import ENDPOINT, THINGS, write

pytestmark = pytest.mark.cli

PATIENCE = 45.0
"""Seconds in which `tb dev` has to say what it is waited for."""
TWICE = ENDPOINT.replace("select id, n", "select id, n * 2 as n")


def answered(workspace: Workspace) -> list[dict[str, object]]:
    data: list[dict[str, object]] = workspace.http.get("/v0/pipes/all_things.json").json()["data"]
    return data


@pytest.fixture
def changed(cloud: Cli) -> Cli:
    """The CLI in a folder with a changed endpoint."""
    write(cloud.folder, {"endpoints/all_things.pipe": TWICE})
    return cloud


def test_build_makes_the_folder_live(local: Cli, small: Workspace) -> None:
    assert "No changes" in local("build")
    write(local.folder, {"endpoints/all_things.pipe": TWICE})
    assert "endpoints/all_things.pipe changed" in local("build")
    assert answered(small) == [{"id": "a", "n": 2}, {"id": "b", "n": 4}]


def test_build_is_the_clis_to_refuse_in_the_cloud(cloud: Cli) -> None:
    for command in ("build", "dev"):
        cloud.refused(command, because="only supported in Tinybird Local")


def test_deploy_checks_and_deploys(cli: Cli, small: Workspace) -> None:
    write(cli.folder, {"endpoints/all_things.pipe": TWICE})
    assert "all_things" in cli("deploy", "--check")
    assert answered(small)[0] == {"id": "a", "n": 1}
    assert "is live" in cli("deploy")
    assert answered(small)[0] == {"id": "a", "n": 2}
    assert "No changes" in cli("deploy")


def test_a_deployment_waits_for_its_promotion(changed: Cli, small: Workspace) -> None:
    changed("deployment", "create", "--wait")
    assert "Staging" in changed("deployment", "ls")
    assert answered(small)[0] == {"id": "a", "n": 1}
    changed("deployment", "promote", "--wait")
    assert "Staging" not in changed("deployment", "ls")
    assert answered(small)[0] == {"id": "a", "n": 2}


def test_a_deployment_can_be_read_before_its_promotion(changed: Cli) -> None:
    changed("deployment", "create", "--wait")
    staging = changed.run("--staging", "endpoint", "data", "all_things", "--format", "csv")
    assert staging.stdout.split() == ['"id","n"', '"a",2', '"b",4']


def test_a_deployment_can_be_discarded(changed: Cli, small: Workspace) -> None:
    changed("deployment", "create", "--wait")
    changed("deployment", "discard", "--wait")
    assert "Staging" not in changed("deployment", "ls")
    assert "Deleted" in changed("deployment", "ls", "--include-deleted")
    assert answered(small)[0] == {"id": "a", "n": 1}


def test_promote_and_discard_need_a_second_deployment(cloud: Cli) -> None:
    assert "Only one deployment found" in cloud.fails("deployment", "promote")
    assert "Only one deployment found" in cloud.run("deployment", "discard").stdout


def test_a_removed_data_source_needs_consent(cli: Cli, small: Workspace) -> None:
    (cli.folder / "copies" / "take_snapshot.pipe").unlink()
    (cli.folder / "datasources" / "snapshot.datasource").unlink()
    cli.fails("deploy")
    assert small.http.get("/v0/datasources/snapshot").status_code == 200
    cli("deploy", "--allow-destructive-operations")
    assert small.http.get("/v0/datasources/snapshot").status_code == 404


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("datasources/things.datasource", THINGS.replace("Int32", "Foo"), "Foo"),
        ("datasources/things.datasource", "SCHEMA >\n    `id`\n", "things.datasource"),
        ("endpoints/all_things.pipe", ENDPOINT.replace("from things", "from thinks"), "thinks"),
        ("endpoints/all_things.pipe", ENDPOINT.replace("select", "selekt"), "selekt"),
        ("endpoints/all_things.pipe", ENDPOINT.replace("}}", "}"), "all_things.pipe"),
        ("copies/take_snapshot.pipe", "NODE a\nSQL >\n    select 1\n\nTYPE copy\n", "target"),
    ],
)
def test_a_broken_file_is_named_and_changes_nothing(
    cli: Cli, small: Workspace, file: str, text: str, said: str
) -> None:
    write(cli.folder, {file: text})
    commands = [("build",), ("deploy",)] if cli.mode == "local" else [("deploy",)]
    for command in commands:
        printed = cli.fails(*command)
        assert Path(file).name in printed
        assert said in printed
    assert answered(small)[0] == {"id": "a", "n": 1}


def test_an_empty_folder_changes_nothing(empty: Cli) -> None:
    if empty.mode == "local":
        assert "No changes" in empty("build")
    for command in (("deploy",), ("deploy", "--check"), ("deployment", "create")):
        assert "The request has no datafile" in empty.fails(*command)


class Dev:
    """A running `tb dev`."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        self._lines = process.stdout
        self._printed: Queue[str] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        for line in self._lines:
            self._printed.put(line)

    def prints(self, text: str, again: Callable[[], object] = lambda: None) -> None:
        """Wait for the text, and do something again for each second without a line."""
        printed = ""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            try:
                printed += self._printed.get(timeout=1)
            except Empty:
                again()
            if text in printed:
                return
        pytest.fail(f"tb dev does not print {text!r}, but:\n{printed}")


@contextmanager
def developing(cli: Cli) -> Iterator[Dev]:
    """`tb dev` until the block ends; it is killed when it does not end by itself."""
    with subprocess.Popen(
        [COMMAND, *cli.options, "dev"],
        cwd=cli.folder,
        env={**cli.environment, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield Dev(process)
        finally:
            process.terminate()
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()


def test_dev_rebuilds_what_changes(local: Cli, small: Workspace) -> None:
    def change() -> None:
        # It begins to watch a moment after it has said so.
        write(local.folder, {"endpoints/all_things.pipe": TWICE})

    with developing(local) as dev:
        dev.prints("Watching for changes")
        change()
        dev.prints("Rebuild completed", change)
    assert answered(small)[0] == {"id": "a", "n": 2}
    record.keep_command("dev", "local", "works")


def test_dev_loads_a_fixture_again_when_it_changes(local: Cli, small: Workspace) -> None:
    def rows() -> list[str]:
        return [str(row["id"]) for row in answered(small)]

    fixture = {"fixtures/things.ndjson": '{"id": "x", "n": 1}\n{"id": "y", "n": 2}\n'}
    with developing(local) as dev:
        dev.prints("Watching for changes")
        write(local.folder, fixture)
        dev.prints("Rebuild completed", lambda: write(local.folder, fixture))
    assert rows() == ["x", "y"]
