"""Tokens: static ones, which are stored, and JWTs, which are signed with the admin token.

A token turns into an `Access`: who asks, in which workspace, and what they may do. Every check of
a scope is a method of `Access`.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
import uuid
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import jwt
import msgspec

from birdhouse.errors import BadRequest, Forbidden
from birdhouse.workspace.resources import utc_now

ADMIN = "ADMIN"
READ_ALL = "WORKSPACE:READ_ALL"
DEPLOY = "WORKSPACE:DEPLOY"
TOKENS = "TOKENS"
READ_DATASOURCE = "DATASOURCES:READ"
APPEND_DATASOURCE = "DATASOURCES:APPEND"
READ_PIPE = "PIPES:READ"
READ_ORGANIZATION = "ORG_DATASOURCES:READ"

_SPELLINGS = {
    "DATASOURCE:APPEND": APPEND_DATASOURCE,
    "DATASOURCE:READ": READ_DATASOURCE,
    "PIPE:READ": READ_PIPE,
}
_ON_RESOURCE = {READ_DATASOURCE, APPEND_DATASOURCE, READ_PIPE, "DATASOURCES:DROP"}
_ON_WORKSPACE = {
    ADMIN,
    "ADMIN_USER",
    TOKENS,
    READ_ALL,
    DEPLOY,
    READ_ORGANIZATION,
    "DATASOURCES:CREATE",
}

_OF_JWT = {READ_PIPE, READ_DATASOURCE, APPEND_DATASOURCE}

INVALID = "Invalid or unknown authentication token"


class Scope(msgspec.Struct, frozen=True, omit_defaults=True):
    """One permission: `type`, and the data source or pipe that it is about."""

    type: str
    resource: str = ""
    filter: str = ""
    fixed_params: dict[str, Any] = {}


class Token(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """A static token."""

    id: str
    token: str
    name: str
    scopes: tuple[Scope, ...]
    description: str = ""
    origin: str = "C"
    """`C` for one made by hand, `DS` for one that the datafiles declare."""
    created_at: str = msgspec.field(default_factory=utc_now)
    updated_at: str = msgspec.field(default_factory=utc_now)


def parse_scope(text: str) -> Scope:
    """The scope that `TYPE[:resource[:filter]]` spells. Raises `BadRequest` for anything else."""
    for type_ in (*_ON_RESOURCE, *_SPELLINGS):
        if text.startswith(f"{type_}:"):
            resource, _, condition = text[len(type_) + 1 :].partition(":")
            if condition:
                raise BadRequest(f"The scope {text} has a row filter: only JWTs can have one")
            if resource:
                return Scope(_SPELLINGS.get(type_, type_), resource)
    if text in _ON_WORKSPACE:
        return Scope(text)
    raise BadRequest(f"Invalid scope: {text}")


def new_token(
    user: str, name: str, scopes: Iterable[Scope], origin: str, description: str = ""
) -> Token:
    """A static token with a fresh id and value; `user` is the id in its readable part."""
    id = str(uuid.uuid4())
    payload = json.dumps({"u": user, "id": id, "host": "local"}, separators=(",", ":")).encode()
    body = base64.urlsafe_b64encode(payload).rstrip(b"=").decode()
    signature = hmac.digest(secrets.token_bytes(32), payload, hashlib.sha256)
    seal = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    return Token(
        id=id,
        token=f"p.{body}.{seal}",
        name=name,
        scopes=tuple(scopes),
        origin=origin,
        description=description,
    )


class Access:
    """What the bearer of a token may do in one workspace."""

    def __init__(
        self, token_id: str, name: str, scopes: Iterable[Scope], rps: int | None = None
    ) -> None:
        self.token_id = token_id
        self.name = name
        self.scopes = tuple(scopes)
        self.rps = rps
        self._types = {scope.type for scope in self.scopes}

    @property
    def is_admin(self) -> bool:
        return bool(self._types & {ADMIN, "ADMIN_USER"})

    @property
    def reads_all(self) -> bool:
        return self.is_admin or READ_ALL in self._types

    @property
    def reads_organization(self) -> bool:
        return self.is_admin or READ_ORGANIZATION in self._types

    def _scopes(self, type_: str, name: str, id: str) -> list[Scope]:
        return [s for s in self.scopes if s.type == type_ and s.resource in (name, id)]

    def require_admin(self) -> None:
        if not self.is_admin:
            raise Forbidden("Insufficient permissions: this operation requires an ADMIN token")

    def require_deploy(self) -> None:
        if not (self.is_admin or DEPLOY in self._types):
            raise Forbidden(
                "Insufficient permissions: deploying requires ADMIN or WORKSPACE:DEPLOY"
            )

    def require_tokens(self) -> None:
        if not (self.is_admin or TOKENS in self._types):
            raise Forbidden("Insufficient permissions: this operation requires ADMIN or TOKENS")

    def may_append(self, name: str, id: str) -> bool:
        return self.is_admin or bool(self._scopes(APPEND_DATASOURCE, name, id))

    def require_append(self, name: str, id: str) -> None:
        if not self.may_append(name, id):
            raise Forbidden(f"The token has no DATASOURCES:APPEND scope on Data Source '{name}'")

    def may_read_datasource(self, name: str, id: str) -> bool:
        return self.reads_all or bool(self._scopes(READ_DATASOURCE, name, id))

    def datasource_filter(self, name: str, id: str) -> str:
        """The row filter under which this token reads the data source; '' for none.

        Of several scopes on the same data source every filter holds.
        """
        if self.reads_all:
            return ""
        filters = [s.filter for s in self._scopes(READ_DATASOURCE, name, id) if s.filter]
        return filters[0] if len(filters) == 1 else " AND ".join(f"({f})" for f in filters)

    def may_read_pipe(self, name: str, id: str) -> bool:
        return self.reads_all or bool(self._scopes(READ_PIPE, name, id))

    def fixed_params(self, name: str, id: str) -> dict[str, Any]:
        """Parameters of the pipe that the token fixes: nothing in a request overrides them."""
        found: dict[str, Any] = {}
        for scope in self._scopes(READ_PIPE, name, id):
            found |= scope.fixed_params
        return found


def workspace_of_jwt(token: str) -> str:
    """The workspace that a JWT names, not yet verified; '' when the text is no JWT."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        return ""
    return str(claims.get("workspace_id", ""))


