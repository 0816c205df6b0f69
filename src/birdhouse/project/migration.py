"""The statements that lead from what is live to a new set of resources.

They run in this order; nothing of it shows in the live deployment:

    create      new tables, still empty
    attach      while ingestion is held for a moment: clones of live tables, views that feed new
                tables from now on, and a snapshot of each table whose history has to be copied
    backfill    the snapshots into the new tables, while ingestion goes on; then `snapshots` go

What is left for the promotion: the views that write into tables of the live deployment, and those
that read from a table fed by one of them. `views` holds them all, `late` names them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

import msgspec

from birdhouse import tinybird
from birdhouse.engine import quote_name
from birdhouse.errors import BirdhouseError, FileError, ProjectError
from birdhouse.project import ddl
from birdhouse.project.views import Link, SelectOf, link_views, plan_views
from birdhouse.project.ways import Step, Way, choose_ways, is_mergetree, remembers
from birdhouse.workspace.deployments import Changes, Deployment, View
from birdhouse.workspace.resources import DataSource, Resources


class Copy(msgspec.Struct, frozen=True):
    """Rows of a SELECT to append to a table, column by column of the same name."""

    target: str
    select: str


class Forward(msgspec.Struct, frozen=True):
    """What a FORWARD_QUERY makes of the live table, to be compared with the new schema."""

    datasource: DataSource
    select: str


class Migration(msgspec.Struct):
    """See the top of the module."""

    database: str
    resources: Resources
    changes: Changes
    create: list[str] = []
    attach: list[str] = []
    backfill: list[Copy] = []
    snapshots: list[str] = []
    views: dict[str, View] = {}
    late: list[str] = []
    """Pipes whose view has to wait for the promotion."""
    feeds: list[str] = []
    forwards: list[Forward] = []
    cloned: list[str] = []
    """Live tables that are cloned: mutations under way have to end before."""

    @property
    def objects(self) -> list[str]:
        """Every table and view that the new deployment needs or makes on the way."""
        tables = [t for d in self.resources.datasources.values() for t in (d.table, d.quarantine)]
        return [*tables, *(v.name for v in self.views.values()), *self.feeds, *self.snapshots]


def plan_migration(
    live: Deployment | None,
    wanted: Resources,
    changes: Changes,
    database: str,
    select_of: SelectOf,
    *,
    build: bool,
) -> Migration:
    """Decide how each table gets its rows.

    With `build`, rows that no rule can carry over are dropped, with a word about it; without,
    that is a `ProjectError`.
    """
    serving = live.resources if live else Resources()
    after = plan_views(wanted, database, select_of)
    links = link_views(serving, wanted, _live_views(live, database, select_of), after)
    steps, feedback = choose_ways(serving, wanted, links, build=build)
    resources = _with_tables(serving, wanted, steps, links)
    planner = _Planner(live, resources, steps, links, database)
    migration = planner.plan(plan_views(resources, database, select_of))
    migration.changes = msgspec.structs.replace(
        changes,
        feedback=[*changes.feedback, *feedback],
        data_movements=planner.movements(),
    )
    return migration


def _live_views(live: Deployment | None, database: str, select_of: SelectOf) -> dict[str, View]:
    """The live views as they would be planned today: a newer planner may write them otherwise."""
    if live is None:
        return {}
    try:
        return plan_views(live.resources, database, select_of)
    except BirdhouseError:
        return live.views  # a secret that they use is gone, for instance


def _with_tables(
    live: Resources, wanted: Resources, steps: Mapping[str, Step], links: list[Link]
) -> Resources:
    datasources = {}
    for name, datasource in wanted.datasources.items():
        way = steps[name].way
        feeding = [link.pipe for link in links if link.target.name == name]
        before = () if way in (Way.CREATE, Way.REBUILD) else datasource.fed_by
        fed_by = tuple(dict.fromkeys((*before, *feeding)))
        kept = way is Way.KEEP or name not in live.datasources
        table = datasource.table if kept else f"t_{uuid.uuid4().hex}"
        datasources[name] = (
            datasource
            if (table, fed_by) == (datasource.table, datasource.fed_by)
            else msgspec.structs.replace(datasource, table=table, fed_by=fed_by)
        )
    return msgspec.structs.replace(wanted, datasources=datasources)


class _Planner:
    def __init__(
        self,
        live: Deployment | None,
        resources: Resources,
        steps: Mapping[str, Step],
        links: list[Link],
        database: str,
    ) -> None:
        self._live = live.resources.datasources if live else {}
        self._live_views = live.views if live else {}
        self._resources = resources
        self._steps = steps
        self._links = links
        self._database = database
        self._m = Migration(database, resources, Changes())
        self._feeds: list[View] = []

    def plan(self, views: dict[str, View]) -> Migration:
        for name, datasource in self._resources.datasources.items():
            self._table(self._live.get(name), datasource, self._steps[name])
        early = []
        for link in self._links:
            view = views[link.pipe]
            known = self._live_views.get(link.pipe)
            if known is not None and (known.target, known.select) == (view.target, view.select):
                view = known
            elif self._is_early(link):
                early.append(view)
                self._copy_past(link, view)
            else:
                self._m.late.append(link.pipe)
            self._m.views[link.pipe] = view
        self._m.feeds = [view.name for view in self._feeds]
        self._m.attach += [ddl.create_view(self._database, view) for view in (*self._feeds, *early)]
        self._m.backfill = _in_order(self._m.backfill, early, self._database)
        return self._m

    def movements(self) -> list[dict[str, str]]:
        """Where rows are copied, as Tinybird reports it."""
        moves = []
        for name, step in self._steps.items():
            if step.way is Way.FORWARD:
                moves.append({"datasource_name": name, "kind": "backfill_with_forward_query"})
        for link in self._links:
            copies = self._is_early(link) and not link.target.backfill_skip
            if copies and link.source.name in self._live and remembers(link.source):
                moves.append(
                    {
                        "datasource_name": link.target.name,
                        "kind": "backfill_with_mv_queries",
                        "source_mv_name": link.pipe,
                    }
                )
        return moves

    # tables

    def _table(self, live: DataSource | None, wanted: DataSource, step: Step) -> None:
        self._quarantine(live, wanted)
        if step.way is Way.KEEP:
            return
        if step.way is Way.CLONE and is_mergetree(wanted):
            assert live is not None
            self._clone(live, wanted, step)
        else:
            self._m.create.append(ddl.create_table(self._database, wanted))
        if step.way is Way.CLONE and live is not None:
            shared = {column.name for column in wanted.columns}
            names = [quote_name(c.name) for c in live.columns if c.name in shared]
            self._feed(live, wanted, f"SELECT {', '.join(names)}")
        elif step.way is Way.FORWARD and live is not None:
            query = forward_query(wanted)
            self._feed(live, wanted, query)
            self._m.forwards.append(Forward(wanted, f"{query}\nFROM {self._quoted(live.table)}"))

    def _clone(self, live: DataSource, wanted: DataSource, step: Step) -> None:
        """An empty table of the new shape, to check the project by; then one with the rows."""
        table, source = self._quoted(wanted.table), self._quoted(live.table)
        alter = [f"ALTER TABLE {table} {clauses}" for clauses in step.clauses]
        self._m.create += [f"CREATE TABLE {table} AS {source}", *alter]
        self._m.attach += [
            f"DROP TABLE {table}",
            f"CREATE TABLE {table} CLONE AS {source}",
            *alter,
        ]
        self._m.cloned.append(live.table)

    def _feed(self, live: DataSource, wanted: DataSource, query: str) -> None:
        """Rows of the live table reach the new one: new ones by a view, old ones by a copy.

        `query` is a SELECT without its FROM.
        """
        name = f"feed_{wanted.table.removeprefix('t_')}"
        select = f"{query}\nFROM {self._quoted(live.table)}"
        self._feeds.append(View(name, live.table, wanted.table, select))
        if not self._has_rows_at_attach(wanted) and remembers(live):
            past = f"{query}\nFROM {self._quoted(self._snapshot(live))}"
            self._m.backfill.append(Copy(wanted.table, past))

    def _has_rows_at_attach(self, datasource: DataSource) -> bool:
        """Whether the table has its past when ingestion goes on, not only after the backfill."""
        way = self._steps[datasource.name].way
        return way is Way.KEEP or (way is Way.CLONE and is_mergetree(datasource))

    def _quarantine(self, live: DataSource | None, wanted: DataSource) -> None:
        if live is None:
            self._m.create.append(ddl.create_quarantine(self._database, wanted))
            return
        # A column that goes stays here, with the raw values that were rejected.
        known = {column.name for column in live.columns}
        added = [quote_name(c.name) for c in wanted.columns if c.name not in known]
        if added:
            self._m.create.append(
                f"ALTER TABLE {self._quoted(wanted.quarantine)} "
                + ", ".join(f"ADD COLUMN IF NOT EXISTS {n} Nullable(String) FIRST" for n in added)
            )

    def _snapshot(self, datasource: DataSource) -> str:
        """A table that keeps what `datasource` holds while ingestion is held."""
        name = f"snap_{uuid.uuid4().hex}"
        source, snapshot = self._quoted(datasource.table), self._quoted(name)
        if is_mergetree(datasource):
            statement = f"CREATE TABLE {snapshot} CLONE AS {source}"
            self._m.cloned.append(datasource.table)
        else:
            statement = (
                f"CREATE TABLE {snapshot} ENGINE = MergeTree ORDER BY tuple() "
                f"AS SELECT * FROM {source}"
            )
        self._m.attach.append(statement)
        self._m.snapshots.append(name)
        return name

    def _quoted(self, table: str) -> str:
        return quote_name(self._database, table)

    # views

    def _is_early(self, link: Link) -> bool:
        """Whether the view can write into its target while another deployment is live."""
        target = self._steps[link.target.name]
        if target.way in (Way.CREATE, Way.REBUILD):
            # Otherwise the backfill of the source would run through the view.
            return self._has_rows_at_attach(link.source) or not link.target.backfill_skip
        if target.way in (Way.CLONE, Way.FORWARD):
            return link.new and not link.target.backfill_skip and remembers(link.source)
        return False

    def _copy_past(self, link: Link, view: View) -> None:
        """What the view would have written, had it been there from the beginning."""
        source = self._resources.datasources[link.source.name]
        if link.target.backfill_skip or not remembers(source):
            return
        if not self._has_rows_at_attach(source):
            return  # the backfill of the source runs through the view
        snapshot = self._snapshot(source)
        select = tinybird.replace_tables(
            view.select, {(self._database, source.table): (self._database, snapshot)}
        )
        self._m.backfill.append(Copy(view.target, select))


def _in_order(copies: list[Copy], views: list[View], database: str) -> list[Copy]:
    """The copies so that each finds filled what it reads besides its snapshot."""

    def reached(table: str, seen: set[str]) -> set[str]:
        if table not in seen:
            seen.add(table)
            for view in views:
                if view.source == table:
                    reached(view.target, seen)
        return seen

    writes = [reached(copy.target, set()) for copy in copies]
    graph: dict[int, set[int]] = {}
    for number, copy in enumerate(copies):
        reads = {table for owner, table, _ in tinybird.tables(copy.select) if owner == database}
        graph[number] = {n for n, found in enumerate(writes) if n != number and found & reads}
    try:
        return [copies[number] for number in TopologicalSorter(graph).static_order()]
    except CycleError:
        text = "The materialized views read each other's targets: none of them can be filled first"
        raise ProjectError([FileError("", text)]) from None


def forward_query(datasource: DataSource) -> str:
    """FORWARD_QUERY: a SELECT without FROM. Raises `ProjectError`."""
    query = (datasource.forward_query or "").strip().rstrip(";")
    try:
        reads = tinybird.tables(query)
    except BirdhouseError as error:
        text = f"FORWARD_QUERY: {error}"
        raise ProjectError([FileError(datasource.path, text)]) from None
    if reads:
        text = "FORWARD_QUERY selects from the live Data Source: leave FROM and WHERE out"
        raise ProjectError([FileError(datasource.path, text)])
    return query
