"""Where workspaces come from: a server of this machine, or a branch of Tinybird Cloud."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import httpx

from birdhouse.testing.client import Refused, checked

_POLL_SECONDS = 1.0
_PATIENCE = 300.0
"""Seconds for a branch or a deployment to become ready."""


class HostError(Exception):
    """The host cannot be used; the message says why and what to do."""


class Workspace(NamedTuple):
    """One that a test run made for itself."""

    id: str
    name: str
    token: str
    """May do everything in it."""


class Host(Protocol):
    """A Tinybird host on which a test run may make workspaces."""

    http: httpx.Client
    url: str

    def create(self) -> Workspace:
        """A new workspace. Raises `Refused`."""

    def deploy(self, workspace: Workspace, files: Mapping[str, str]) -> None:
        """Make a project live in it, path → text. Raises `HostError`, `Refused`."""

    def delete(self, workspace: Workspace) -> None:
        """Remove it and all that is in it. Raises `Refused`."""


class Local:
    """A birdhouse or a Tinybird Local: workspaces come with the user token."""

    def __init__(self, http: httpx.Client, url: str, user_token: str) -> None:
        self.http = http
        self.url = url
        self._headers = _bearer(user_token)

    def create(self) -> Workspace:
        params = {"name": _fresh_name()}
        answer = self.http.post(f"{self.url}/v1/workspaces", params=params, headers=self._headers)
        made = checked("a new workspace", answer).json()
        return Workspace(made["id"], made["name"], made["token"])

    def deploy(self, workspace: Workspace, files: Mapping[str, str]) -> None:
        answer = self.http.post(
            f"{self.url}/v1/build", files=_parts(files), headers=_bearer(workspace.token)
        )
        body = checked("the build of the project", answer).json()
        if body["result"] != "success":
            raise _cannot_deploy(body)

    def delete(self, workspace: Workspace) -> None:
        answer = self.http.delete(
            f"{self.url}/v1/workspaces/{workspace.id}",
            params={"hard_delete_confirmation": "yes"},
            headers=self._headers,
        )
        checked(f"the deletion of {workspace.name}", answer)


class Cloud:
    """Tinybird Cloud: each workspace is a branch, empty, of the one that the token is of."""

    def __init__(self, http: httpx.Client, url: str, token: str) -> None:
        self.http = http
        self.url = url
        self._headers = _bearer(token)

    def create(self) -> Workspace:
        name = _fresh_name()
        answer = self.http.post(
            f"{self.url}/v1/environments", params={"name": name}, headers=self._headers
        )
        job = checked("a new branch", answer).json()["job"]
        self._wait_for_job(job.get("job_id") or job["id"])
        answer = self.http.get(
            f"{self.url}/v0/environments/{name}",
            params={"with_token": "true"},
            headers=self._headers,
        )
        made = checked("the branch's token", answer).json()
        return Workspace(made["id"], name, made["token"])

    def _wait_for_job(self, id: str) -> None:
        def look() -> bool:
            answer = self.http.get(f"{self.url}/v0/jobs/{id}", headers=self._headers)
            job = checked("the branch's job", answer).json()
            if job["status"] in ("error", "cancelled"):
                raise HostError(f"The branch could not be made: {job.get('error', job['status'])}")
            return bool(job["status"] == "done")

        _wait("the branch", look)

    def deploy(self, workspace: Workspace, files: Mapping[str, str]) -> None:
        headers = _bearer(workspace.token)
        answer = self.http.post(
            f"{self.url}/v1/deploy",
            files=_parts(files),
            params={"auto_promote": "true", "allow_destructive_operations": "true"},
            headers=headers,
        )
        body = checked("the deployment of the project", answer).json()
        if body["result"] == "no_changes":
            return
        if body["result"] != "success":
            raise _cannot_deploy(body)
        number = body["deployment"]["id"]

        def look() -> bool:
            answer = self.http.get(f"{self.url}/v1/deployments/{number}", headers=headers)
            deployment = checked("the deployment", answer).json()["deployment"]
            if deployment["status"] in ("failed", "deleting", "deleted"):
                raise _cannot_deploy({"deployment": deployment})
            return bool(deployment["live"])

        _wait("the deployment", look)

    def delete(self, workspace: Workspace) -> None:
        url = f"{self.url}/v0/environments/{workspace.id}"
        checked(f"the deletion of {workspace.name}", self.http.delete(url, headers=self._headers))


def named_host(http: httpx.Client, url: str, token: str) -> Host:
    """The host behind an address; what it is, it says itself.

    `token` is for Tinybird Cloud, '' when there is none. Raises `HostError`.
    """
    url = url.rstrip("/")
    try:
        answer = http.get(f"{url}/tokens")
    except httpx.TransportError as error:
        raise HostError(f"TB_HOST={url} cannot be reached: {error}") from None
    user_token = _user_token(answer)
    if user_token:
        return Local(http, url, user_token)
    if not token:
        raise HostError(f"TB_HOST={url} is no local server, and TB_TOKEN is not set")
    return Cloud(http, url, token)


def _user_token(answer: httpx.Response) -> str:
    """What a local server hands out to those on its machine; '' from any other."""
    try:
        body = answer.json() if answer.is_success else {}
    except ValueError:
        return ""
    return str(body.get("user_token", "")) if isinstance(body, dict) else ""


def _fresh_name() -> str:
    return f"pytest_{uuid.uuid4().hex}"


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _parts(files: Mapping[str, str]) -> list[tuple[str, tuple[str, str, str]]]:
    return [("data_project://", (path, text, "text/plain")) for path, text in files.items()]


def _cannot_deploy(body: Mapping[str, Any]) -> HostError:
    deployment = body.get("deployment") or {}
    errors = [*(body.get("errors") or []), *(deployment.get("errors") or [])]
    lines = [f"  {e.get('filename', '')}: {e.get('error', '')}" for e in errors]
    if body.get("error"):
        lines.append(f"  {body['error']}")
    return HostError("\n".join(["The project cannot be deployed:", *lines]))


def _wait(what: str, look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not look():
        if time.monotonic() > deadline:
            raise HostError(f"{what} was not ready after {_PATIENCE:.0f} s")
        time.sleep(_POLL_SECONDS)


__all__ = ["Cloud", "Host", "HostError", "Local", "Refused", "Workspace", "named_host"]
