"""Builds and deployments: the only code that changes what a workspace serves.

Concurrency: one deployment a workspace at a time, under `Workspace.lock`. Queries go on during
all of it. Ingestion is held twice for some milliseconds, while views are attached and at the
promotion, so that no row falls between an old table and a new one.

Crash safety: what a deployment is about to create is written down, as `withdrawal`, before it is
created; what a promotion will do is written down, as `promotion`, before it begins. `recover`
withdraws or finishes whatever a crash left behind.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

import msgspec

from birdhouse.engine import Engine, quote_name
from birdhouse.errors import (
    UNKNOWN_TABLE,
    BadRequest,
    Conflict,
    EngineError,
    FileError,
    ProjectError,
)
from birdhouse.project.check import check_resources
from birdhouse.project.datafiles import read_project
from birdhouse.project.diff import compare
from birdhouse.project.migration import Migration, plan_migration
from birdhouse.workspace.deployments import Changes, Deployment
from birdhouse.workspace.resources import Node, Pipe, Resources, utc_now
from birdhouse.workspace.tokens import new_token
from birdhouse.workspace.workspaces import Workspace, Workspaces, deployed_tokens

log = logging.getLogger("birdhouse")

Hold = Callable[[], AbstractContextManager[None]]
"""Keeps every insert waiting while the block runs, after those under way are committed."""

PlanNode = Callable[[Workspace, Resources, Pipe, Node], str]
"""The SELECT of a node, with ClickHouse's names and placeholder parameters."""

_BULK = {"insert_deduplicate": 0, "max_execution_time": 0}


