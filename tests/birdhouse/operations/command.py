"""The `birdhouse` command, run to its end."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def birdhouse(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "birdhouse", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def succeed(*arguments: object) -> str:
    """What it printed. Fails when it did not end well."""
    ended = birdhouse(*arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def fail(*arguments: object) -> str:
    """What it complained about. Fails when it ended well, or with a traceback."""
    ended = birdhouse(*arguments)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr


def python(program: str, *arguments: object) -> list[Any]:
    """What a program prints, a JSON value a line. For what wants an engine of its own."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]
