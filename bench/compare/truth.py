"""The questions answered from the rows by plain Python: what every system has to answer.

An answer is a list of rows, a row a list of values; times are texts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from bench.compare.work import DAY, FUNNEL, FUNNEL_WINDOW, Params

Rows = list[list[Any]]


class Event(msgspec.Struct):
    """A row of `events`."""

    event_id: str
    event_type: str
    user_id: str
    session_id: str
    timestamp: str
    platform: str
    country: str
    properties: str
    tenant_id: str


class Step(msgspec.Struct):
    """A row of `user_sessions`."""

    session_id: str
    user_id: str
    tenant_id: str
    event_type: str
    created_at: str


class Session(NamedTuple):
    """The steps of a session, the earliest first."""

    steps: list[Step]

    @property
    def start(self) -> str:
        return self.steps[0].created_at

    @property
    def end(self) -> str:
        return self.steps[-1].created_at

    @property
    def seconds(self) -> int:
        return seconds(self.end) - seconds(self.start)


def seconds(written: str) -> int:
    """A text as seconds since 1970, by the calendar's own rule."""
    year, month, day = int(written[:4]), int(written[5:7]), int(written[8:10])
    clock = int(written[11:13]) * 3600 + int(written[14:16]) * 60 + int(written[17:19])
    year, month = (year, month - 3) if month > 2 else (year - 1, month + 9)
    era_days = year * 365 + year // 4 - year // 100 + year // 400 + (153 * month + 2) // 5
    return (era_days + day - 719_469) * DAY + clock


