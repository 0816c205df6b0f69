"""The API under test: the host that TB_HOST and TB_TOKEN name, or a birdhouse of our own.

A host may hold other people's rows, so every test writes its own, under ids or at times that
nobody else uses, and asks only about those.
"""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from tests.contract.api import Api
from tests.server import running

PROJECT = Path(__file__).resolve().parents[2]


class Host(NamedTuple):
    """An address, and a token that may do everything there."""

    url: str
    token: str


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """Where the data project is deployed."""
    if "TB_HOST" in os.environ and "TB_TOKEN" in os.environ:
        yield Host(os.environ["TB_HOST"], os.environ["TB_TOKEN"])
        return
    data_dir = tmp_path_factory.mktemp("contract") / "data"
    with running(data_dir, "up", str(PROJECT), "--no-fixtures") as server:
        yield Host(server.url, server.admin_token)


@pytest.fixture(scope="session")
def api(host: Host) -> Iterator[Api]:
    """The API, with the token that may do everything."""
    with httpx.Client(base_url=host.url, timeout=60) as http:
        yield Api(http, host.token)


@pytest.fixture
def tenant() -> str:
    """A tenant that nobody else uses."""
    return f"tenant_{uuid.uuid4().hex}"


@pytest.fixture
def user() -> str:
    """A user that nobody else uses."""
    return f"user_{uuid.uuid4().hex}"


@pytest.fixture
def session() -> str:
    """A session that nobody else uses."""
    return f"sess_{uuid.uuid4().hex}"


@pytest.fixture
def moment() -> datetime:
    """The start of an hour in which nobody else has rows."""
    hours = random.SystemRandom().randrange(50 * 365 * 24)
    return datetime(2050, 1, 1, tzinfo=UTC) + timedelta(hours=hours)
