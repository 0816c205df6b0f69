"""Sessions, as the endpoints about them see them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from tests.oracle.clock import Period
from tests.oracle.session_rows import HEARTBEATS, PAGE_VIEWS, Row, at, page

DAY = 86_400


class Session(NamedTuple):
    """A session of one tenant."""

    session_id: str
    rows: list[Row]
    user_id: str
    start: int
    end: int
    page_views: int
    interactions: int
    entry: Row
    exit_page: str

    @property
    def duration(self) -> int:
        return self.end - self.start

    def bounced(self, definition: str) -> bool:
        match definition:
            case "events":
                return len(self.rows) == 1
            case "pageviews":
                return self.page_views == 1
            case _:
                return self.page_views <= 1 and self.interactions == 0 and self.duration < 10


def sessions(
    rows: Iterable[Row],
    period: Period = Period(),  # noqa: B008
    other: Period | None = None,
) -> list[Session]:
    """The sessions that began in a period.

    Rows more than a day outside of it, and of the other one that the same request asks for, are
    not looked at.
    """
    read = [Period(since - DAY, until + DAY) for since, until in (period, other or period)]
    grouped = defaultdict(list)
    for row in rows:
        if row["session_id"] and any(at(row) in each for each in read):
            grouped[row["session_id"]].append(row)
    found = [_session(name, rows) for name, rows in grouped.items()]
    return [session for session in found if session.start in period]


def _session(name: str, rows: list[Row]) -> Session:
    users = [
        (at(row), row["updated_at"], row["user_id"].encode()) for row in rows if row["user_id"]
    ]
    with_page = [row for row in rows if page(row)]
    first = min(with_page or rows, key=_place)
    return Session(
        session_id=name,
        rows=rows,
        user_id=max(users)[2].decode() if users else "",
        start=min(at(row) for row in rows),
        end=max(at(row) for row in rows),
        page_views=sum(row["event_type"] in PAGE_VIEWS for row in rows),
        interactions=sum(row["event_type"] not in PAGE_VIEWS | HEARTBEATS for row in rows),
        entry=first,
        exit_page=page(max(with_page, key=_place)) if with_page else "",
    )


def _place(row: Row) -> tuple[int, str, list[bytes]]:
    """What comes first among the rows of a session."""
    names = ("page_url", "referrer", "device_type", "browser")
    return at(row), row["updated_at"], [row[name].encode() for name in names]
