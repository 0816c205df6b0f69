"""The workspaces of a data dir: what each serves, who may use it, what it keeps secret.

Concurrency: reading is lock-free, since resources are immutable and `live` is swapped in one
assignment. A change of records holds the workspace's `lock` for that moment. Besides, a workspace
has one deployment under way at a time (`deploying`), and `rows` lets those who rewrite rows share
the tables until a deployment has to exchange some. Order: `deploying`, `rows`, `lock`.
"""

from __future__ import annotations

import copy
import logging
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import msgspec

from birdhouse.errors import BadRequest, BirdhouseError, Conflict, Forbidden, NotFound
from birdhouse.workspace import tokens
from birdhouse.workspace.deployments import SEED, Deployment
from birdhouse.workspace.jobs import Job
from birdhouse.workspace.locks import Readers, SharedLock
from birdhouse.workspace.resources import DataSource, Pipe, Resources, utc_now
from birdhouse.workspace.schedules import Schedules
from birdhouse.workspace.store import Store
from birdhouse.workspace.tokens import Access, Scope, Token

log = logging.getLogger("birdhouse")

DEFAULT_WORKSPACE = "Tinybird_Local_Testing"
USER_EMAIL = "local_testing@tinybird.co"
WORKSPACE_ADMIN_TOKEN = "workspace admin token"
_RESERVED = {"tinybird", "system", "public", "default", "main", "origin", "live", "snapshot"}
_RESERVED |= {"_temporary_and_external_tables", "information_schema", "organization"}
_JOBS_KEPT = 100

T = TypeVar("T", bound=msgspec.Struct)


class _WorkspaceRecord(msgspec.Struct):
    id: str
    name: str
    created_at: str
    main: str | None = None


class _Deleted(msgspec.Struct):
    database: str


class Account(msgspec.Struct):
    """The one user and organization of a data dir."""

    user_id: str
    organization_id: str
    user_token: str


class Secret(msgspec.Struct, omit_defaults=True):
    name: str
    value: str
    created_at: str = msgspec.field(default_factory=utc_now)
    updated_at: str = msgspec.field(default_factory=utc_now)


