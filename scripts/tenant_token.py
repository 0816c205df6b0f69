"""Mint a token with which one tenant reads its own rows, and no other's.

The token is a JWT that fixes `tenant_id` for the endpoints that it lists: nothing in a request
overrides it. It is signed with the workspace admin token, which is looked up with the token in
TB_ADMIN_TOKEN (or TB_TOKEN). A JWT cannot be taken back before it expires, so it lives an hour
unless --ttl says otherwise, and never longer than a day.

Prints the token, then a curl line that uses it; --quiet prints the token alone.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
import httpx
import jwt

from host import checked, find_host, host_options

MAX_LIFETIME = timedelta(days=1)
TENANT = "tenant_id"
ADMIN_TOKEN = "workspace admin token"

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class MintError(ValueError):
    """A token that must not be; the message says why."""


def mint(
    tenant: str,
    endpoints: Iterable[str],
    *,
    workspace_id: str,
    admin_token: str,
    lifetime: timedelta,
    rps: int | None = None,
    name: str = "",
) -> str:
    """A JWT with which `tenant` reads these endpoints. Raises `MintError`.

    `rps` bounds its requests a second; `name` is what the logs show.
    """
    if not tenant:
        raise MintError("A token needs a tenant: rows without one belong to nobody in particular")
    if not timedelta() < lifetime <= MAX_LIFETIME:
        raise MintError(f"A token lives longer than nothing and at most {_said(MAX_LIFETIME)}")
    scopes = [
        {"type": "PIPES:READ", "resource": endpoint, "fixed_params": {TENANT: tenant}}
        for endpoint in endpoints
    ]
    if not scopes:
        raise MintError("A token needs an endpoint")
    claims: dict[str, Any] = {
        "workspace_id": workspace_id,
        "name": name or f"tenant {tenant}",
        "exp": int(time.time() + lifetime.total_seconds()),
        "scopes": scopes,
    }
    if rps is not None:
        claims["limits"] = {"rps": rps}
    return jwt.encode(claims, admin_token, algorithm="HS256")


class Lifetime(click.ParamType):
    """90s, 15m, 2h, 1d."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"([1-9]\d{0,8})([smhd])", value)
        if match is None:
            self.fail("write it as 90s, 15m, 2h or 1d", param, ctx)
        lifetime = timedelta(**{_UNITS[match[2]]: int(match[1])})
        if lifetime > MAX_LIFETIME:
            self.fail(f"a token lives at most {_said(MAX_LIFETIME)}", param, ctx)
        return lifetime


def _said(lifetime: timedelta) -> str:
    return f"{lifetime.total_seconds() / 3600:.0f} hours"


def tenant_endpoints(http: httpx.Client) -> dict[str, dict[str, str]]:
    """The endpoints that take a tenant, each with an example of every parameter it requires."""
    document = checked("The list of endpoints", http.get("/v0/pipes/openapi.json"))
    found = {}
    for path, methods in document["paths"].items():
        match = re.fullmatch(r"/(?:v0/pipes/)?(\w+)\.json", path)
        parameters = {p["name"]: p for p in methods.get("get", {}).get("parameters", [])}
        if match is not None and TENANT in parameters:
            found[match[1]] = {
                name: str(parameter.get("example", ""))
                for name, parameter in parameters.items()
                if parameter.get("required") and name != TENANT
            }
    return found


def signing_key(http: httpx.Client) -> tuple[str, str]:
    """The id of the workspace and its admin token, which signs."""
    workspace = checked("The workspace", http.get("/v1/workspace"))
    tokens = checked("The list of tokens", http.get("/v0/tokens"))["tokens"]
    key = next((token["token"] for token in tokens if token["name"] == ADMIN_TOKEN), None)
    if key is None:
        raise click.ClickException(f"The workspace has no token named '{ADMIN_TOKEN}' to sign with")
    return workspace["id"], key


def chosen(wanted: Sequence[str], known: dict[str, dict[str, str]]) -> list[str]:
    """The endpoints that the token is for: those that are named, or all that take a tenant."""
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise click.UsageError(
            f"No endpoint of this workspace with the parameter {TENANT}: {', '.join(unknown)}. "
            f"A token cannot keep a tenant to its rows there. Known: {', '.join(sorted(known))}"
        )
    if not known:
        raise click.UsageError(f"No endpoint of this workspace has the parameter {TENANT}.")
    return list(wanted) or sorted(known)


@click.command(help=__doc__)
@click.argument("tenant")
@click.option(
    "--endpoint",
    "wanted",
    multiple=True,
    help="An endpoint that the token may read; repeat it.  [default: all that take a tenant]",
)
@click.option("--ttl", "lifetime", type=Lifetime(), default="1h", show_default=True)
@click.option("--rps", type=click.IntRange(1), help="Requests a second.  [default: no limit]")
@click.option("--name", default="", help="What logs call it.  [default: tenant TENANT]")
@click.option("--quiet", is_flag=True, help="Print the token alone.")
@host_options("A token that may list tokens, such as the workspace admin token.")
def main(
    tenant: str,
    wanted: tuple[str, ...],
    lifetime: timedelta,
    rps: int | None,
    name: str,
    quiet: bool,
    host: str | None,
    token: str | None,
    env_file: Path,
) -> None:
    found = find_host(host, token, env_file, ("TB_ADMIN_TOKEN", "TB_TOKEN"))
    try:
        with found.client() as http:
            known = tenant_endpoints(http)
            endpoints = chosen(wanted, known)
            workspace_id, key = signing_key(http)
    except httpx.TransportError as error:
        raise click.ClickException(f"{found.url} cannot be reached: {error}") from None
    try:
        minted = mint(
            tenant,
            endpoints,
            workspace_id=workspace_id,
            admin_token=key,
            lifetime=lifetime,
            rps=rps,
            name=name,
        )
    except MintError as error:
        raise click.UsageError(str(error)) from None
    click.echo(minted)
    if not quiet:
        # The first one that needs nothing more shows best that it works.
        shown = min(endpoints, key=lambda endpoint: len(known[endpoint]))
        query = "".join(f" -d {shlex.quote(urlencode({k: v}))}" for k, v in known[shown].items())
        url = f"{found.url}/v0/pipes/{shown}.json"
        click.echo(f"\ncurl -G {shlex.quote(url)} -d token={minted}{query}")


if __name__ == "__main__":
    main()
