"""Dates and times as clients write them, into the text that the engine reads without doubt.

Read are ISO 8601 texts (`T` or a space between, an optional fraction, `Z` or an offset) and epochs.
A text without a zone is in the zone of the column. All functions raise `ValueError`.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from typing import NamedTuple

_ISO = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:[T t]([0-9]{1,2}):([0-9]{2})(?::([0-9]{2})(?:[.,]([0-9]{1,12}))?)?"
    r"\s?(Z|z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?)?"
)
_EPOCH = re.compile(r"(-?[0-9]{1,20})(?:\.([0-9]{0,20}))?")

_DATE = (date(1970, 1, 1), date(2149, 6, 6))
_DATE32 = (date(1900, 1, 1), date(2299, 12, 31))
_DATETIME_MAX = (1 << 32) - 1
_LAST_NANOSECOND_YEAR = 2261
_DAYS_MAX = (1 << 16) - 1
_ZERO = datetime(1970, 1, 1, tzinfo=UTC)


class _Moment(NamedTuple):
    """A time, and the digits of its fraction of a second; without a zone, it is the column's."""

    time: datetime
    fraction: str

    @property
    def zoned(self) -> bool:
        return self.time.tzinfo is not None


def _offset(text: str) -> timezone:
    if text in ("Z", "z", "UTC"):
        return UTC
    hours, minutes = int(text[1:3]), int(text[-2:] if len(text) > 3 else 0)
    if minutes > 59:
        raise ValueError(text)
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if text[0] == "-" else offset)


def _parse(text: str) -> _Moment | None:
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    # Naive on purpose: a text without a zone is in the zone of its column.
    time = datetime(  # noqa: DTZ001
        int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)
    )
    if zone:
        try:
            time = time.replace(tzinfo=_offset(zone)).astimezone(UTC)
        except OverflowError as error:
            raise ValueError(text) from error
    return _Moment(time, fraction or "")


def _epoch(text: str) -> tuple[int, str]:
    """Whole units and the digits behind the point."""
    match = _EPOCH.fullmatch(text)
    if match is None:
        raise ValueError(text)
    return int(match[1]), match[2] or ""


def read_date(text: str, wide: bool) -> bytes:
    """A Date or (`wide`) Date32. A number is a count of days up to 65535, above it of seconds."""
    moment = _parse(text)
    if moment is not None:
        found = moment.time.date()
    else:
        number, _ = _epoch(text)
        days = number if abs(number) <= _DAYS_MAX else number // 86400
        try:
            found = _DATE[0] + timedelta(days=days)
        except OverflowError as error:
            raise ValueError(text) from error
    low, high = _DATE32 if wide else _DATE
    if not low <= found <= high:
        raise ValueError(text)
    return b'"%s"' % found.isoformat().encode()


def read_datetime(text: str) -> bytes:
    """A DateTime. A number is a count of seconds; fractions of a second are dropped."""
    moment = _parse(text)
    if moment is None:
        seconds, _ = _epoch(text)
    else:
        seconds = int((moment.time.replace(tzinfo=UTC) - _ZERO).total_seconds())
    if not 0 <= seconds <= _DATETIME_MAX:
        raise ValueError(text)
    if moment is None or moment.zoned:
        return b"%d" % seconds
    return b'"%s"' % moment.time.isoformat(" ").encode()


def read_datetime64(text: str, scale: int) -> bytes:
    """A DateTime64. A whole number counts seconds, or by its size milli-, micro-, nanoseconds."""
    moment = _parse(text) or _from_epoch(*_epoch(text))
    last = _LAST_NANOSECOND_YEAR if scale > 8 else _DATE32[1].year
    if not _DATE32[0].year <= moment.time.year <= last:
        raise ValueError(text)
    fraction = moment.fraction[:scale]
    written = moment.time.replace(tzinfo=None).isoformat(" ")
    zone = "Z" if moment.zoned else ""
    return f'"{written}{"." if fraction else ""}{fraction}{zone}"'.encode()


def _from_epoch(whole: int, fraction: str) -> _Moment:
    digits = 0
    # Seconds of the year 5138 are milliseconds of 1973: no date in range is ambiguous after that.
    while not fraction and digits < 9 and abs(whole) >= 100_000_000_000 * 10**digits:
        digits += 3
    if digits:
        whole, rest = divmod(whole, 10**digits)
        fraction = f"{rest:0{digits}d}"
    elif whole < 0 and fraction.strip("0"):
        whole, fraction = whole - 1, str(10 ** len(fraction) - int(fraction)).zfill(len(fraction))
    try:
        return _Moment(_ZERO + timedelta(seconds=whole), fraction)
    except OverflowError as error:
        raise ValueError(whole) from error
