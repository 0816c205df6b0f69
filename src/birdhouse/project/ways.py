"""How each data source of a new deployment gets its rows.

    KEEP      the live table serves on, as it is
    CLONE     a table with the same rows (their files are shared, not copied), then altered
    CREATE    a new table without old rows
    FORWARD   a new table, filled from the live one through FORWARD_QUERY
    REBUILD   a new table, filled by the materialized views that write into it

The cheapest way that loses nothing is taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto

import msgspec

from birdhouse.errors import FileError, ProjectError
from birdhouse.project.alter import alteration
from birdhouse.project.report import Feedback, feedback
from birdhouse.project.views import Link
from birdhouse.workspace.resources import DataSource, Resources

_OTHER_QUERY = "is filled by another query"


class Way(Enum):
    """See the top of the module."""

    KEEP = auto()
    CLONE = auto()
    CREATE = auto()
    FORWARD = auto()
    REBUILD = auto()


class Step(msgspec.Struct, frozen=True):
    """The way of one data source; `clauses` follow ALTER TABLE, for a CLONE."""

    way: Way
    clauses: tuple[str, ...] = ()
    reason: str = ""
    """Why nothing cheaper than REBUILD will do, for a person."""


def is_mergetree(datasource: DataSource) -> bool:
    return datasource.engine["type"].endswith("MergeTree")


def remembers(datasource: DataSource) -> bool:
    """Whether its old rows can be read."""
    return not datasource.engine["type"].startswith(("Null", "Set"))


def choose_ways(
    live: Resources, wanted: Resources, links: list[Link], *, build: bool
) -> tuple[dict[str, Step], list[Feedback]]:
    """The step of every data source, by name, and what to tell the user about them.

    With `build`, rows that no rule can carry over are dropped, with a word about it; without,
    that is a `ProjectError`.
    """
    steps = {n: _own_step(live.datasources.get(n), d) for n, d in wanted.datasources.items()}
    told = _consider_views(live, links, steps)
    _rebuild_below(links, steps)
    told += _settle(wanted, links, steps, build=build)
    told += _explain(live, wanted, steps)
    return steps, told


def _own_step(live: DataSource | None, wanted: DataSource) -> Step:
    """The way of a data source by its own definition, views left aside."""
    if live is None:
        return Step(Way.CREATE)
    found = alteration(live, wanted)
    if live.engine["type"].startswith("Set") and (found.clauses or found.obstacle):
        return Step(Way.REBUILD, reason="changes a Set, whose rows cannot be read")
    if wanted.forward_query and (found.obstacle or wanted.forward_query != live.forward_query):
        return Step(Way.FORWARD)
    if not found.obstacle:
        return Step(Way.CLONE, found.clauses) if found.clauses else Step(Way.KEEP)
    if live.engine["type"].startswith("Null"):
        return Step(Way.CREATE)
    return Step(Way.REBUILD, reason=found.obstacle)


def _consider_views(live: Resources, links: list[Link], steps: dict[str, Step]) -> list[Feedback]:
    """What new and changed views ask of the tables that they write into."""
    told = []
    for link in links:
        target = link.target
        if steps[target.name].way not in (Way.KEEP, Way.CLONE) or link.keeps_rows:
            continue
        feeding = {other.pipe for other in links if other.target.name == target.name}
        if not _has_past(live, links, link.source):
            if link.changed:
                text = (
                    f"'{link.source.name}' keeps no rows, so the rows of before stay as the old "
                    "query made them"
                )
                told.append(feedback(link.pipe, "WARNING", text))
        elif link.changed or (link.new and _has_rows_of_gone_views(target, link, feeding)):
            steps[target.name] = Step(Way.REBUILD, reason=_OTHER_QUERY)
        elif link.new and steps[target.name].way is Way.KEEP:
            # The view's past has to get in, and the live deployment must not see it yet.
            steps[target.name] = Step(Way.CLONE)
    return told


def _has_past(live: Resources, links: list[Link], source: DataSource) -> bool:
    """Whether there can be rows of before the deployment to read from the source."""
    fed = any(link.target.name == source.name for link in links)
    return remembers(source) and (source.name in live.datasources or fed)


def _has_rows_of_gone_views(target: DataSource, link: Link, feeding: set[str]) -> bool:
    """Whether rows may be there already that the new view would bring once more: it was taken
    away before, or it has another name now."""
    return link.pipe in target.fed_by or not feeding.issuperset(target.fed_by)


def _rebuild_below(links: list[Link], steps: dict[str, Step]) -> None:
    """Rebuild what is filled from tables that are filled by another query."""
    pending = [name for name, step in steps.items() if step.reason == _OTHER_QUERY]
    while pending:
        name = pending.pop()
        for link in links:
            target = link.target.name
            if link.source.name != name or link.keeps_rows or target == name:
                continue
            if steps[target].way in (Way.KEEP, Way.CLONE):
                steps[target] = Step(Way.REBUILD, reason=f"is filled from '{name}', which changes")
                pending.append(target)


def _settle(
    wanted: Resources, links: list[Link], steps: dict[str, Step], *, build: bool
) -> list[Feedback]:
    """Refuse to lose rows, or in a build say that they are lost."""
    told: list[Feedback] = []
    errors: list[FileError] = []
    for name, step in list(steps.items()):
        if step.way is not Way.REBUILD:
            continue
        datasource = wanted.datasources[name]
        sources = [link.source for link in links if link.target.name == name]
        forgetful = [source.name for source in sources if not remembers(source)]
        if sources and datasource.backfill_skip:
            text = f"The new definition {step.reason}: it starts empty, as BACKFILL skip asks"
            told.append(feedback(name, "WARNING", text))
        elif sources and not forgetful:
            told += _expired(name, sources)
        else:
            why = f" ('{forgetful[0]}', which fills it, keeps no rows)" if forgetful else ""
            if build:
                steps[name] = Step(Way.CREATE)
                text = (
                    f"The new definition {step.reason}, so its rows were dropped{why}. "
                    "A FORWARD_QUERY keeps them"
                )
                told.append(feedback(name, "WARNING", text))
            else:
                text = (
                    f"The new definition {step.reason}, which cannot be done in place{why}. "
                    "Add a FORWARD_QUERY that selects every column of the new schema"
                )
                errors.append(FileError(datasource.path, text))
    if errors:
        raise ProjectError(errors)
    return told


def _expired(name: str, sources: Iterable[DataSource]) -> list[Feedback]:
    return [
        feedback(
            name,
            "WARNING",
            f"It is filled again from '{source.name}': rows that its TTL has removed are lost. "
            "A FORWARD_QUERY keeps them",
        )
        for source in sources
        if source.engine.get("ttl")
    ]


def _explain(live: Resources, wanted: Resources, steps: dict[str, Step]) -> list[Feedback]:
    told = []
    for name, step in steps.items():
        known = live.datasources.get(name)
        if step.way is Way.CLONE and step.clauses:
            text = "It will be updated with ALTER TABLE, without moving data"
            told.append(feedback(name, "INFO", text))
        forward_query = wanted.datasources[name].forward_query
        if forward_query and known is not None and step.way is not Way.FORWARD:
            text = (
                "Its FORWARD_QUERY was applied by an earlier deployment and is not run again: "
                "remove it"
            )
            told.append(feedback(name, "INFO", text))
    return told
