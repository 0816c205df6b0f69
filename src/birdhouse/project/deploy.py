"""Builds and deployments: the only code that changes what a workspace serves.

Nothing of a deployment shows before its promotion: it has tables of its own for all that changes,
and shares the rest. The promotion is one transaction in the store, with ingestion held.

Concurrency: one deployment a workspace at a time, under `Workspace.deploying`. Queries go on
during all of it. Ingestion is held twice for some milliseconds, while views are attached and at
the promotion, so that no row falls between an old table and a new one. Old tables are dropped when
the last request has been answered that may know them.

Crash safety: a deployment writes down what it is about to make in ClickHouse (`objects`) before it
makes it, and what no deployment needs is dropped (`sweep`). `recover` finishes a promotion that
began, and gives up any other deployment that was under way.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import msgspec

from birdhouse.engine import Engine, quote_name, quote_text
from birdhouse.errors import (
    BadRequest,
    BirdhouseError,
    Conflict,
    EngineError,
    FileError,
    ProjectError,
)
from birdhouse.project import ddl
from birdhouse.project.check import Checker
from birdhouse.project.datafiles import read_project
from birdhouse.project.describe import Columns, Descriptions, definitions
from birdhouse.project.diff import compare
from birdhouse.project.grants import grant_tokens
from birdhouse.project.migration import Migration, plan_migration
from birdhouse.project.report import Feedback, feedback
from birdhouse.project.sweep import Hold, Sweeper, alone
from birdhouse.workspace.deployments import SEED, Changes, Deployment
from birdhouse.workspace.resources import (
    Connection,
    DataSource,
    Node,
    Pipe,
    Resources,
)
from birdhouse.workspace.workspaces import Workspace, Workspaces

log = logging.getLogger("birdhouse")

PlanNode = Callable[[Workspace, Resources, Pipe, Node], str]
"""The SELECT of a node, with ClickHouse's names and placeholder parameters."""

PlanView = Callable[[Workspace, Resources, Pipe], str]
"""The SELECT of a materialized view, with ClickHouse's names and the values of secrets."""

_BULK: dict[str, int | float | str] = {
    "insert_deduplicate": 0,
    "max_execution_time": 0,
    "max_partitions_per_insert_block": 0,
    "max_bytes_before_external_group_by": 1_000_000_000,
    "max_bytes_before_external_sort": 1_000_000_000,
}
_SCHEMA: dict[str, int | float | str] = {"alter_sync": 0, "mutations_sync": 0}
"""An ALTER is done when the table has its new shape: old parts follow in the background, and are
read as if they had."""
_MUTATION_POLL = 0.05


class Planning(msgspec.Struct, frozen=True):
    """How SQL of pipes becomes SQL of tables."""

    node: PlanNode
    view: PlanView


