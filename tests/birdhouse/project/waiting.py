"""Waiting for what a server does after it has answered."""

from __future__ import annotations

import time
from collections.abc import Callable

PATIENCE = 20.0
"""Seconds until the wait is a failure."""


def until(condition: Callable[[], bool], found: Callable[[], object] = lambda: "") -> None:
    """Wait until the condition holds. Fails with what is `found` instead."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, found()
        time.sleep(0.02)
