"""A run of all tests keeps what it ran, and fails when docs/coverage.md says something else."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from tests import record, skipping

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
    if folder is None or exitstatus != pytest.ExitCode.OK:
        return
    if _left_out(session.config, skipping.NO_INDEX, skipping.NO_BROWSER):
        return  # less was run
    import coverage

    if not coverage.TARGET.exists() or coverage.TARGET.read_text() != coverage.table(folder):
        session.config.stash[_OUTDATED] = True
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _left_out(config: pytest.Config, *reasons: str) -> int:
    """How many tests were skipped for one of these reasons."""
    skipped = config.pluginmanager.getplugin("terminalreporter").stats.get("skipped", ())
    whys = [str(report.longrepr) for report in skipped]
    return sum(any(reason in why for reason in reasons) for why in whys)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    unseen = _left_out(terminalreporter.config, skipping.NO_BROWSER)
    if unseen:
        terminalreporter.section("NOT TESTED IN A BROWSER", "!", red=True, bold=True)
        terminalreporter.write_line(
            f"{unseen} tests of the pages were left out: {skipping.NO_BROWSER}", red=True
        )
    if terminalreporter.config.stash.get(_OUTDATED, False):
        terminalreporter.write_line("docs/coverage.md is out of date: run make coverage", red=True)


def pytest_unconfigure(config: pytest.Config) -> None:
    folder = config.stash.get(_OURS, None)
    if folder is not None:
        shutil.rmtree(folder)
        del os.environ[record.FOLDER]