class Workspace:
    """One workspace, in memory and in the store."""

    def __init__(
        self, store: Store, record: _WorkspaceRecord, all_: Callable[[], Iterator[Workspace]]
    ) -> None:
        self._store = store
        self._record = record
        self._all_workspaces = all_
        self.lock = threading.RLock()
        self.deploying = threading.RLock()
        self.rows = SharedLock()
        self.schedules = Schedules(store, record.id)
        self.deployments = {d.number: d for d in self._all("deployment", Deployment)}
        self.tokens = {t.id: t for t in self._all("token", Token)}
        self._by_value = {t.token: t for t in self.tokens.values()}
        self.secrets = {s.name: s for s in self._all("secret", Secret)}
        self.jobs: OrderedDict[str, Job] = OrderedDict()
        for job in sorted(self._all("job", Job), key=lambda j: j.created_at):
            self.jobs[job.id] = job
        self._live = next((d for d in self.deployments.values() if d.live), None)

    def _all(self, kind: str, type_: type[T]) -> list[T]:
        return self._store.all(kind, type_, self.id)

    @property
    def id(self) -> str:
        return self._record.id

    @property
    def name(self) -> str:
        return self._record.name

    @property
    def main(self) -> str | None:
        """The id of the workspace that this one is a branch of."""
        return self._record.main

    @property
    def created_at(self) -> str:
        return self._record.created_at

    @property
    def database(self) -> str:
        """The ClickHouse database that holds its tables."""
        return "ws_" + self.id.replace("-", "")

    # deployments

    @property
    def live(self) -> Deployment | None:
        return self._live

    @property
    def staging(self) -> Deployment | None:
        """The deployment that waits for promotion."""
        waiting = (d for d in list(self.deployments.values()) if d.status == "data_ready")
        return next((d for d in waiting if not d.live), None)

    def seen_from(self, deployment: Deployment) -> Workspace:
        """The same workspace, as it will be when the deployment is live. Not for changing it."""
        seen = copy.copy(self)
        seen._live = deployment
        return seen

    @property
    def resources(self) -> Resources:
        """What the live deployment serves."""
        return self._live.resources if self._live else Resources()

    def save_deployment(self, deployment: Deployment) -> None:
        deployment.updated_at = utc_now()
        with self.lock:
            self._store.put("deployment", self.id, f"{deployment.number:08d}", deployment)
            self.deployments[deployment.number] = deployment

    def set_live(self, deployment: Deployment) -> Deployment:
        """Serve a deployment from now on; the one before it is deleted. Gives it as it is kept."""
        now, feeds = utc_now(), deployment.feeds
        kept = [self._live] if self._live and self._live.number != deployment.number else []
        changed = [
            msgspec.structs.replace(
                previous,
                live=False,
                status="deleted",
                resources=Resources(),
                views={},
                objects=[*previous.objects, *feeds],
                updated_at=now,
            )
            for previous in kept
        ]
        live = msgspec.structs.replace(
            deployment,
            live=True,
            status="data_ready",
            late=[],
            feeds=[],
            objects=[name for name in deployment.objects if name not in feeds],
            updated_at=now,
        )
        with self.lock, self._store.transaction():
            for one in (*changed, live):
                self._store.put("deployment", self.id, f"{one.number:08d}", one)
            # Not before the records are written: readers go by these objects.
            self.deployments |= {one.number: one for one in (*changed, live)}
            self._live = live
        return live

    def drop_deployment(self, deployment: Deployment) -> None:
        """Leave no record of a deployment that was only checked."""
        with self.lock:
            self._store.delete("deployment", self.id, f"{deployment.number:08d}")
            self.deployments.pop(deployment.number, None)

    def next_deployment_number(self) -> int:
        return max(self.deployments, default=SEED) + 1

    def datasource(self, name_or_id: str) -> DataSource:
        found = self.resources.datasources.get(name_or_id) or next(
            (d for d in self.resources.datasources.values() if d.id == name_or_id), None
        )
        if found is None:
            raise NotFound(f'Data Source "{name_or_id}" does not exist')
        return found

    def shared(self, owner: str, name: str) -> tuple[str, DataSource] | None:
        """The database and the data source of another workspace that shares it with this one."""
        for workspace in self._all_workspaces():
            if workspace.name == owner:
                found = workspace.resources.datasources.get(name)
                if found is not None and self.name in found.shared_with:
                    return workspace.database, found
        return None

    def current(self, datasource: DataSource) -> DataSource:
        """What a data source of a request has become meanwhile: a promotion gives some new tables.

        Itself, when it belongs to the deployment in staging, or to no deployment at all.
        """
        serving = [self.resources]
        if self.staging is not None:
            serving.append(self.staging.resources)
        for resources in serving:
            known = resources.datasources.get(datasource.name)
            if known is not None and known.table == datasource.table:
                return known
        known = self.resources.datasources.get(datasource.name)
        return known if known is not None and known.id == datasource.id else datasource

    @contextmanager
    def rewriting(self, name_or_id: str) -> Iterator[DataSource]:
        """The data source, whose table stays in its place while the block runs.

        For whoever changes rows that are stored already. Raises `NotFound`, and `Conflict` when
        the deployment in staging has the rows in a table of its own, which no change would reach.
        """
        with self.rows.shared():
            datasource = self.datasource(name_or_id)
            staging = self.staging
            other = staging.resources.datasources.get(datasource.name) if staging else None
            if other is not None and other.table != datasource.table:
                raise Conflict(
                    f"The deployment in staging has the rows of '{datasource.name}' in a new "
                    "table: promote or discard it first"
                )
            yield datasource

    def pipe(self, name_or_id: str) -> Pipe | None:
        return self.resources.pipes.get(name_or_id) or next(
            (p for p in self.resources.pipes.values() if p.id == name_or_id), None
        )

    def pipes_reading(self, name: str) -> list[Pipe]:
        """The pipes with a node that names the resource."""
        pipes = self.resources.pipes.values()
        return [p for p in pipes if any(name in node.dependencies for node in p.nodes)]

    # tokens

    @property
    def admin_token(self) -> str:
        return next(t.token for t in self.tokens.values() if t.name == WORKSPACE_ADMIN_TOKEN)

    def save_token(self, token: Token) -> None:
        with self.lock:
            known = self.tokens.get(token.id)
            self._store.put("token", self.id, token.id, token)
            self.tokens[token.id] = token
            self._by_value[token.token] = token
            if known is not None and known.token != token.token:
                del self._by_value[known.token]

    def delete_token(self, token_id: str) -> None:
        with self.lock:
            self._store.delete("token", self.id, token_id)
            del self._by_value[self.tokens.pop(token_id).token]

    def token_by_value(self, value: str) -> Token | None:
        return self._by_value.get(value)

    def find_token(self, text: str) -> Token | None:
        """By id, name or value."""
        return next((t for t in self.tokens.values() if text in (t.id, t.name, t.token)), None)

    # secrets

    def save_secret(self, name: str, value: str) -> Secret:
        with self.lock:
            known = self.secrets.get(name)
            secret = Secret(name, value, known.created_at) if known else Secret(name, value)
            self._store.put("secret", self.id, name, secret)
            self.secrets[name] = secret
            return secret

    def delete_secret(self, name: str) -> None:
        with self.lock:
            self._store.delete("secret", self.id, name)
            del self.secrets[name]

    def secret_values(self) -> dict[str, str]:
        return {secret.name: secret.value for secret in self.secrets.values()}

    # jobs

    def save_job(self, job: Job) -> None:
        """Keep a job; the oldest are forgotten."""
        job.updated_at = utc_now()
        with self.lock:
            self._store.put("job", self.id, job.id, job)
            self.jobs[job.id] = job
            while len(self.jobs) > _JOBS_KEPT:
                oldest, _ = self.jobs.popitem(last=False)
                self._store.delete("job", self.id, oldest)

    def carry_out(self, job: Job, work: Callable[[], Mapping[str, Any]]) -> None:
        """Do the work of a job, and keep how it begins and ends; whatever happens, it ends.

        What `work` gives is added to the job's detail. Raises nothing of what `work` raises: it
        becomes the job's error. A job that is cancelled before it begins does not.
        """
        if job.status == "cancelling":
            job.status = "cancelled"
            self.save_job(job)
            return
        job.status, job.started_at = "working", utc_now()
        self.save_job(job)
        try:
            job.detail |= work()
            job.status = "done"
        except BirdhouseError as error:
            job.status, job.error = "cancelled" if job.cancelling else "error", str(error)
        except Exception:
            log.exception("the %s job %s failed", job.kind, job.id)
            job.status, job.error = "error", "Internal error: the reason is in birdhouse's log"
        self.save_job(job)

    def end_jobs(self, going_on: Collection[str]) -> None:
        """Jobs that the last process did not finish are over, but for those that go on."""
        for job in list(self.jobs.values()):
            if not job.is_over and job.id not in going_on:
                job.status, job.error = "error", "The server stopped before the job was done"
                self.save_job(job)

    def transaction(self) -> AbstractContextManager[None]:
        """All changes inside are kept together."""
        return self._store.transaction()


