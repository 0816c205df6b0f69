"""Sending rows to the Events API of any Tinybird host, and knowing what became of them.

A batch is sent again when the host is busy, unwell or out of reach, a bounded number of times and
no sooner than the host asks. The Events API has no key to recognise a batch by, so sending one
again after an outcome that nobody knows (a dropped connection, a time-out, a 5xx) may store it
twice: that is taken over losing rows, and the receipt says so.
"""

from __future__ import annotations

import gzip
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import msgspec

FIRST_BACKOFF = 0.2
LONGEST_BACKOFF = 10.0
LONGEST_WAIT = 120.0


class BatchLost(Exception):
    """A batch that the host did not take."""


class BatchRefused(BatchLost):
    """A batch that the host will never take; the next one would fare no better."""


@dataclass(frozen=True, slots=True)
class Receipt:
    accepted: int
    quarantined: int
    maybe_twice: bool


class _Answer(msgspec.Struct):
    successful_rows: int
    quarantined_rows: int


class EventsAPI:
    """One data source's Events API.

    `pause` waits the seconds that it is given and returns whether to go on. `retries` bounds those
    of one batch, `retried` counts those of all.
    """

    def __init__(
        self,
        client: httpx.Client,
        datasource: str,
        *,
        retries: int,
        pause: Callable[[float], bool],
    ) -> None:
        self._client = client
        self._params = {"name": datasource, "wait": "true"}
        self._retries = retries
        self._pause = pause
        self._encoder = msgspec.json.Encoder()
        self.retried = 0

    def send(self, rows: Sequence[dict[str, str]]) -> Receipt:
        """Send the rows as one batch. Raise BatchLost when they did not arrive."""
        body = gzip.compress(self._encoder.encode_lines(rows), compresslevel=1)
        maybe_twice = False
        for attempt in range(self._retries + 1):
            wait = None
            try:
                response = self._post(body)
            except httpx.TransportError as error:
                reason = f"{type(error).__name__}: {error}"
                unknown_outcome = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            else:
                if response.is_success:
                    answer = _read(response)
                    return Receipt(answer.successful_rows, answer.quarantined_rows, maybe_twice)
                reason = _describe(response)
                if response.status_code != httpx.codes.TOO_MANY_REQUESTS and (
                    not response.is_server_error
                ):
                    raise BatchRefused(reason)
                unknown_outcome = response.is_server_error
                wait = _asked_wait(response)
            if attempt == self._retries:
                break
            if wait is None:
                # Spread over half the time, so that many senders do not come back as one.
                backoff = min(FIRST_BACKOFF * 2**attempt, LONGEST_BACKOFF)
                wait = backoff * random.uniform(0.75, 1.25)
            elif wait > LONGEST_WAIT:
                raise BatchLost(f"{reason} (asks to wait {wait:.0f} s)")
            maybe_twice = maybe_twice or unknown_outcome
            if not self._pause(wait):
                raise BatchLost(f"{reason} (stopped before trying again)")
            self.retried += 1
        raise BatchLost(f"{reason} (tried {self._retries + 1} times)")

    def _post(self, body: bytes) -> httpx.Response:
        headers = {"Content-Encoding": "gzip", "Content-Type": "application/x-ndjson"}
        return self._client.post("/v0/events", params=self._params, content=body, headers=headers)


def _read(response: httpx.Response) -> _Answer:
    try:
        return msgspec.json.decode(response.content, type=_Answer)
    except msgspec.DecodeError as error:
        raise BatchRefused(f"{_describe(response)}: not an answer of the Events API") from error


def _describe(response: httpx.Response) -> str:
    text = " ".join(response.text.split())
    return f"{response.status_code} {response.reason_phrase} {text[:300]}".rstrip()


def _asked_wait(response: httpx.Response) -> float | None:
    """The seconds that the host asks to wait, or None where it does not say."""
    for header in ("Retry-After", "X-RateLimit-Reset"):
        value = response.headers.get(header)
        if value is None:
            continue
        try:
            return max(0.0, float(value))
        except ValueError:
            pass
        try:
            return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
        except (TypeError, ValueError):
            continue
    return None
