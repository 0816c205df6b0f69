"""What Kafka says of a message, under the names of Tinybird's metadata columns."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from birdhouse.ingest.messages import Message
from birdhouse.kafka.subscription import Subscription

COLUMNS = frozenset(
    {"__value", "__topic", "__partition", "__offset", "__timestamp", "__key", "__headers"}
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def message_of(found: Any, subscription: Subscription) -> Message:
    """A message of confluent-kafka with its metadata."""
    value: bytes | None = found.value()
    _, milliseconds = found.timestamp()
    moment = _EPOCH + timedelta(milliseconds=max(milliseconds, 0))
    return Message(
        value,
        {
            "__value": _text(value) if subscription.raw_value else "",
            "__topic": found.topic(),
            "__partition": found.partition(),
            "__offset": found.offset(),
            "__timestamp": moment.strftime("%Y-%m-%d %H:%M:%S.%f"),
            "__key": _text(found.key()),
            "__headers": _headers(found.headers() or ()) if subscription.headers else {},
        },
    )


def _headers(pairs: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """The last value of each header."""
    return {name: _text(value) for name, value in pairs}


def _text(value: bytes | None) -> str:
    """Bytes that are not UTF-8 are written as \\xNN."""
    return (value or b"").decode("utf-8", "backslashreplace")