def read_jwt(token: str, key: str) -> Access:
    """Verify a JWT with the workspace's admin token. Raises `Forbidden`."""
    expires, access = _verified(token, key)
    if not time.time() < expires:  # an `exp` that is no number is over as well
        raise Forbidden("The token has expired")
    return access


@lru_cache(maxsize=4096)
def _verified(token: str, key: str) -> tuple[float, Access]:
    """When the JWT expires, and what it allows until then. Raises `Forbidden`."""
    unchecked = {"verify_exp": False, "verify_aud": False, "verify_iat": False}
    try:
        claims = jwt.decode(
            token, key, algorithms=["HS256"], options={"require": ["exp"], **unchecked}
        )
        expires = float(claims["exp"])
        scopes = msgspec.convert(claims.get("scopes", []), tuple[Scope, ...])
    except (jwt.PyJWTError, TypeError, ValueError):  # msgspec's own errors are ValueErrors
        raise Forbidden(INVALID) from None
    limits = claims.get("limits")
    rps = limits.get("rps") if isinstance(limits, dict) else None
    access = Access(
        token_id="",
        name=str(claims.get("name", "")),
        scopes=(s for s in scopes if s.type in _OF_JWT and s.resource),
        rps=rps if isinstance(rps, int) and rps > 0 else None,
    )
    return expires, access


def sign_jwt(claims: dict[str, Any], key: str) -> str:
    """A JWT of those claims, signed with the workspace's admin token."""
    return jwt.encode(claims, key, algorithm="HS256")
