"""The API under test: the host that TB_HOST and TB_TOKEN name, or a workspace of the pytest plugin.

A host may hold other people's rows, so every test writes its own, under ids or at times that
nobody else uses, and asks only about those.
"""

from __future__ import annotations

import os
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import httpx
import pytest
from tests.contract.api import Api

from birdhouse.testing import Tinybird


class Host(NamedTuple):
    """An address, and a token that may do everything there."""

    url: str
    token: str


@pytest.fixture(scope="session")
def host(request: pytest.FixtureRequest) -> Host:
    """Where the data project is deployed."""
    if "TB_HOST" in os.environ and "TB_TOKEN" in os.environ:
        return Host(os.environ["TB_HOST"], os.environ["TB_TOKEN"])
    tinybird: Tinybird = request.getfixturevalue("tinybird_session")
    return Host(tinybird.url, tinybird.token)


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