class Deployer:
    """Builds, deploys, promotes and discards projects."""

    def __init__(
        self,
        engine: Engine,
        workspaces: Workspaces,
        hold: Hold,
        planning: Planning,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        """`changed` is called when another deployment has become live or a workspace is gone."""
        self._engine = engine
        self._workspaces = workspaces
        self._hold = hold
        self._planning = planning
        self._changed = changed
        self._closing = threading.Event()
        self._descriptions = Descriptions(engine)
        self._sweeper = Sweeper(engine, workspaces, hold)

    def build(self, workspace: Workspace, files: Mapping[str, str]) -> Changes:
        """Make the project live at once. Raises `ProjectError`; then nothing has changed."""
        with workspace.deploying:
            if workspace.staging is not None:
                self.discard(workspace, workspace.staging)
            wanted, changes = self._compare(workspace, files)
            if changes:
                deployment = self._create(workspace, wanted, changes, build=True)
                changes = self.promote(workspace, deployment).changes
            return changes

    def deploy(
        self,
        workspace: Workspace,
        files: Mapping[str, str],
        *,
        check: bool = False,
        auto_promote: bool = False,
        allow_destructive_operations: bool = False,
    ) -> Deployment:
        """Make a deployment that waits in staging, or goes live with `auto_promote`.

        With `check` nothing stays behind. A project without changes gives the live deployment,
        with no changes in it. Raises `ProjectError`, `Conflict`.
        """
        with workspace.deploying:
            if workspace.staging is not None and not check:
                raise Conflict(
                    "There is already a deployment in staging: promote or discard it first"
                )
            wanted, changes = self._compare(workspace, files)
            if not changes:
                number = workspace.live.number if workspace.live else SEED
                return Deployment(number=number, status="data_ready", live=True)
            if not allow_destructive_operations:
                _refuse_deletions(changes, workspace.resources)
            if check:
                return self._check(workspace, wanted, changes)
            deployment = self._create(workspace, wanted, changes, build=False)
            if auto_promote:
                return self.promote(workspace, deployment)
            workspace.save_deployment(deployment)
            return deployment

    def promote(self, workspace: Workspace, deployment: Deployment) -> Deployment:
        """Make a deployment that is ready live; the one before it is deleted."""
        with workspace.deploying:
            if deployment.live:
                return deployment
            if deployment.status not in ("data_ready", "promoting"):
                raise BadRequest(f"Deployment {deployment.id} is not ready: {deployment.status}")
            with self._alone(workspace):
                # Not before inserts are held: then none is half done when this is found again.
                deployment.status = "promoting"
                workspace.save_deployment(deployment)
                self._exchange_views(workspace, deployment)
                with workspace.transaction():
                    grant_tokens(workspace, self._workspaces.account.user_id, deployment.resources)
                    deployment = workspace.set_live(deployment)
            self._sweeper.sweep_soon(workspace)
        self._changed()
        return deployment

    def discard(self, workspace: Workspace, deployment: Deployment) -> None:
        """Withdraw a deployment that is not live; one that is gone stays gone."""
        with workspace.deploying:
            if deployment.live:
                raise BadRequest("The live deployment cannot be discarded")
            if deployment.status != "deleted":
                self._give_up(workspace, deployment)
                self._sweeper.sweep_soon(workspace)

    def delete_workspace(self, workspace: Workspace) -> None:
        """Remove a workspace and its data."""
        with workspace.deploying, self._alone(workspace):
            self._workspaces.delete(workspace)
        self._changed()
        self._sweeper.drop_databases()

    def recover(self) -> None:
        """Finish or give up what a crash interrupted. Replay ingestion after it, then sweep."""
        for workspace in self._workspaces:
            for deployment in list(workspace.deployments.values()):
                if deployment.status == "promoting":
                    log.warning("finishing the promotion of deployment %s", deployment.id)
                    try:
                        self.promote(workspace, deployment)
                    except EngineError:
                        log.exception("deployment %s stays in staging", deployment.id)
                elif deployment.status in ("creating_schema", "schema_ready"):
                    log.warning("giving up the unfinished deployment %s", deployment.id)
                    text = "The server stopped before the deployment was ready"
                    self._give_up(workspace, deployment, [FileError("", text)])

    def sweep(self) -> None:
        """Drop what a crash left behind."""
        self._sweeper.sweep_all()

    def close(self) -> None:
        """Let deployments under way fail soon, and leave sweeping to the next start."""
        self._closing.set()
        self._sweeper.close()

    # making a deployment

    def _compare(self, workspace: Workspace, files: Mapping[str, str]) -> tuple[Resources, Changes]:
        live = workspace.resources
        wanted, told = read_project(files, workspace.secret_values(), live)
        told += self._sharing_feedback(wanted)
        return wanted, msgspec.structs.replace(compare(live, wanted), feedback=told)

    def _sharing_feedback(self, wanted: Resources) -> list[Feedback]:
        known = {workspace.name for workspace in self._workspaces}
        return [
            feedback(datasource.name, "WARNING", f"There is no workspace '{name}' yet")
            for datasource in wanted.datasources.values()
            for name in datasource.shared_with
            if name not in known
        ]

    def _plan(
        self, workspace: Workspace, wanted: Resources, changes: Changes, *, build: bool
    ) -> Migration:
        def select_of(resources: Resources, pipe: Pipe) -> str:
            return self._planning.view(workspace, resources, pipe)

        return plan_migration(
            workspace.live, wanted, changes, workspace.database, select_of, build=build
        )

    def _create(
        self, workspace: Workspace, wanted: Resources, changes: Changes, *, build: bool
    ) -> Deployment:
        migration = self._plan(workspace, wanted, changes, build=build)
        deployment = Deployment(
            number=workspace.next_deployment_number(),
            status="creating_schema",
            resources=migration.resources,
            changes=migration.changes,
            views=migration.views,
            late=migration.late,
            feeds=migration.feeds,
            objects=migration.objects,
        )
        workspace.save_deployment(deployment)
        try:
            deployment.changes = self._make_schema(workspace, migration)
            if migration.attach:
                self._wait_for_mutations(workspace, migration.cloned)
                with self._alone(workspace):
                    self._run(migration.attach, _SCHEMA)
            deployment.status = "schema_ready"
            workspace.save_deployment(deployment)
            self._backfill(workspace, migration)
        except BaseException as error:
            errors = error.errors if isinstance(error, ProjectError) else []
            self._give_up(workspace, deployment, errors or [FileError("", str(error))])
            self._sweeper.sweep_soon(workspace)
            raise
        # Not saved yet: one that is to go live at once must not be found in staging after a crash.
        deployment.status = "data_ready"
        gone = set(migration.snapshots)
        deployment.objects = [name for name in deployment.objects if name not in gone]
        return deployment

    def _check(self, workspace: Workspace, wanted: Resources, changes: Changes) -> Deployment:
        migration = self._plan(workspace, wanted, changes, build=False)
        deployment = Deployment(
            number=workspace.next_deployment_number(),
            status="creating_schema",
            objects=migration.objects,
        )
        workspace.save_deployment(deployment)
        try:
            found = self._make_schema(workspace, migration)
        finally:
            deployment.status = "deleted"
            workspace.save_deployment(deployment)
            self._sweeper.sweep(workspace)
            workspace.drop_deployment(deployment)
        return msgspec.structs.replace(deployment, status="data_ready", changes=found)

    def describer(self, workspace: Workspace, resources: Resources) -> Callable[[str], Columns]:
        """What tells the columns of a SELECT on tables of these resources: a name and a type each.

        It raises what the engine raises, and remembers what it was told.
        """
        defined = definitions(resources.datasources.values())
        return lambda select: self._descriptions.recall(select, workspace.database, defined)

    def _make_schema(self, workspace: Workspace, migration: Migration) -> Changes:
        """Make the new tables and check the project on them. Gives all there is to report."""
        database = quote_name(workspace.database)
        self._engine.execute(f"CREATE DATABASE IF NOT EXISTS {database} ENGINE = Atomic")
        for statement in migration.create:
            self._create_one(migration.resources, statement)

        def plan(resources: Resources, pipe: Pipe, node: Node) -> str:
            return self._planning.node(workspace, resources, pipe, node)

        checker = Checker(migration, plan, self.describer(workspace, migration.resources))
        checker.run()
        if checker.errors:
            raise ProjectError(checker.errors)
        changes = migration.changes
        return msgspec.structs.replace(changes, feedback=[*changes.feedback, *checker.told])

    def _create_one(self, resources: Resources, statement: str) -> None:
        try:
            self._engine.execute(statement, settings=_SCHEMA)
        except EngineError as error:
            owner = next(
                (d for d in resources.datasources.values() if f"`{d.table}`" in statement), None
            )
            path = owner.path if owner else ""
            raise ProjectError([FileError(path, str(error))]) from None

    def _wait_for_mutations(self, workspace: Workspace, tables: list[str]) -> None:
        """A clone has the parts of a table, not the mutations that these still wait for."""
        names = ", ".join(map(quote_text, tables))
        if not names:
            return
        while True:
            found = self._engine.query(
                "SELECT count() FROM system.mutations WHERE NOT is_done "
                f"AND database = {quote_text(workspace.database)} AND table IN ({names})",
                "TSV",
            )
            if found.text().strip() == "0":
                return
            self._stop_if_closing(self._closing.wait(_MUTATION_POLL))

    def _backfill(self, workspace: Workspace, migration: Migration) -> None:
        for copy in migration.backfill:
            self._stop_if_closing(self._closing.is_set())
            names = ", ".join(
                quote_name(name) for name, _ in self._descriptions.describe(copy.select)
            )
            target = quote_name(workspace.database, copy.target)
            self._engine.execute(
                f"INSERT INTO {target} ({names}) SELECT {names} FROM ({copy.select})",
                settings=_BULK,
            )
        self._run([ddl.drop_table(workspace.database, name) for name in migration.snapshots])

    def _stop_if_closing(self, closing: bool) -> None:
        if closing:
            raise BirdhouseError("The server is shutting down: the deployment was given up")

    # changing places

    def _alone(self, workspace: Workspace) -> AbstractContextManager[None]:
        return alone(workspace, self._hold)

    def _exchange_views(self, workspace: Workspace, deployment: Deployment) -> None:
        """Bring the views to what the deployment says. Safe to repeat."""
        database = workspace.database
        late = [deployment.views[pipe] for pipe in deployment.late]
        try:
            self._run([ddl.create_view(database, view) for view in late])
        except EngineError:
            self._run([ddl.drop_table(database, view.name) for view in late])
            deployment.status = "data_ready"
            workspace.save_deployment(deployment)
            raise
        kept = {view.name for view in deployment.views.values()}
        live = workspace.live.views.values() if workspace.live else ()
        self._run([ddl.drop_table(database, v.name) for v in live if v.name not in kept])

    def _give_up(
        self, workspace: Workspace, deployment: Deployment, errors: list[FileError] | None = None
    ) -> None:
        """From now on the deployment needs nothing."""
        deployment.status = "deleted"
        deployment.resources, deployment.views = Resources(), {}
        deployment.errors = [{"filename": e.filename, "error": e.error} for e in errors or ()]
        workspace.save_deployment(deployment)

    def _run(
        self, statements: list[str], settings: Mapping[str, int | float | str] | None = None
    ) -> None:
        for statement in statements:
            self._engine.execute(statement, settings=settings)


def _refuse_deletions(changes: Changes, live: Resources) -> None:
    text = "is deleted, which has to be allowed: deploy with --allow-destructive-operations"
    gone: list[tuple[str, DataSource | Pipe | Connection]] = [
        *(("data source", live.datasources[name]) for name in changes.deleted_datasource_names),
        *(("pipe", live.pipes[name]) for name in changes.deleted_pipe_names),
        *(("connection", live.connections[name]) for name in changes.deleted_data_connector_names),
    ]
    errors = [FileError(r.path, f"The {kind} '{r.name}' {text}") for kind, r in gone]
    if errors:
        raise ProjectError(errors)
