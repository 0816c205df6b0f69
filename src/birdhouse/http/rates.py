"""How often somebody may ask: the `limits.rps` of JWTs, and the Events API's limit a workspace.

Used from the event loop alone, so nothing here is locked.
"""

from __future__ import annotations

import time
from typing import NamedTuple

_KEPT = 10_000
"""Tokens remembered before those that have not asked for a second are forgotten."""


class Rate(NamedTuple):
    """Where a token stands after a request."""

    allowed: bool
    limit: int
    remaining: int
    reset: int
    """Seconds until one more request is allowed, at least 1 when none is."""

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        return [
            (b"x-ratelimit-limit", b"%d" % self.limit),
            (b"x-ratelimit-remaining", b"%d" % self.remaining),
            (b"x-ratelimit-reset", b"%d" % self.reset),
        ]


class Rates:
    """A bucket of requests for each token, refilled at its rate, a second's worth at most."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}

    def take(self, token: str, rps: int, now: float | None = None) -> Rate:
        """Count one request of a token. `now` is in seconds of a clock that never goes back."""
        moment = time.monotonic() if now is None else now
        level, seen = self._buckets.get(token, (float(rps), moment))
        level = min(float(rps), level + (moment - seen) * rps)
        allowed = level >= 1
        level -= allowed
        self._buckets[token] = (level, moment)
        if len(self._buckets) > _KEPT:
            self._buckets = {t: b for t, b in self._buckets.items() if moment - b[1] < 1}
        return Rate(allowed, rps, int(level), 0 if allowed else 1)
