"""What has to happen in a workspace so that a user, a session or a tenant is gone from it.

Which tables hold the rows is read from the API: a table that has the columns to tell them by loses
those rows, its quarantine likewise. A table that a view or a copy fills and that lacks the columns
holds them mixed with others, in counts and aggregate states, which nothing can be subtracted from:
it is emptied and filled again by a copy pipe from the rows that are left.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import click
import httpx

from host import HostRefused, checked

KEPT = {
    "event_days": "it counts the rows that ever arrived for a day, and tells nothing of whose",
    "session_days": "it counts the rows that ever arrived for a day, and tells nothing of whose",
}
"""Tables that are filled from the rows and stay as they are, each with the reason."""

_SETTING = re.compile(
    r"^\s*(TARGET_DATASOURCE|DATASOURCE|COPY_SCHEDULE)\s+(\S.*?)\s*$", re.MULTILINE
)
_POLL_SECONDS = 0.5
_PATIENCE = 3600.0


@dataclass(frozen=True)
class Subject:
    """Whose rows go: `column` holds one of `values`, within a tenant or in all."""

    column: str
    values: tuple[str, ...]
    tenant: str | None = None

    @property
    def columns(self) -> set[str]:
        return {self.column} | ({"tenant_id"} if self.tenant is not None else set())

    def condition(self) -> str:
        """As SQL. Values travel as hexadecimal digits: there is nothing to quote or to escape."""
        parts = [f"{self.column} IN ({', '.join(map(_literal, self.values))})"]
        if self.tenant is not None:
            parts.append(f"tenant_id = {_literal(self.tenant)}")
        return " AND ".join(parts)

    def rejected(self) -> str:
        """As SQL over a quarantine: its columns may be NULL, when nothing of a row could be read.

        Then the message holds what was sent, and a value that stands anywhere in it counts.
        """
        found = [f"position(c__error[1], {_literal(value)}) > 0" for value in self.values]
        unread = f"isNull({self.column}) AND ({' OR '.join(found)})"
        return f"({self.condition()}) OR ({unread})"

    def fingerprint(self) -> dict[str, Any]:
        """Who it is for one who knows, without telling another."""
        named: dict[str, Any] = {"column": self.column, "sha256": list(map(_sha256, self.values))}
        if self.tenant is not None:
            named["tenant_sha256"] = _sha256(self.tenant)
        return named


def _literal(value: str) -> str:
    return f"unhex('{value.encode().hex()}')"


def _sha256(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


@dataclass
class Table:
    """A table, or a quarantine, that is to be changed."""

    name: str
    action: str
    """`delete`: rows go by the condition. `rebuild`: it is emptied and filled by `copy`."""
    copy: str = ""
    before: int | None = None
    """Rows to erase before the first attempt; of a table to rebuild all its rows."""
    after: int | None = None
    """The same when all was done."""
    done: bool = False


@dataclass
class Plan:
    tables: list[Table]
    kept: dict[str, str]
    """Tables that stay as they are, each with the reason."""
    schedules: list[str]
    """Copy pipes that run by the clock, and have to rest meanwhile."""


class CannotErase(click.ClickException):
    """Nothing has been changed; the message says what is missing."""


def plan_erasure(http: httpx.Client, subject: Subject) -> Plan:
    """What to do in this workspace. Raises `CannotErase`, `HostRefused`."""
    datasources = checked("The list of data sources", http.get("/v0/datasources"))["datasources"]
    fillers = dict(_fillers(http))
    filled = {target for target, _, _ in fillers.values()}
    tables: list[Table] = []
    kept: dict[str, str] = {}
    missing = []
    for datasource in datasources:
        name = datasource["name"]
        columns = {column["name"] for column in datasource["columns"]}
        if subject.columns <= columns:
            if datasource["engine"]["engine"] != "Null":
                tables.append(Table(name, "delete"))
            tables.append(Table(f"{name}_quarantine", "delete"))
        elif name in KEPT:
            kept[name] = KEPT[name]
        elif name in filled:
            copies = [
                pipe for pipe, (to, kind, _) in fillers.items() if to == name and kind == "copy"
            ]
            if copies:
                tables.append(Table(name, "rebuild", copy=copies[0]))
            else:
                missing.append(name)
        elif subject.column in columns:
            raise CannotErase(f"{name} has no tenant_id: erase without --in-tenant")
    if missing:
        raise CannotErase(
            f"No copy pipe fills {', '.join(missing)}, where the rows are mixed with others. "
            "Write one whose TARGET_DATASOURCE it is, with the SQL of its view"
        )
    if not any(table.action == "delete" for table in tables):
        raise CannotErase(f"No data source of this workspace has the column {subject.column}")
    tables.sort(key=lambda table: table.action)
    rebuilt = {table.name for table in tables if table.action == "rebuild"}
    scheduled = [pipe for pipe, (to, _, clock) in fillers.items() if clock and to in rebuilt]
    return Plan(tables, kept, scheduled)


def _fillers(http: httpx.Client) -> Iterator[tuple[str, tuple[str, str, bool]]]:
    """The pipes that fill tables: each with its target, its type and whether it has a schedule."""
    for pipe in checked("The list of pipes", http.get("/v0/pipes"))["pipes"]:
        if pipe["type"] not in ("materialized", "copy"):
            continue
        answer = http.get(f"/v1/pipes/{pipe['name']}.pipe")
        if not answer.is_success:
            raise HostRefused(f"The datafile of {pipe['name']}", answer)
        settings = dict(_SETTING.findall(answer.text))
        target = settings.get("TARGET_DATASOURCE") or settings["DATASOURCE"]
        clock = settings.get("COPY_SCHEDULE", "@on-demand") != "@on-demand"
        yield pipe["name"], (target, pipe["type"], clock)


class Erasure:
    """Carries a plan out, one table after the other; each step may be repeated."""

    def __init__(self, http: httpx.Client, subject: Subject, plan: Plan) -> None:
        self._http = http
        self._subject = subject
        self._plan = plan

    def count(self, table: Table) -> int:
        """Rows to erase; of a table to rebuild, all rows. A quarantine may not exist."""
        if table.action == "rebuild":
            sql = f"SELECT count() AS n FROM {table.name} FORMAT JSON"
            answer = self._http.post("/v0/sql", content=sql)
            return int(checked(f"The rows of {table.name}", answer)["data"][0]["n"])
        answer = self._delete(table, dry_run="true")
        if answer.status_code == 404 and table.name.endswith("_quarantine"):
            return 0
        return int(checked(f"The rows of {table.name}", answer)["rows_to_be_deleted"])

    def run(self, table: Table) -> None:
        """Delete the rows, or make the table anew. Returns when that is over."""
        if table.action == "delete":
            job = checked(f"Deleting from {table.name}", self._delete(table))
            self._wait(f"Deleting from {table.name}", job)
            return
        path = f"/v0/datasources/{table.name}/truncate"
        checked(f"Emptying {table.name}", self._http.post(path))
        answer = self._http.post(f"/v0/pipes/{table.copy}/copy")
        self._wait(f"Filling {table.name}", checked(f"Filling {table.name}", answer)["job"])

    def _delete(self, table: Table, **more: str) -> httpx.Response:
        subject = self._subject
        quarantine = table.name.endswith("_quarantine")
        condition = subject.rejected() if quarantine else subject.condition()
        form = {"delete_condition": condition, **more}
        return self._http.post(f"/v0/datasources/{table.name}/delete", data=form)

    def schedules(self) -> list[str]:
        """The copy pipes that the clock runs now, of those that must not meanwhile."""
        running = []
        for pipe in self._plan.schedules:
            report = checked(f"The pipe {pipe}", self._http.get(f"/v0/pipes/{pipe}"))
            if (report.get("schedule") or {}).get("status") != "paused":
                running.append(pipe)
        return running

    def pause(self, pipes: list[str]) -> None:
        """Let schedules rest. Returns when no copy is under way any more."""
        for pipe in pipes:
            checked(f"Pausing {pipe}", self._http.post(f"/v0/pipes/{pipe}/copy/pause"))
        deadline = time.monotonic() + _PATIENCE
        while self._copies_under_way():
            _rest(deadline, "A copy that is under way")

    def _copies_under_way(self) -> bool:
        answer = self._http.get("/v0/jobs", params={"kind": "copy"})
        jobs = checked("The list of jobs", answer)["jobs"]
        return any(job["status"] in ("waiting", "working") for job in jobs)

    def resume(self, pipes: list[str]) -> None:
        for pipe in pipes:
            checked(f"Resuming {pipe}", self._http.post(f"/v0/pipes/{pipe}/copy/resume"))

    def _wait(self, what: str, job: Mapping[str, Any]) -> None:
        id = job.get("job_id") or job["id"]
        deadline = time.monotonic() + _PATIENCE
        while job["status"] in ("waiting", "working"):
            _rest(deadline, what)
            job = checked(f"The job {id}", self._http.get(f"/v0/jobs/{id}"))
        if job["status"] != "done":
            raise click.ClickException(f"{what}: {job.get('error') or job['status']}")


def _rest(deadline: float, what: str) -> None:
    if time.monotonic() > deadline:
        raise click.ClickException(f"{what} is not over after {_PATIENCE / 60:.0f} minutes")
    time.sleep(_POLL_SECONDS)
