"""The materialized views of a project: what each reads, where it writes, and how it changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import msgspec

from birdhouse import tinybird
from birdhouse.errors import BirdhouseError, FileError, ProjectError
from birdhouse.project.report import place
from birdhouse.workspace.deployments import View
from birdhouse.workspace.resources import DataSource, Pipe, Resources

SelectOf = Callable[[Resources, Pipe], str]
"""Plans a pipe's output: the SELECT with ClickHouse's table names."""


def plan_views(resources: Resources, database: str, select_of: SelectOf) -> dict[str, View]:
    """The materialized views of a set of resources, by pipe. Raises `ProjectError`."""
    tables = {d.table for d in resources.datasources.values()}
    views: dict[str, View] = {}
    errors: list[FileError] = []
    for pipe in resources.pipes.values():
        if pipe.view is None:
            continue
        try:
            views[pipe.name] = _plan(resources, pipe, database, tables, select_of)
        except BirdhouseError as error:
            errors.append(FileError(pipe.path, f"{place(pipe, pipe.view)}: {error}"))
    if errors:
        raise ProjectError(errors)
    return views


def _plan(
    resources: Resources, pipe: Pipe, database: str, tables: set[str], select_of: SelectOf
) -> View:
    assert pipe.view is not None
    target = resources.datasources.get(pipe.view.settings.get("datasource", ""))
    if target is None:
        raise BirdhouseError(
            f"Resource '{pipe.view.settings.get('datasource')}' not found: "
            "the materialized view writes into it"
        )
    select = select_of(resources, pipe)
    owner, source = tinybird.left_table(select)
    if owner != database or source not in tables:
        raise BirdhouseError("A materialized view has to read from a Data Source of the workspace")
    digest = hashlib.sha256(f"{pipe.name}\0{target.table}\0{select}".encode()).hexdigest()[:32]
    return View(f"mv_{digest}", source, target.table, select)


class Link(msgspec.Struct, frozen=True):
    """A materialized view between two data sources, and what the deployment does to it."""

    pipe: str
    source: DataSource
    target: DataSource
    new: bool
    """It did not write into this data source before."""
    changed: bool
    """It did, by another query."""
    keeps_rows: bool
    """Old rows of the target stay as they are, though the query changed: `DEPLOYMENT_METHOD
    alter`, or `BACKFILL skip` in the target."""


def link_views(
    live: Resources,
    wanted: Resources,
    before: Mapping[str, View],
    after: Mapping[str, View],
) -> list[Link]:
    """The views of `wanted`. Both sides are planned with the tables of the live deployment."""
    by_table = {d.table: d for d in wanted.datasources.values()}
    links = []
    for pipe, view in after.items():
        source, target = by_table[view.source], by_table[view.target]
        known = before.get(pipe)
        new = known is None or known.target != view.target or target.name not in live.datasources
        method = wanted.pipes[pipe].output.settings.get("deployment_method", "")
        links.append(
            Link(
                pipe,
                source,
                target,
                new=new,
                changed=not new and known is not None and known.select != view.select,
                keeps_rows=method.lower() == "alter" or target.backfill_skip,
            )
        )
    return links