class Deployer:
    """Builds, deploys, promotes and discards projects."""

    def __init__(
        self, engine: Engine, workspaces: Workspaces, hold: Hold, plan_node: PlanNode
    ) -> None:
        self._engine = engine
        self._workspaces = workspaces
        self._hold = hold
        self._plan_node = plan_node

    def build(self, workspace: Workspace, files: Mapping[str, str]) -> Changes:
        """Make the project live at once. Raises `ProjectError`; then nothing has changed."""
        with workspace.lock:
            staging = workspace.staging
            if staging is not None:
                self.discard(workspace, staging)
            wanted, changes = self._compare(workspace, files)
            if changes:
                deployment = self._create(workspace, wanted, changes, build=True)
                self.promote(workspace, deployment)
                changes = deployment.changes
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
        with workspace.lock:
            if workspace.staging is not None and not check:
                raise Conflict(
                    "There is already a deployment in staging: promote or discard it first"
                )
            wanted, changes = self._compare(workspace, files)
            if not changes:
                number = workspace.live.number if workspace.live else 0
                return Deployment(number=number, status="data_ready", live=True)
            if not allow_destructive_operations:
                _refuse_deletions(changes, workspace.resources)
            if check:
                return self._check(workspace, wanted, changes)
            deployment = self._create(workspace, wanted, changes, build=False)
            if auto_promote:
                self.promote(workspace, deployment)
            return deployment

    def promote(self, workspace: Workspace, deployment: Deployment) -> None:
        """Make a deployment that is ready live; the one before it is deleted."""
        with workspace.lock:
            if deployment.live:
                return
            if deployment.status not in ("data_ready", "promoting"):
                raise BadRequest(f"Deployment {deployment.id} is not ready: {deployment.status}")
            again = deployment.status == "promoting"
            deployment.status = "promoting"
            workspace.save_deployment(deployment)
            with self._hold():
                self._run(deployment.promotion, again=again)
                with workspace.transaction():
                    self._grant_tokens(workspace, deployment.resources)
                    deployment.status, deployment.live = "data_ready", True
                    deployment.promotion, deployment.withdrawal = [], []
                    workspace.save_deployment(deployment)

    def discard(self, workspace: Workspace, deployment: Deployment) -> None:
        """Withdraw a deployment that is not live; one that is gone stays gone."""
        with workspace.lock:
            if deployment.live:
                raise BadRequest("The live deployment cannot be discarded")
            if deployment.status == "deleted":
                return
            self._run(deployment.withdrawal)
            self._forget(workspace, deployment)

    def delete_workspace(self, workspace: Workspace) -> None:
        """Remove a workspace and its data."""
        with workspace.lock, self._hold():
            self._workspaces.delete(workspace)
            self._engine.execute(f"DROP DATABASE IF EXISTS {quote_name(workspace.database)} SYNC")

    def recover(self) -> None:
        """Finish or withdraw what a crash interrupted."""
        for workspace in self._workspaces:
            for deployment in list(workspace.deployments.values()):
                if deployment.status == "promoting":
                    log.warning("finishing the promotion of deployment %s", deployment.id)
                    self.promote(workspace, deployment)
                elif deployment.status in ("creating_schema", "schema_ready"):
                    log.warning("withdrawing the unfinished deployment %s", deployment.id)
                    self.discard(workspace, deployment)

    def _compare(self, workspace: Workspace, files: Mapping[str, str]) -> tuple[Resources, Changes]:
        wanted = read_project(files, workspace.secret_values(), workspace.resources)
        return wanted, compare(workspace.resources, wanted)

    def _plan(
        self, workspace: Workspace, wanted: Resources, changes: Changes, *, build: bool
    ) -> Migration:
        def select_of(resources: Resources, pipe: Pipe) -> str:
            return self._plan_node(workspace, resources, pipe, pipe.output)

        return plan_migration(
            workspace.resources, wanted, changes, workspace.database, select_of, build=build
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
            promotion=migration.promotion,
            withdrawal=migration.withdrawal,
        )
        workspace.save_deployment(deployment)
        try:
            self._make_schema(workspace, migration)
            with self._hold():
                self._run(migration.attach)
            deployment.status = "schema_ready"
            workspace.save_deployment(deployment)
            self._backfill(workspace, migration)
        except BaseException:
            self._run(migration.withdrawal)
            self._forget(workspace, deployment)
            raise
        deployment.status = "data_ready"
        workspace.save_deployment(deployment)
        return deployment

    def _check(self, workspace: Workspace, wanted: Resources, changes: Changes) -> Deployment:
        migration = self._plan(workspace, wanted, changes, build=False)
        deployment = Deployment(
            number=workspace.next_deployment_number(),
            status="creating_schema",
            changes=migration.changes,
            withdrawal=migration.withdrawal,
        )
        workspace.save_deployment(deployment)
        try:
            self._make_schema(workspace, migration)
        finally:
            self._run(migration.withdrawal)
            workspace.drop_deployment(deployment)
        return msgspec.structs.replace(deployment, status="data_ready")

    def _make_schema(self, workspace: Workspace, migration: Migration) -> None:
        database = quote_name(workspace.database)
        self._engine.execute(f"CREATE DATABASE IF NOT EXISTS {database} ENGINE = Atomic")
        for statement in migration.create:
            self._create_one(migration.resources, statement)

        def describe(resources: Resources, pipe: Pipe, node: Node) -> list[tuple[str, str]]:
            return self._describe(self._plan_node(workspace, resources, pipe, node))

        errors = check_resources(migration.resources, describe)
        if errors:
            raise ProjectError(errors)

    def _create_one(self, resources: Resources, statement: str) -> None:
        try:
            self._engine.execute(statement)
        except EngineError as error:
            owner = next(
                (d for d in resources.datasources.values() if f"`{d.table}`" in statement), None
            )
            path = owner.path if owner else ""
            raise ProjectError([FileError(path, str(error))]) from None

    def _describe(self, select: str) -> list[tuple[str, str]]:
        result = self._engine.query(f"DESCRIBE TABLE ({select})", "JSONCompactEachRow")
        rows = bytes(result.data).splitlines()
        return [(row[0], row[1]) for row in map(msgspec.json.decode, rows)]

    def _backfill(self, workspace: Workspace, migration: Migration) -> None:
        for copy in migration.backfill:
            names = ", ".join(quote_name(name) for name, _ in self._describe(copy.select))
            target = quote_name(workspace.database, copy.target)
            self._engine.execute(
                f"INSERT INTO {target} ({names}) SELECT {names} FROM ({copy.select})",
                settings=_BULK,
            )
        self._run(migration.cleanup)

    def _run(self, statements: list[str], *, again: bool = False) -> None:
        """Run statements; `again` when some of them may have dropped what others read."""
        for statement in statements:
            try:
                self._engine.execute(statement, settings=_BULK)
            except EngineError as error:
                if not (again and error.code == UNKNOWN_TABLE):
                    raise

    def _forget(self, workspace: Workspace, deployment: Deployment) -> None:
        deployment.status = "deleted"
        deployment.resources = Resources()
        deployment.promotion, deployment.withdrawal = [], []
        workspace.save_deployment(deployment)

    def _grant_tokens(self, workspace: Workspace, resources: Resources) -> None:
        """Create, change and remove the tokens that datafiles declare; values stay."""
        declared = deployed_tokens(resources)
        user = self._workspaces.account.user_id
        for name, scopes in declared.items():
            known = workspace.find_token(name)
            if known is None:
                workspace.save_token(new_token(user, name, scopes, "DS"))
            elif known.scopes != scopes and known.origin == "DS":
                workspace.save_token(
                    msgspec.structs.replace(known, scopes=scopes, updated_at=utc_now())
                )
        for token in list(workspace.tokens.values()):
            if token.origin == "DS" and token.name not in declared:
                workspace.delete_token(token.id)


def _refuse_deletions(changes: Changes, live: Resources) -> None:
    gone = [
        *(f"data source '{name}'" for name in changes.deleted_datasource_names),
        *(f"pipe '{name}'" for name in changes.deleted_pipe_names),
        *(f"connection '{name}'" for name in changes.deleted_data_connector_names),
    ]
    if gone:
        paths = [live.datasources[n].path for n in changes.deleted_datasource_names]
        text = (
            f"The deployment deletes {', '.join(gone)}. Destructive operations have to be allowed: "
            "deploy with --allow-destructive-operations"
        )
        raise ProjectError([FileError(paths[0] if paths else "", text)])
