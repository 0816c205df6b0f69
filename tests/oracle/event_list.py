"""Events one by one."""

from __future__ import annotations

from tests.oracle.clock import Period
from tests.oracle.event_rows import Row, at, matching


def event_list(
    rows: list[Row],
    *,
    period: Period = Period(),  # noqa: B008
    filters: dict[str, str] | None = None,
) -> list[Row]:
    """All rows of the endpoint but for `tenant_id` and `cursor`, for events of one tenant."""
    return sorted(matching(rows, filters, period), key=place, reverse=True)


def place(row: Row) -> tuple[int, list[bytes]]:
    """What comes first in the order of the list, the highest first."""
    names = ("event_id", "event_type", "user_id", "session_id", "platform")
    return at(row), [row[name].encode() for name in names]
