"""The commands of the README and of the catalogue, typed as written, answer what is printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.server import running

PROJECT = Path(__file__).resolve().parents[1]
CATALOGUE = PROJECT / "docs" / "endpoints.md"
EXAMPLE = re.compile(r"```sh\n(curl .*?)```\n\n```json\n(.*?)```", re.DOTALL)
EXAMPLES = [
    example
    for page in (PROJECT / "README.md", CATALOGUE)
    for example in EXAMPLE.findall(page.read_text())
]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What a shell has after `eval "$(birdhouse env)"`, beside a birdhouse with this project."""
    data_dir = tmp_path_factory.mktemp("readme") / "data"
    with running(data_dir, "up", str(PROJECT)) as server:
        command = [sys.executable, "-m", "birdhouse", "env"]
        command += ["--port", str(server.port), "--data-dir", str(data_dir)]
        exports = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        shell = ["sh", "-c", f"{exports}\nexec env"]
        printed = subprocess.run(shell, capture_output=True, text=True, check=True).stdout
        names = dict(line.partition("=")[::2] for line in printed.splitlines())
        yield {**os.environ, **{k: v for k, v in names.items() if k.startswith("TB_")}}


def test_each_endpoint_has_an_example_and_a_place_in_the_catalogue() -> None:
    shown = "".join(command for command, _ in EXAMPLES)
    titles = CATALOGUE.read_text()
    for path in (PROJECT / "endpoints").glob("*.pipe"):
        assert f"/{path.stem}.ndjson" in shown
        assert f"`{path.stem}`" in titles or f"### {path.stem}\n" in titles


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize(("command", "expected"), EXAMPLES)
def test_an_example_answers_what_is_printed(
    command: str, expected: str, environment: dict[str, str]
) -> None:
    shell = ["sh", "-c", command.replace("curl ", "curl -s ", 1)]
    found = subprocess.run(shell, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == expected.strip()