def day_text(number: int) -> str:
    """The date of a day by its number since 1970."""
    number += 719_468
    era, of_era = divmod(number, 146_097)
    year_of_era = (of_era - of_era // 1460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    month = (5 * of_year + 2) // 153
    day = of_year - (153 * month + 2) // 5 + 1
    year = year_of_era + era * 400 + (month >= 10)
    return f"{year:04d}-{month + 3 if month < 10 else month - 9:02d}-{day:02d}"


class Truth:
    """The rows of one tenant, and its answers."""

    def __init__(self, events: Iterable[Event], steps: Iterable[Step]) -> None:
        self.events = sorted(events, key=lambda row: (row.timestamp, row.event_id))
        self.steps = sorted(steps, key=lambda row: row.created_at)

    def answer(self, question: str, params: Params) -> Rows:
        found: Rows = getattr(self, question)(params)
        return found

    def _in(self, params: Params) -> list[Event]:
        since, until = params["since"], params["until"]
        return [row for row in self.events if since <= row.timestamp <= until]

    def _sessions(self, steps: Iterable[Step]) -> list[Session]:
        found: defaultdict[str, list[Step]] = defaultdict(list)
        for step in steps:
            found[step.session_id].append(step)
        return [Session(each) for each in found.values()]

    def kpis(self, params: Params) -> Rows:
        since, until = params["since"], params["until"]
        began = [each for each in self._sessions(self.steps) if since <= each.start <= until]
        if not began:
            return [[0, 0, 0, 0, None]]
        views = sum(step.event_type == "page_view" for each in began for step in each.steps)
        return [
            [
                len(began),
                len({each.steps[-1].user_id for each in began}),
                sum(len(each.steps) for each in began),
                views,
                sum(each.seconds for each in began) / len(began),
            ]
        ]

    def series(self, params: Params) -> Rows:
        days: defaultdict[str, list[Event]] = defaultdict(list)
        for row in self._in(params):
            days[row.timestamp[:10]].append(row)
        first, last = seconds(params["since"]) // DAY, seconds(params["until"]) // DAY
        return [
            [day, len(days[day]), users(days[day]), len({row.session_id for row in days[day]})]
            for day in map(day_text, range(first, last + 1))
        ]

    def breakdown(self, params: Params) -> Rows:
        types = by_type(self._in(params))
        ranked = sorted(types, key=lambda name: (-len(types[name]), name))
        found = [[name, len(types[name]), users(types[name])] for name in ranked[:10]]
        others = [row for name in ranked[10:] for row in types[name]]
        return [*found, ["(other)", len(others), users(others)]] if others else found

    def funnel(self, params: Params) -> Rows:
        kinds = {name: number for number, name in enumerate(FUNNEL)}
        chains: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for row in self._in(params):
            if row.event_type in kinds:
                chains[row.user_id].append((seconds(row.timestamp), kinds[row.event_type]))
        reached = [0] * len(FUNNEL)
        for chain in chains.values():
            for step in range(furthest(sorted(chain))):
                reached[step] += 1
        return [reached]

    def retention(self, params: Params) -> Rows:
        since, until = params["since"], params["until"]
        began: dict[str, str] = {}
        weeks: defaultdict[str, set[int]] = defaultdict(set)
        for row in self.events:
            if row.timestamp <= until:
                began.setdefault(row.user_id, row.timestamp)
                if began[row.user_id] >= since:
                    weeks[row.user_id].add(monday(row.timestamp))
        cohorts: defaultdict[int, list[set[int]]] = defaultdict(list)
        for user, active in weeks.items():
            cohorts[monday(began[user])].append(active)
        return [
            [day_text(start), number, len(found), sum(start + 7 * number in each for each in found)]
            for start, found in sorted(cohorts.items())
            for number in range(13)
            if (start + 7 * number) * DAY <= seconds(until)
        ]

    def stats(self, params: Params) -> Rows:
        types = by_type(self._in(params))
        return [
            [
                name,
                len(rows),
                users(rows),
                len({row.session_id for row in rows}),
                rows[0].timestamp,
                rows[-1].timestamp,
            ]
            for name, rows in sorted(types.items(), key=lambda pair: (-len(pair[1]), pair[0]))
        ]

    def user(self, params: Params) -> Rows:
        rows = [row for row in self._in(params) if row.user_id == params["user"]]
        if not rows:
            return []
        return [
            [
                len({row.session_id for row in rows}),
                len(rows),
                rows[0].timestamp,
                rows[-1].timestamp,
                [row.event_type for row in reversed(rows[-10:])],
                sorted({row.platform for row in rows}),
            ]
        ]

    def latest(self, params: Params) -> Rows:
        rows = self._in(params)[-int(params["limit"]) :]
        return [
            [
                row.event_id,
                row.event_type,
                row.user_id,
                row.session_id,
                row.timestamp,
                row.platform,
                row.country,
                row.properties,
            ]
            for row in reversed(rows)
        ]

    def sessions(self, params: Params) -> Rows:
        since, until = params["since"], params["until"]
        found = self._sessions(step for step in self.steps if since <= step.created_at <= until)
        found.sort(key=lambda each: each.steps[0].session_id)
        found.sort(key=lambda each: each.end, reverse=True)
        return [
            [
                each.steps[0].session_id,
                each.steps[-1].user_id,
                each.start,
                each.end,
                each.seconds,
                len(each.steps),
                [step.event_type for step in each.steps],
            ]
            for each in found[: int(params["limit"])]
        ]


class Totals:
    """All tenants of all time, row by row."""

    def __init__(self) -> None:
        self.events: Counter[str] = Counter()
        self._sessions: defaultdict[str, set[str]] = defaultdict(set)
        self._users: defaultdict[str, set[str]] = defaultdict(set)
        self._first: dict[str, str] = {}
        self._last: dict[str, str] = {}

    def add(self, step: Step) -> None:
        tenant, at = step.tenant_id, step.created_at
        self.events[tenant] += 1
        self._sessions[tenant].add(step.session_id)
        self._users[tenant].add(step.user_id)
        self._first[tenant] = min(at, self._first.get(tenant, at))
        self._last[tenant] = max(at, self._last.get(tenant, at))

    def answer(self, params: Params) -> Rows:
        ranked = sorted(self.events, key=lambda name: (-self.events[name], name))
        return [
            [
                name,
                len(self._sessions[name]),
                len(self._users[name]),
                self._first[name],
                self._last[name],
                self.events[name],
            ]
            for name in ranked[: int(params["limit"])]
        ]


def users(rows: Sequence[Event]) -> int:
    return len({row.user_id for row in rows})


def by_type(rows: Iterable[Event]) -> dict[str, list[Event]]:
    found: defaultdict[str, list[Event]] = defaultdict(list)
    for row in rows:
        found[row.event_type].append(row)
    return found


def monday(written: str) -> int:
    """The number of the day on which the week begins."""
    day = seconds(written[:10] + " 00:00:00") // DAY
    return day - (day + 3) % 7


def furthest(chain: Sequence[tuple[int, int]]) -> int:
    """How many steps of the funnel these events reach: of all chains to a step, the one that began
    last has the most time left."""
    starts: list[list[int]] = [[] for _ in FUNNEL]
    for at, kind in chain:
        if kind == 0:
            starts[0].append(at)
        else:
            earlier = [start for start in starts[kind - 1] if at - start <= FUNNEL_WINDOW]
            starts[kind].extend(earlier[-1:])
    return max((number + 1 for number, found in enumerate(starts) if found), default=0)
