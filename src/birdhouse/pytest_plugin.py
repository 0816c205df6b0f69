"""The pytest plugin: a `tinybird` fixture that gives a test a workspace of its own.

Whoever has birdhouse installed loads this module with every run of pytest, so it imports nothing
that a run without the fixture does not need.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from birdhouse.testing import Tinybird
    from birdhouse.testing.workspaces import Workspaces

_PROJECT = "tinybird_project"
_MARKERS = (
    "tinybird(project): the folder of the Tinybird project that the test is about",
    "frozen_data: the `tinybird` fixture holds the rows of the project's fixtures, to read only",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    text = "Folder of the Tinybird project, relative to the root of the tests (default: the root)"
    parser.addini(_PROJECT, text, default=".")


def pytest_configure(config: pytest.Config) -> None:
    for marker in _MARKERS:
        config.addinivalue_line("markers", marker)


@pytest.fixture(scope="session")
def _tinybird_workspaces(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspaces]:
    import httpx

    from birdhouse.testing.hosts import HostError, named_host
    from birdhouse.testing.server import shared_server
    from birdhouse.testing.workspaces import Workspaces

    elsewhere = os.environ.get("TB_HOST", "")
    with ExitStack() as stack:
        http = stack.enter_context(httpx.Client(timeout=120))
        with _failing(HostError):
            url = elsewhere or stack.enter_context(shared_server(_run_folder(tmp_path_factory)))
            host = named_host(http, url, os.environ.get("TB_TOKEN", ""))
        workspaces = Workspaces(host, counts_are_exact=not elsewhere)
        if elsewhere:  # of a server of our own nothing stays anyway
            stack.callback(workspaces.close)
        yield workspaces


@pytest.fixture
def tinybird(
    request: pytest.FixtureRequest, _tinybird_workspaces: Workspaces
) -> Iterator[Tinybird]:
    """A workspace with the project deployed and no rows, for this test alone.

    With the marker `frozen_data` one with the rows of the project's fixtures, which other tests
    read too and none can change.
    """
    from birdhouse.errors import ProjectError
    from birdhouse.testing.client import Refused
    from birdhouse.testing.hosts import HostError

    with ExitStack() as stack:
        with _failing(HostError, ProjectError, Refused):
            project = _project(request)
            if request.node.get_closest_marker("frozen_data"):
                found = _tinybird_workspaces.frozen(project)
            else:
                found = stack.enter_context(_tinybird_workspaces.lend(project))
        yield found


@pytest.fixture(scope="session")
def tinybird_session(
    request: pytest.FixtureRequest, _tinybird_workspaces: Workspaces
) -> Iterator[Tinybird]:
    """One workspace for every test that asks, with the project of the ini file and no rows at
    first: for tests that keep to ids of their own."""
    from birdhouse.errors import ProjectError
    from birdhouse.testing.client import Refused
    from birdhouse.testing.hosts import HostError

    with ExitStack() as stack:
        with _failing(HostError, ProjectError, Refused):
            project = Path(request.config.rootpath, request.config.getini(_PROJECT)).resolve()
            found = stack.enter_context(_tinybird_workspaces.lend(project))
        yield found


@contextmanager
def _failing(*errors: type[Exception]) -> Iterator[None]:
    """Fail the test with the message of an error that needs no traceback."""
    try:
        yield
    except errors as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


def _run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the processes of a run have in common."""
    folder = tmp_path_factory.getbasetemp()
    return (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "tinybird"


def _project(request: pytest.FixtureRequest) -> Path:
    """The project's folder: what the nearest marker says, or else the ini file."""
    folder: str = request.config.getini(_PROJECT)
    marker = request.node.get_closest_marker("tinybird")
    if marker is not None:
        folder = str(marker.kwargs.get("project", folder))
    return Path(request.config.rootpath, folder).resolve()


def pytest_assertrepr_compare(
    config: pytest.Config, op: str, left: object, right: object
) -> list[str] | None:
    """Say in which rows and columns an answer differs from what the test expects."""
    rows = sys.modules.get("birdhouse.testing.rows")
    if rows is None or op != "==" or not (isinstance(left, list) and isinstance(right, list)):
        return None
    if isinstance(left, rows.Rows):
        found, expected = left, right
    elif isinstance(right, rows.Rows):
        found, expected = right, left
    else:
        return None
    title = f"{found.source}: {len(found)} rows, {len(expected)} expected"
    whole = config.get_verbosity() > 1
    return [title, *rows.differences(found, expected, whole=whole)]
