"""The private environment is what requirements.lock says."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

LOCK = Path(__file__).resolve().parents[1] / "requirements.lock"
PIN = re.compile(r"([a-z0-9-]+)==([a-z0-9.]+)( ; sys_platform != \"win32\")?")


def pins() -> dict[str, str]:
    lines = [line for line in LOCK.read_text().splitlines() if not line.startswith("#")]
    matches = [PIN.fullmatch(line) for line in lines]
    assert all(matches), "the lock holds exact pins and nothing else"
    return {match[1]: match[2] for match in matches if match}


def test_every_pin_is_installed() -> None:
    assert {name: version(name) for name in pins()} == pins()


def test_only_what_chdb_does_without_is_missing() -> None:
    check = subprocess.run([sys.executable, "-m", "pip", "check"], capture_output=True, text=True)
    complaints = {line for line in check.stdout.splitlines() if not line.startswith("WARNING")}
    assert complaints == {
        f"chdb-core {pins()['chdb-core']} requires {name}, which is not installed."
        for name in ("pandas", "pyarrow")
    }
