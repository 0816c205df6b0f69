"""The broker of these tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.broker import Broker, broker_to_test


@pytest.fixture(scope="session")
def broker() -> Iterator[Broker]:
    with broker_to_test() as broker:
        yield broker
