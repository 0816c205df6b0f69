"""When people come: by day more than at night, on workdays more than on Sundays, some of them led
by a campaign, and some of them no people at all.

`history` makes the past as fast as it can, `Live` the present as it happens.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import NamedTuple

from traffic import (
    FIRST_STEP,
    STEPS_PER_VISIT,
    Row,
    Traffic,
    Visit,
    Weighted,
    event_rows,
    session_rows,
)

DAY = 86_400
# How many come at each hour of their own clock, in tenths of the mean.
HOURS = (3, 2, 1, 1, 1, 2, 4, 8, 11, 13, 14, 15, 14, 15, 16, 15, 14, 13, 13, 15, 17, 16, 12, 7)
# And on each day from Monday on: 1 is the mean.
DAYS = (1.1, 1.15, 1.15, 1.1, 1.0, 0.75, 0.75)
BUSIEST = max(HOURS) / 10 * max(DAYS)
HOURS_EAST = {"US": -6, "BR": -3, "GB": 0, "FR": 1, "DE": 1, "ES": 1, "NL": 1, "IN": 5, "JP": 9}
# How often a visit from a source follows an advertisement there, and how it is tagged.
CAMPAIGNS = {
    "google": (0.35, "cpc", Weighted({"brand": 60, "spring_sale": 40})),
    "newsletter": (0.9, "email", Weighted({"weekly": 70, "spring_sale": 30})),
    "twitter": (0.4, "social", Weighted({"launch": 100})),
}
BOTS = 0.02
# How many leave again after the first page, if it is one to look at.
BOUNCES = 0.45
_STEPS = sum(steps * weight for steps, weight in STEPS_PER_VISIT.items()) / sum(
    STEPS_PER_VISIT.values()
)
_BOUNCES = BOUNCES * FIRST_STEP["view"] / sum(FIRST_STEP.values())
ROWS_PER_VISIT = _STEPS * (1 - _BOUNCES) + _BOUNCES
"""About: a person who logs out leaves earlier, a bot later."""
WARM_UP = 900


class Crowd:
    """Visits at the times at which people come."""

    def __init__(self, traffic: Traffic) -> None:
        self._traffic = traffic
        self.rng = traffic.rng

    def come(self, at: int) -> Visit | None:
        """The visit of somebody whose clock says that it is time: now and then a bot's, now and
        then after a campaign. None when they sleep."""
        rng = self.rng
        visitor = self._traffic.visitor()
        there = at + HOURS_EAST[visitor.country] * 3600
        weight = HOURS[there % DAY // 3600] / 10 * DAYS[(there // DAY + 3) % 7]
        if rng.random() * BUSIEST > weight:
            return None
        if rng.random() < BOTS:
            return self._traffic.crawl(visitor.tenant_id, starts=at)
        visit = self._traffic.visit(visitor, starts=at)
        if visit.steps[0].kind == "view" and rng.random() < BOUNCES:
            del visit.steps[1:]
        often, medium, names = CAMPAIGNS.get(visit.source, (0.0, "", None))
        if names is not None and rng.random() < often:
            tags = {
                "utm_source": visit.source,
                "utm_medium": medium,
                "utm_campaign": names.draw(rng),
            }
            first = visit.steps[0]
            query = "&".join(f"{name}={value}" for name, value in tags.items())
            path = f"{first.path}{'&' if '?' in first.path else '?'}{query}"
            visit.steps[0] = replace(first, path=path, details={**first.details, **tags})
        return visit

    def history(self, since: int, until: int, rows: int) -> Iterator[Visit]:
        """About so many rows of visits over the time, one day after the other."""
        visits = rows / ROWS_PER_VISIT / (until - since)
        for start in range(since, until, DAY):
            stop = min(start + DAY, until)
            for _ in range(round(visits * (stop - start) * BUSIEST)):
                visit = self.come(start + self.rng.randrange(stop - start))
                if visit is not None and visit.steps[-1].at <= until:
                    yield visit


class Due(NamedTuple):
    """A row, and when it happens."""

    at: int
    number: int
    datasource: str
    row: Row


class Live:
    """The rows of visits that go on at the same time, `rate` a second for each data source."""

    def __init__(self, crowd: Crowd, rate: float, now: float) -> None:
        self._crowd = crowd
        self._visits = rate / ROWS_PER_VISIT * BUSIEST
        self._next = now - WARM_UP
        self._numbers = count()
        self._coming: list[Due] = []

    def due(self, now: float) -> dict[str, list[Row]]:
        """What has happened since the last time, for each data source; at first the last quarter
        of an hour, so that there is somebody to see."""
        while self._next <= now:
            visit = self._crowd.come(int(self._next))
            if visit is not None:
                self._add("events", visit, event_rows(visit))
                self._add("user_sessions", visit, session_rows(visit))
            self._next += self._crowd.rng.expovariate(self._visits)
        found: dict[str, list[Row]] = {}
        while self._coming and self._coming[0].at <= now:
            due = heapq.heappop(self._coming)
            found.setdefault(due.datasource, []).append(due.row)
        return found

    def _add(self, datasource: str, visit: Visit, rows: Iterator[Row]) -> None:
        for step, row in zip(visit.steps, rows, strict=True):
            heapq.heappush(self._coming, Due(step.at, next(self._numbers), datasource, row))
