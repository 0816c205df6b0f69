"""The pages in docs/ say what is so: their commands are run, their links and names looked up.

A block marked `sh` is run as it stands, in the order of the page, with the project up; one marked
`json` or `text` right after it is its output. A block marked `shell` is only shown.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import httpx
import pytest
from tests.server import Server, running

from birdhouse.cli import main

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
GUIDES = [DOCS / name for name in ("running.md", "operations.md", "tracker.md")]
TEXTS = [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
END = "--- end of block ---"


class Step(NamedTuple):
    """A block to run, and what it prints, if the page says so."""

    commands: str
    output: str | None


def steps(page: Path) -> list[Step]:
    text = page.read_text()
    blocks = list(BLOCK.finditer(text))
    found = []
    for number, block in enumerate(blocks):
        if block[1] != "sh":
            continue
        following = blocks[number + 1 : number + 2]
        adjacent = following and not text[block.end() : following[0].start()].strip()
        shown = adjacent and following[0][1] in ("json", "text")
        found.append(Step(block[2], following[0][2] if shown else None))
    return found


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of the data project, with a data dir where `birdhouse` looks for one."""
    folder = tmp_path / "project"
    skipped = shutil.ignore_patterns(".*", "__pycache__", "src", "tests", "bench", "docs")
    shutil.copytree(ROOT, folder, ignore=skipped)
    return folder


@pytest.fixture
def server(project: Path) -> Iterator[Server]:
    with running(project / ".birdhouse", "up", str(project)) as server:
        yield server


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A shell's, with the commands of this environment on its PATH."""
    folder = tmp_path_factory.mktemp("bin")
    command = folder / "birdhouse"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m birdhouse "$@"\n')
    command.chmod(0o755)
    path = f"{folder}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    others = {name: value for name, value in os.environ.items() if not name.startswith("TB_")}
    return {**others, "PATH": path, "TB_CLI_TELEMETRY_OPTOUT": "1"}


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
@pytest.mark.usefixtures("server")
def test_the_commands_of_a_page_do_what_it_says(
    page: Path, project: Path, environment: dict[str, str]
) -> None:
    found = steps(page)
    assert found
    script = "set -e\n" + "".join(f"{step.commands}echo '\n{END}'\n" for step in found)
    ended = subprocess.run(
        ["sh", "-c", script], cwd=project, env=environment, capture_output=True, text=True
    )
    outputs = ended.stdout.split(f"\n{END}\n")
    assert ended.returncode == 0, f"{ended.stdout}\n{ended.stderr}"
    for step, output in zip(found, outputs, strict=False):
        if step.output is not None:
            assert output.strip() == step.output.strip()


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    text = BLOCK.sub("", page.read_text())
    for link in LINK.findall(text):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name} links to {link}"
        if anchor:
            assert anchor in anchors(target), f"{page.name} links to {link}"


def test_the_index_has_every_page() -> None:
    linked = set(LINK.findall((DOCS / "README.md").read_text()))
    missing = {page.name for page in PAGES if page.name != "README.md"} - linked
    assert not missing, "docs/README.md has a line for each page"


def test_every_command_and_option_is_in_the_docs() -> None:
    text = "\n".join(page.read_text() for page in TEXTS)
    for name, command in main.commands.items():
        assert f"birdhouse {name}" in text
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.opts[0] in text, f"birdhouse {name} {parameter.opts[0]}"


def test_every_metric_is_in_the_docs(server: Server) -> None:
    text = (DOCS / "operations.md").read_text()
    names = re.findall(r"^# TYPE (birdhouse_\w+) ", httpx.get(f"{server.url}/metrics").text, re.M)
    assert names
    for name in names:
        assert f"`{name}" in text


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: page.name)
def test_tasks_of_make_exist(page: Path) -> None:
    tasks = set(re.findall(r"^([a-z]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE))
    assert named <= tasks


def test_commands_of_the_cli_exist() -> None:
    """Those of the page on deploying, which no test can run against the real service."""
    shown = "".join(block[2] for block in BLOCK.finditer((DOCS / "deploying.md").read_text()))
    lines = {tuple(line.split()) for line in re.findall(r"^tb ([^#\n]+)", shown, re.MULTILINE)}
    assert lines
    program = """
import json, sys
import click
from tinybird.tb.cli import cli

for words in json.loads(sys.argv[1]):
    command = cli
    options = set()
    for word in words:
        options |= {name for found in command.params for name in found.opts + found.secondary_opts}
        if word.startswith("--"):
            assert word in options, (words, word)
        elif isinstance(command, click.Group):
            command = command.commands[word]
"""
    command = [sys.executable, "-c", program, json.dumps(sorted(lines))]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
