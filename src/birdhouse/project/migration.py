"""The statements that lead from what is live to a new set of resources.

Four groups, run by `deploy` in this order, the last one at the promotion:

    create      new tables and additive ALTERs; nothing reads or feeds them yet
    attach      while ingestion is held for a moment: the views that feed new tables from now on,
                and a snapshot of each table whose history has to be copied
    backfill    the snapshots into the new tables, while ingestion goes on; then `cleanup`
    promotion   while ingestion is held again: views and tables change places
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable, Mapping

import msgspec

from birdhouse import tinybird
from birdhouse.engine import quote_name
from birdhouse.errors import FileError, ProjectError
from birdhouse.project import ddl
from birdhouse.project.diff import Step, Way, all_views, step_for, views_into
from birdhouse.workspace.deployments import Changes
from birdhouse.workspace.resources import DataSource, Pipe, Resources

SelectOf = Callable[[Resources, Pipe], str]
"""Plans a pipe's output: the SELECT with ClickHouse's table names."""


class View(msgspec.Struct, frozen=True):
    """A materialized view as ClickHouse sees it."""

    pipe: str
    name: str
    source: str
    target: str
    select: str

    def create(self, database: str) -> str:
        return ddl.create_view(database, self.name, self.target, self.select)


class Copy(msgspec.Struct, frozen=True):
    """Rows of a SELECT to append to a table, column by column of the same name."""

    target: str
    select: str


class Migration(msgspec.Struct):
    """See the top of the module. `withdrawal` undoes create, attach and backfill."""

    resources: Resources
    changes: Changes
    create: list[str] = []
    attach: list[str] = []
    backfill: list[Copy] = []
    cleanup: list[str] = []
    promotion: list[str] = []
    withdrawal: list[str] = []


def plan_migration(
    live: Resources,
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
    steps = {n: step_for(live.datasources.get(n), d) for n, d in wanted.datasources.items()}
    _rebuild_below(live, wanted, steps, database, select_of)
    feedback = _settle(live, wanted, steps, build=build)
    resources = _with_tables(wanted, steps)
    planner = _Planner(live, resources, steps, database, select_of)
    migration = planner.plan()
    migration.changes = msgspec.structs.replace(
        changes,
        feedback=[*changes.feedback, *feedback],
        data_movements=_movements(wanted, steps),
    )
    return migration


def views_of(resources: Resources, database: str, select_of: SelectOf) -> list[View]:
    """The materialized views of a set of resources."""
    return [_view(resources, pipe, database, select_of) for pipe in all_views(resources)]


def _view(resources: Resources, pipe: Pipe, database: str, select_of: SelectOf) -> View:
    assert pipe.view is not None
    target_name = pipe.view.settings.get("datasource", "")
    target = resources.datasources.get(target_name)
    if target is None:
        text = f"The materialized view writes into '{target_name}', which is no data source"
        raise ProjectError([FileError(pipe.path, text)])
    select = select_of(resources, pipe)
    owner, source = tinybird.left_table(select)
    if owner != database:
        text = "A materialized view has to read from a data source of the workspace"
        raise ProjectError([FileError(pipe.path, text)])
    digest = hashlib.sha256(f"{pipe.name}\0{target.table}\0{select}".encode()).hexdigest()[:32]
    return View(pipe.name, f"mv_{digest}", source, target.table, select)


def _rebuild_below(
    live: Resources,
    wanted: Resources,
    steps: dict[str, Step],
    database: str,
    select_of: SelectOf,
) -> None:
    """Mark the targets of changed views, and all that is fed by them, for rebuilding."""
    old = {view.pipe: view for view in views_of(live, database, select_of)}
    new = {view.pipe: view for view in views_of(wanted, database, select_of)}
    by_table = {d.table: name for name, d in wanted.datasources.items()}
    pending = []
    for pipe, view in new.items():
        target = by_table[view.target]
        known = old.get(pipe)
        changed = known is not None and known.select != view.select
        alters = wanted.pipes[pipe].output.settings.get("deployment_method", "").lower() == "alter"
        skips = wanted.datasources[target].backfill_skip
        if (
            changed
            and not alters
            and not skips
            and known is not None
            and known.target == view.target
        ):
            pending.append(target)
    pending += [name for name, step in steps.items() if step.way is Way.REBUILD]
    seen: set[str] = set()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        if steps[name].way in (Way.KEEP, Way.ALTER) and views_into(wanted, name):
            steps[name] = Step(Way.REBUILD, reason="its materialized view changes")
        table = wanted.datasources[name].table
        if steps[name].way is Way.REBUILD and views_into(wanted, name):
            pending += [by_table[view.target] for view in new.values() if view.source == table]


def _settle(
    live: Resources, wanted: Resources, steps: dict[str, Step], *, build: bool
) -> list[dict[str, str]]:
    """Say what is done to each table; refuse, or in a build recreate, what cannot be carried."""
    feedback: list[dict[str, str]] = []
    errors: list[FileError] = []
    for name, step in list(steps.items()):
        datasource = wanted.datasources[name]
        if step.way is Way.ALTER:
            text = "It will be updated with ALTER TABLE, without moving data"
            feedback.append({"resource": name, "level": "INFO", "message": text})
        if step.way is Way.REBUILD and not views_into(wanted, name):
            if build:
                text = (
                    f"The new definition {step.reason}, so its rows were dropped. "
                    "A FORWARD_QUERY keeps them"
                )
                feedback.append({"resource": name, "level": "WARNING", "message": text})
                steps[name] = Step(Way.CREATE)
            else:
                text = (
                    f"The new definition {step.reason}, which cannot be done in place. "
                    "Add a FORWARD_QUERY that selects every column of the new schema"
                )
                errors.append(FileError(datasource.path, text))
    if errors:
        raise ProjectError(errors)
    return feedback


def _with_tables(wanted: Resources, steps: Mapping[str, Step]) -> Resources:
    datasources = {
        name: msgspec.structs.replace(d, table=f"t_{uuid.uuid4().hex}")
        if steps[name].way in (Way.FORWARD, Way.REBUILD)
        or (steps[name].way is Way.CREATE and d.table != d.id)
        else d
        for name, d in wanted.datasources.items()
    }
    return msgspec.structs.replace(wanted, datasources=datasources)


def _movements(wanted: Resources, steps: Mapping[str, Step]) -> list[dict[str, str]]:
    moves = []
    for name, step in steps.items():
        if step.way is Way.FORWARD:
            moves.append({"datasource_name": name, "kind": "backfill_with_forward_query"})
        if step.way in (Way.REBUILD, Way.CREATE):
            moves += [
                {
                    "datasource_name": name,
                    "kind": "backfill_with_mv_queries",
                    "source_mv_name": pipe.name,
                }
                for pipe in views_into(wanted, name)
                if not wanted.datasources[name].backfill_skip
            ]
    return moves


class _Planner:
    def __init__(
        self,
        live: Resources,
        wanted: Resources,
        steps: Mapping[str, Step],
        database: str,
        select_of: SelectOf,
    ) -> None:
        self._live = live
        self._wanted = wanted
        self._steps = steps
        self._database = database
        self._old = {view.pipe: view for view in views_of(live, database, select_of)}
        self._new = {view.pipe: view for view in views_of(wanted, database, select_of)}
        self._by_table = {
            d.table: d for d in (*live.datasources.values(), *wanted.datasources.values())
        }
        self._m = Migration(wanted, Changes())
        self._snapshots: dict[str, str] = {}

    def plan(self) -> Migration:
        for name, datasource in self._wanted.datasources.items():
            self._table(self._live.datasources.get(name), datasource, self._steps[name])
        for view in self._new.values():
            self._attach_view(view)
        self._retire()
        self._m.withdrawal += [self._drop(s) for s in self._snapshots.values()]
        self._m.cleanup = [self._drop(s) for s in self._snapshots.values()]
        return self._m

    def _drop(self, table: str) -> str:
        return ddl.drop_table(self._database, table)

    def _table(self, live: DataSource | None, wanted: DataSource, step: Step) -> None:
        if step.way in (Way.KEEP, Way.ALTER):
            assert live is not None
            self._alter(live, wanted, step)
            return
        self._m.create += [
            ddl.create_table(self._database, wanted),
            ddl.create_quarantine(self._database, wanted),
        ]
        if step.way is Way.FORWARD:
            assert live is not None
            self._forward(live, wanted)
        self._m.withdrawal += [self._drop(wanted.table), self._drop(wanted.quarantine)]

    def _alter(self, live: DataSource, wanted: DataSource, step: Step) -> None:
        table = f"ALTER TABLE {quote_name(self._database, wanted.table)}"
        self._m.create += [f"{table} {clause}" for clause in step.alters]
        self._m.promotion += [f"{table} {clause}" for clause in step.late]
        self._m.withdrawal += [f"{table} {clause}" for clause in step.undo]
        known = {column.name for column in live.columns}
        quarantine = f"ALTER TABLE {quote_name(self._database, wanted.quarantine)}"
        self._m.create += [
            f"{quarantine} ADD COLUMN IF NOT EXISTS {quote_name(c.name)} Nullable(String) FIRST"
            for c in wanted.columns
            if c.name not in known
        ]

    def _forward(self, live: DataSource, wanted: DataSource) -> None:
        """Rows of the live table reach the new one: new ones by a view, old ones by a copy."""
        view = View(
            wanted.name,
            f"fwd_{wanted.table.removeprefix('t_')}",
            live.table,
            wanted.table,
            forward_select(wanted, quote_name(self._database, live.table)),
        )
        self._m.attach.append(view.create(self._database))
        self._m.promotion.append(self._drop(view.name))
        self._m.withdrawal.append(self._drop(view.name))
        self._copy(view)
        shared = [c.name for c in wanted.quarantine_columns if c in live.quarantine_columns]
        names = ", ".join(map(quote_name, shared))
        self._m.promotion.append(
            f"INSERT INTO {quote_name(self._database, wanted.quarantine)} ({names}) "
            f"SETTINGS insert_deduplicate = 1, insert_deduplication_token = '{wanted.table}' "
            f"SELECT {names} FROM {quote_name(self._database, live.quarantine)}"
        )

    def _snapshot(self, table: str) -> str:
        if table not in self._snapshots:
            self._snapshots[table] = f"snap_{uuid.uuid4().hex}"
            self._m.attach.append(
                f"CREATE TABLE {quote_name(self._database, self._snapshots[table])} "
                f"CLONE AS {quote_name(self._database, table)}"
            )
        return self._snapshots[table]

    def _copy(self, view: View) -> None:
        """What the view would have written, had it been there from the beginning."""
        source = self._by_table[view.source]
        if not source.engine["type"].endswith("MergeTree"):
            return
        snapshot = self._snapshot(view.source)
        select = tinybird.replace_tables(
            view.select, {(self._database, view.source): (self._database, snapshot)}
        )
        self._m.backfill.append(Copy(view.target, select))

    def _fresh(self, table: str) -> bool:
        """Whether the deployment makes the table."""
        name = self._by_table[table].name
        return self._steps[name].way in (Way.CREATE, Way.FORWARD, Way.REBUILD)

    def _attach_view(self, view: View) -> None:
        known = self._old.get(view.pipe)
        if known is not None and known.name == view.name:
            return
        create = view.create(self._database).replace(" VIEW ", " VIEW IF NOT EXISTS ", 1)
        replaces_feed = known is not None and not self._fresh(view.target)
        if replaces_feed or (self._fresh(view.source) and not self._fresh(view.target)):
            self._m.promotion.append(create)
            return
        skips = self._by_table[view.target].backfill_skip
        cascades = self._fresh(view.source)
        if cascades and skips:
            self._m.promotion.append(create)
        elif cascades:
            self._m.create.append(create)
        else:
            self._m.attach.append(create)
            if not skips:
                self._copy(view)
        self._m.withdrawal.insert(0, self._drop(view.name))

    def _retire(self) -> None:
        """What the live deployment has and the new one has not, goes at the promotion."""
        kept = {view.name for view in self._new.values()}
        gone = [self._drop(v.name) for v in self._old.values() if v.name not in kept]
        self._m.promotion = [*gone, *self._m.promotion]
        tables = {d.table for d in self._wanted.datasources.values()}
        for datasource in self._live.datasources.values():
            if datasource.table not in tables:
                self._m.promotion += [
                    self._drop(datasource.table),
                    self._drop(datasource.quarantine),
                ]


def forward_select(datasource: DataSource, table: str) -> str:
    """FORWARD_QUERY as a SELECT from a table; a FROM of its own is not wanted, but tolerated."""
    query = (datasource.forward_query or "").strip().rstrip(";")
    if not query.lower().startswith(("select", "with")):
        query = f"SELECT {query}"
    if " from " in f" {' '.join(query.lower().split())} ":
        database, _, name = table.replace("`", "").partition(".")
        return tinybird.replace_tables(query, {("", datasource.name): (database, name)})
    return f"{query} FROM {table}"
