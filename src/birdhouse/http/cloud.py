"""What needs Tinybird Cloud: each is answered with one sentence that says so, and what to do."""

from __future__ import annotations

from typing import NoReturn

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.errors import BadRequest
from birdhouse.http.context import answer, caller
from birdhouse.workspace.workspaces import USER_EMAIL

_BRANCHES = "Branches need Tinybird Cloud: here, use another workspace (tb workspace create NAME)"
_MEMBERS = f"Members need Tinybird Cloud: this server has one user, {USER_EMAIL}"
_ORGANIZATIONS = "Organizations need Tinybird Cloud: this server has one of its own"
_INFRA = "Managed infrastructure needs Tinybird Cloud: this server is one process on one machine"
_ASSISTANT = "The assistant needs Tinybird Cloud: this server has no language model"
_ROLES = "AWS roles need Tinybird Cloud: here, a connection has an access key and a secret"
_MIGRATION = "The workspace is a Tinybird Forward workspace already: there is nothing to migrate"

SENTENCES = {
    ("/v1/environments", "POST"): _BRANCHES,
    ("/v0/environments/{branch}", "GET DELETE"): _BRANCHES,
    ("/v0/environments/{branch}/data", "POST"): _BRANCHES,
    ("/v0/environments/{branch}/regression", "POST"): _BRANCHES,
    ("/v0/workspaces/{workspace}/users", "PUT"): _MEMBERS,
    ("/v0/organizations", "POST"): _ORGANIZATIONS,
    ("/v0/organizations/{organization}", "GET"): _ORGANIZATIONS,
    ("/v0/organizations/{organization}/workspaces", "PUT"): _ORGANIZATIONS,
    ("/v1/billing/{organization}/limits", "GET"): _ORGANIZATIONS,
    ("/v1/billing/{organization}/subscription", "GET"): _ORGANIZATIONS,
    ("/v1/infra", "GET POST"): _INFRA,
    ("/v1/infra/{infra}", "PUT DELETE"): _INFRA,
    ("/v0/llm", "POST"): _ASSISTANT,
    ("/v0/llm/{workspace}", "POST"): _ASSISTANT,
    ("/v0/integrations/{service}/settings", "GET"): _ROLES,
    ("/v0/integrations/{service}/policies/{policy}", "GET"): _ROLES,
    ("/v1/integrations/dynamodb/validate", "POST"): _ROLES,
    ("/v1/migrate-to-forward", "POST"): _MIGRATION,
}
"""What each path and its methods answer."""


def _refusal(path: str, methods: str, sentence: str) -> Route:
    async def refuse(request: Request) -> NoReturn:
        caller(request)
        raise BadRequest(sentence)

    return Route(path, refuse, methods=methods.split())


async def list_branches(request: Request) -> Response:
    """None: a branch is a copy that Tinybird Cloud makes."""
    caller(request)
    return answer({"environments": []})


routes = [
    Route("/v1/environments", list_branches),
    *(_refusal(path, methods, text) for (path, methods), text in SENTENCES.items()),
]
