"""The local clock of a time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

BEGINNING, END = 0, 2**32 - 1


class Period(NamedTuple):
    """Seconds since the epoch, both included."""

    since: int = BEGINNING
    until: int = END

    def __contains__(self, instant: object) -> bool:
        return isinstance(instant, int) and self.since <= instant <= self.until


def seconds(text: str) -> int:
    """What a UTC time, as the API writes it, is in seconds since the epoch."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def written(instant: int) -> str:
    """A time as the API writes it."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%d %H:%M:%S")


def shown(instant: int, zone: str) -> str:
    """What the local clock shows at a moment."""
    return datetime.fromtimestamp(instant, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M:%S")


def moment(text: str, zone: str) -> int:
    """When the local clock first shows a time.

    A time that the clock skips counts as if it were not yet set forward.
    """
    naive = datetime.fromisoformat(text)
    return int(naive.replace(tzinfo=ZoneInfo(zone), fold=0).timestamp())


def period(start: str | None, end: str | None, zone: str = "UTC") -> Period:
    """From one time of the local clock until it first shows the second after another."""
    past = end and str(datetime.fromisoformat(end) + timedelta(seconds=1))
    return Period(
        BEGINNING if start is None else moment(start, zone),
        END if not past else moment(past, zone) - 1,
    )


def day(instant: int, zone: str) -> date:
    """The local date of a moment."""
    return datetime.fromtimestamp(instant, ZoneInfo(zone)).date()


def day_start(of: date, zone: str) -> int:
    """The first second of a local date."""
    instant = moment(f"{of} 00:00:00", zone)
    # The clock may skip midnight, or show it twice.
    while day(instant - 1, zone) == of:
        instant -= 1
    return instant
