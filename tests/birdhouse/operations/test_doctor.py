"""`birdhouse doctor`: what it finds, what it advises, and how it ends."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.server import Server

from birdhouse import doctor


def examine(
    *arguments: object, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "birdhouse", "doctor", *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, **(environment or {})},
    )


def finding(ended: subprocess.CompletedProcess[str], text: str) -> tuple[str, str]:
    """The level of the finding with that text, and the line after it."""
    lines = ended.stdout.splitlines()
    number = next(n for n, line in enumerate(lines) if text in line)
    return lines[number].split()[0], "".join(lines[number + 1 : number + 2]).strip()


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_sound_setup_ends_well(tmp_path: Path, free_port: int) -> None:
    folder = str(Path(sys.executable).parent)
    path = {"PATH": f"{folder}:{os.environ['PATH']}"}
    ended = examine("--port", free_port, "--data-dir", tmp_path / "data", environment=path)
    assert ended.returncode == 0, ended.stdout
    for text in ("Python 3.", "ClickHouse starts", f"tb {doctor.CLI}", f"Port {free_port} is free"):
        assert finding(ended, text)[0] == "ok"
    assert not (tmp_path / "data").exists()


def test_a_running_server_is_no_problem(server: Server) -> None:
    ended = examine("--port", server.port, "--data-dir", server.data_dir)
    assert ended.returncode == 0, ended.stdout
    assert finding(ended, f"process {server.process.pid}, ")[0] == "ok"
    assert finding(ended, f"Port {server.port} is that of the birdhouse on")[0] == "ok"


def test_a_port_in_use_by_another_birdhouse(server: Server, tmp_path: Path) -> None:
    ended = examine("--port", server.port, "--data-dir", tmp_path / "data")
    assert ended.returncode == 1
    level, advice = finding(ended, f"Port {server.port} is in use by another birdhouse")
    assert level == "problem"
    assert "--port" in advice


def test_a_port_in_use_by_another_program(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        ended = examine("--port", port, "--data-dir", tmp_path / "data")
    assert ended.returncode == 1
    assert finding(ended, f"Port {port} is in use by another program")[0] == "problem"


def test_a_restore_that_was_cut_off(tmp_path: Path, free_port: int) -> None:
    (tmp_path / "restoring").mkdir()
    ended = examine("--port", free_port, "--data-dir", tmp_path)
    assert ended.returncode == 1
    assert finding(ended, "was cut off") == ("problem", "Delete the folder and restore again")


def test_batches_set_aside_are_a_warning(tmp_path: Path, free_port: int) -> None:
    (tmp_path / "ingest").mkdir()
    (tmp_path / "ingest" / "1.failed").write_text("{}")
    ended = examine("--port", free_port, "--data-dir", tmp_path)
    assert ended.returncode == 0
    assert finding(ended, "1 batches of rows")[0] == "warning"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_data_dir_that_is_not_writable(tmp_path: Path, free_port: int) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    ended = examine("--port", free_port, "--data-dir", tmp_path)
    assert ended.returncode == 1
    assert finding(ended, "is not writable")[0] == "problem"


def test_another_command_line(tmp_path: Path, free_port: int) -> None:
    other = tmp_path / "bin" / "tb"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\necho 'tb, version 4.6.9 (rev abc)'\n")
    other.chmod(0o755)
    path = {"PATH": f"{other.parent}:{os.environ['PATH']}"}
    ended = examine("--port", free_port, "--data-dir", tmp_path / "data", environment=path)
    level, advice = finding(ended, "tb is 4.6.9")
    assert level == "warning"
    assert f"tinybird=={doctor.CLI}" in advice


def test_no_command_line(tmp_path: Path, free_port: int) -> None:
    path = {"PATH": str(tmp_path)}
    ended = examine("--port", free_port, "--data-dir", tmp_path / "data", environment=path)
    assert finding(ended, "no tb command on the PATH")[0] == "warning"


class TestLooks:
    """What cannot be had on this machine stands in for it."""

    def test_the_wrong_python(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "version_info", (3, 14, 0))
        found = doctor._python()
        assert (found.level, "3.13" in found.advice) == ("problem", True)

    @pytest.mark.parametrize(
        ("requirement", "said"),
        [
            ("msgspec>=0.19", ""),
            ("no-such-package>=1", "The package no-such-package is missing"),
            ("msgspec==0.0.1", "The package msgspec is "),
            ("uvloop>=0.21; sys_platform != 'win32'", ""),
        ],
    )
    def test_a_package(self, requirement: str, said: str) -> None:
        found = doctor._package(requirement)
        assert found.startswith(said)
        assert bool(found) == bool(said)

    def test_an_engine_that_does_not_start(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor, "_TRY_ENGINE", "raise SystemExit('Illegal instruction')")
        found = doctor._engine()
        assert found.level == "problem"
        assert "Illegal instruction" in found.text

    @pytest.mark.parametrize(
        ("free", "level"), [(10**12, "ok"), (10**8, "warning"), (1, "problem")]
    )
    def test_the_disk(
        self, free: int, level: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free))
        assert next(doctor._machine(tmp_path)).level == level
