"""The workspaces of one test process.

Deploying takes longer than a test, so a workspace is used again: between two tests every row is
taken out of it. One in which a test changed more than rows (deployed, made a token, set a secret)
is thrown away, and so is one that cannot be emptied. Frozen data has workspaces of its own, which
tests get with a token that can only read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from birdhouse.project.folder import project_files, project_fixtures, project_secrets
from birdhouse.testing.client import Refused, Tinybird, checked
from birdhouse.testing.hosts import Host, HostError, Workspace

_READER = "frozen data"


class _Deployed(NamedTuple):
    """A workspace with a project, and what says that nothing but its rows has changed since."""

    workspace: Workspace
    tinybird: Tinybird
    state: object


class Workspaces:
    """Lends workspaces with a project deployed; one test at a time uses one."""

    def __init__(self, host: Host, *, counts_are_exact: bool) -> None:
        """`counts_are_exact`: the host's row counts tell an empty table from another at once."""
        self._host = host
        self._counts_are_exact = counts_are_exact
        self._made: list[Workspace] = []
        self._idle: dict[Path, list[_Deployed]] = {}
        self._frozen: dict[Path, Tinybird] = {}

    @contextmanager
    def lend(self, project: Path) -> Iterator[Tinybird]:
        """An empty workspace with the project deployed. Raises `HostError`, `ProjectError`."""
        idle = self._idle.setdefault(project, [])
        found = idle.pop() if idle else self._deploy(project)
        yield found.tinybird
        if self._empty(found):
            idle.append(found)
        else:
            self._discard(found.workspace)

    def frozen(self, project: Path) -> Tinybird:
        """The workspace that holds the rows of the project's fixtures, for reading."""
        if project not in self._frozen:
            found = self._deploy(project).tinybird
            names = [entry["name"] for entry in _datasources(found)]
            for name, path in project_fixtures(project, iter(names)):
                _load(found, name, path)
            params = {"name": _READER, "scope": "WORKSPACE:READ_ALL"}
            answer = found.request("POST", "/v0/tokens", params=params)
            token = checked("a token that reads", answer).json()["token"]
            self._frozen[project] = found.using(token)
        return self._frozen[project]

    def close(self) -> None:
        """Remove every workspace that was made."""
        while self._made:
            self._host.delete(self._made.pop())

    def _deploy(self, project: Path) -> _Deployed:
        files = project_files(project)
        workspace = self._host.create()
        self._made.append(workspace)
        tinybird = Tinybird(self._host.http, self._host.url, workspace.token, workspace.name)
        for name, value in project_secrets(project).items():
            params = {"name": name, "value": value}
            checked(f"the secret {name}", tinybird.request("POST", "/v0/variables", params=params))
        self._host.deploy(workspace, files)
        return _Deployed(workspace, tinybird, _state(tinybird))

    def _discard(self, workspace: Workspace) -> None:
        self._made.remove(workspace)
        self._host.delete(workspace)

    def _empty(self, used: _Deployed) -> bool:
        """Take out all rows. False when that is not all that it takes."""
        try:
            for name in self._tables_with_rows(used.tinybird):
                answer = used.tinybird.request("POST", f"/v0/datasources/{name}/truncate")
                # A quarantine may not exist before its first row.
                if not (answer.status_code == 404 and name.endswith("_quarantine")):
                    checked(f"emptying {name}", answer)
            return _state(used.tinybird) == used.state
        except Refused:
            # A new workspace is slower, and sure to be empty.
            return False

    def _tables_with_rows(self, tinybird: Tinybird) -> Iterator[str]:
        for entry in _datasources(tinybird):
            name = entry["name"]
            statistics: Mapping[str, Any] = entry.get("statistics") or {}
            if not self._counts_are_exact or statistics.get("row_count"):
                yield name
            if not self._counts_are_exact or entry.get("quarantine_rows"):
                yield f"{name}_quarantine"


def _datasources(tinybird: Tinybird) -> list[dict[str, Any]]:
    answer = tinybird.request("GET", "/v0/datasources")
    found: list[dict[str, Any]] = checked("the data sources", answer).json()["datasources"]
    return found


def _state(tinybird: Tinybird) -> object:
    """What tests may change besides rows: tokens, secrets, the project."""
    tokens = checked("the tokens", tinybird.request("GET", "/v0/tokens")).json()["tokens"]
    secrets = checked("the secrets", tinybird.request("GET", "/v0/variables")).json()["variables"]
    answer = tinybird.request("GET", "/v1/deployments")
    deployments = checked("the deployments", answer).json()["deployments"]
    return (
        {(t["id"], t["token"], str(t["scopes"])) for t in tokens},
        {(s["name"], s["updated_at"]) for s in secrets},
        {(d["id"], d["status"], d["live"]) for d in deployments},
    )


def _load(tinybird: Tinybird, name: str, path: Path) -> None:
    """Append a fixture. Raises `HostError` when not all of its rows fit."""
    params = {"name": name, "mode": "append", "format": path.suffix.lstrip(".")}
    with path.open("rb") as file:
        answer = tinybird.request(
            "POST", "/v0/datasources", params=params, files={"csv": (path.name, file)}
        )
    report = checked(f"the fixture {path.name}", answer).json()
    if report.get("error") or report.get("quarantine_rows") or report.get("invalid_lines"):
        raise HostError(
            f"{path}: {report.get('quarantine_rows', 0)} rows went to {name}_quarantine, "
            f"{report.get('invalid_lines', 0)} lines were not read"
        )
