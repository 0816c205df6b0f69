"""What the tests really ran: commands of the CLI, and requests that reached a birdhouse.

scripts/coverage.py makes docs/coverage.md of it. Nothing is kept unless the environment names a
folder; tests/conftest.py does for a run of all tests.
"""

from __future__ import annotations

import json
import os
import uuid
from pathlib import Path

FOLDER = "BIRDHOUSE_TEST_RECORD"


def _folder() -> Path | None:
    found = os.environ.get(FOLDER)
    return Path(found) if found else None


def keep_command(command: str, mode: str, outcome: str, text: str = "") -> None:
    """Keep that a command of the CLI `works`, is `refused` (why), or `lacks` something (what)."""
    folder = _folder()
    if folder is not None:
        line = {"command": command, "mode": mode, "outcome": outcome, "text": text}
        with (folder / f"commands-{os.getpid()}.ndjson").open("a") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def keep_requests(log: Path) -> None:
    """Keep the requests that the log of a birdhouse has."""
    folder = _folder()
    if folder is not None:
        lines = (line for line in log.read_text().splitlines(keepends=True) if '"status":' in line)
        (folder / f"requests-{uuid.uuid4().hex}.ndjson").write_text("".join(lines))
