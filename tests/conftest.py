"""A run of all tests keeps what it ran, and fails when docs/coverage.md says something else."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from tests import record

_OURS = pytest.StashKey[Path]()
_OUTDATED = pytest.StashKey[bool]()


def _is_whole(config: pytest.Config) -> bool:
    """Whether every test is asked for."""
    chosen = (config.option.keyword, config.option.markexpr, config.option.deselect)
    by_default = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    return by_default and not any(chosen) and not config.option.collectonly


def pytest_configure(config: pytest.Config) -> None:
    if record.FOLDER not in os.environ and _is_whole(config):
        folder = Path(tempfile.mkdtemp(prefix="birdhouse-record-"))
        os.environ[record.FOLDER] = str(folder)  # the processes that pytest-xdist starts see it
        config.stash[_OURS] = folder


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    folder = session.config.stash.get(_OURS, None)
    if folder is None or exitstatus != pytest.ExitCode.OK or _left_out(session.config):
        return
    import coverage

    if not coverage.TARGET.exists() or coverage.TARGET.read_text() != coverage.table(folder):
        session.config.stash[_OUTDATED] = True
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _left_out(config: pytest.Config) -> bool:
    """Whether clients from the package index could not be had, so that less was run."""
    skipped = config.pluginmanager.getplugin("terminalreporter").stats.get("skipped", ())
    return any("package index" in str(report.longrepr) for report in skipped)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if terminalreporter.config.stash.get(_OUTDATED, False):
        terminalreporter.write_line("docs/coverage.md is out of date: run make coverage", red=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(_OURS, None)
    if folder is not None:
        shutil.rmtree(folder)
        del os.environ[record.FOLDER]