class Workspaces:
    """Every workspace of a data dir, and the account that owns them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.RLock()
        self.readers = Readers()
        accounts = store.all("account", Account, "")
        self.account = accounts[0] if accounts else self._create_account()
        self._by_id = {
            r.id: Workspace(store, r, self.__iter__)
            for r in store.all("workspace", _WorkspaceRecord, "")
        }
        if not any(w.name == DEFAULT_WORKSPACE for w in self._by_id.values()):
            self.create(DEFAULT_WORKSPACE)

    def _create_account(self) -> Account:
        user = str(uuid.uuid4())
        token = tokens.new_token(user, f"admin {USER_EMAIL}", (), "U").token
        account = Account(user_id=user, organization_id=str(uuid.uuid4()), user_token=token)
        self._store.put("account", "", user, account)
        return account

    def __iter__(self) -> Iterator[Workspace]:
        return iter(sorted(self._by_id.values(), key=lambda w: w.created_at))

    @property
    def default(self) -> Workspace:
        return self.named(DEFAULT_WORKSPACE)

    def get(self, id: str) -> Workspace | None:
        return self._by_id.get(id)

    def named(self, name: str) -> Workspace:
        found = next((w for w in self._by_id.values() if name in (w.name, w.id)), None)
        if found is None:
            raise NotFound(f"Workspace '{name}' not found")
        return found

    def create(self, name: str, main: str | None = None) -> Workspace:
        """A new workspace with its admin tokens. Raises `BadRequest`, `Conflict`."""
        if not name.isidentifier() or name.lower() in _RESERVED:
            raise BadRequest(
                f"Invalid workspace name '{name}': use letters, digits and underscores, "
                "and none of ClickHouse's or Tinybird's own names"
            )
        with self._lock, self._store.transaction():
            if any(w.name == name for w in self._by_id.values()):
                raise Conflict(f"Workspace with name '{name}' already exists")
            record = _WorkspaceRecord(str(uuid.uuid4()), name, utc_now(), main)
            self._store.put("workspace", "", record.id, record)
            workspace = Workspace(self._store, record, self.__iter__)
            for token_name in (WORKSPACE_ADMIN_TOKEN, f"admin {USER_EMAIL}"):
                admin = (Scope(tokens.ADMIN),)
                workspace.save_token(tokens.new_token(self.account.user_id, token_name, admin, "C"))
            self._by_id = {**self._by_id, record.id: workspace}
        return workspace

    def delete(self, workspace: Workspace) -> None:
        if workspace.name == DEFAULT_WORKSPACE:
            raise BadRequest(f"The workspace '{DEFAULT_WORKSPACE}' cannot be deleted")
        with self._lock, self._store.transaction():
            self._store.delete_workspace(workspace.id)
            self._store.delete("workspace", "", workspace.id)
            # Its tables are dropped after this is written: a crash between leaves no orphans.
            self._store.put("deleted", "", workspace.database, _Deleted(workspace.database))
            self._by_id = {i: w for i, w in self._by_id.items() if i != workspace.id}

    def deleted_databases(self) -> list[str]:
        """The databases of deleted workspaces that are not dropped yet."""
        return [deleted.database for deleted in self._store.all("deleted", _Deleted, "")]

    def forget_database(self, database: str) -> None:
        self._store.delete("deleted", "", database)

    def authenticate(self, token: str) -> tuple[Workspace, Access]:
        """Whose token it is and what it may do. Raises `Forbidden`."""
        if token == self.account.user_token:
            admin = Access("user", f"admin {USER_EMAIL}", (Scope("ADMIN_USER"),))
            return self.default, admin
        for workspace in self._by_id.values():
            found = workspace.token_by_value(token)
            if found is not None:
                return workspace, Access(found.id, found.name, found.scopes)
        owner = self._by_id.get(tokens.workspace_of_jwt(token))
        if owner is None:
            raise Forbidden(tokens.INVALID)
        return owner, tokens.read_jwt(token, owner.admin_token)
