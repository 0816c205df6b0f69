"""One birdhouse without a project, shared by the tests of the runtime."""

from __future__ import annotations

import os
from collections.abc import Iterator

import httpx
import pytest
from tests.birdhouse.reading import fill
from tests.server import Server, Workspace, running

os.environ |= {"TB_CLI_TELEMETRY_OPTOUT": "1", "TB_VERSION_WARNING": "0"}


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`birdhouse serve` on an empty data dir."""
    with running(tmp_path_factory.mktemp("birdhouse") / "data", "serve") as server:
        yield server


@pytest.fixture(scope="session")
def http(server: Server) -> Iterator[httpx.Client]:
    """A client with the admin token of the default workspace."""
    with server.client() as client:
        yield client


@pytest.fixture
def workspace(server: Server) -> Iterator[Workspace]:
    """A workspace of its own for a test, empty."""
    workspace = server.workspace()
    with workspace.http:
        yield workspace


@pytest.fixture(scope="session")
def reading(server: Server) -> Iterator[Workspace]:
    """A workspace with the project of `tests.birdhouse.reading`, for tests that change nothing."""
    workspace = server.workspace()
    with workspace.http:
        fill(workspace)
        yield workspace
