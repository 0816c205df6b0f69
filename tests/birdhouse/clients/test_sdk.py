"""tinybird-sdk, Tinybird's own client for Python."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from tests.server import Workspace

PROGRAM = Path(__file__).with_name("use_sdk.py")


@pytest.mark.slow
def test_every_method_of_the_client(sdk_python: Path, filled: Workspace) -> None:
    command = [str(sdk_python), str(PROGRAM), filled.server.url, filled.token]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert [row["id"] for row in found["query"]] == [1, 4]
    assert found["list"] == ["x", "y"]
    assert found["left out"] == 1
    assert found["sql"] == [{"c": 90}]
    assert found["ingest"] == {"successful_rows": 1, "quarantined_rows": 0}
    assert found["ingest batch"] == {"successful_rows": 2, "quarantined_rows": 0}
    assert found["append"] is False
    assert [row["path"] for row in found["pages"]] == ["/file", "/home", "/sdk"]
    assert found["delete"] == "done"
    assert found["after truncate"] == [{"c": 0}]
    assert [row["tenant"] for row in found["jwt"]] == ["ant"]
    assert found["error"] == [404, "The pipe 'nope' does not exist"]
