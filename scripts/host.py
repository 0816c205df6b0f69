"""The Tinybird host that a script talks to, and the token that it brings."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import httpx
from dotenv import dotenv_values


class Host(NamedTuple):
    url: str
    token: str

    def client(self, timeout: float = 60.0) -> httpx.Client:
        """An HTTP client that sends the token."""
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=httpx.Timeout(timeout, connect=min(timeout, 5.0)),
        )


class HostRefused(click.ClickException):
    """What the host answered, in its own words."""

    def __init__(self, what: str, response: httpx.Response) -> None:
        try:
            said = str(response.json()["error"])
        except (ValueError, KeyError, TypeError):
            said = " ".join(response.text.split())[:300]
        super().__init__(f"{what}: {response.status_code} {response.reason_phrase}: {said}")
        self.status = response.status_code


def checked(what: str, response: httpx.Response) -> Any:
    """The JSON of a good answer. Raises `HostRefused`."""
    if not response.is_success:
        raise HostRefused(what, response)
    return response.json() if response.content else None


def host_options(token_help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """--host, --token and --env-file."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in (
            click.option(
                "--env-file",
                type=click.Path(dir_okay=False, path_type=Path),
                default=Path(".env"),
                show_default=True,
                help="Where to read the host and the token that the environment lacks.",
            ),
            click.option("--token", help=token_help),
            click.option("--host", help="The Tinybird host, such as http://localhost:7181."),
        ):
            command = option(command)
        return command

    return add


def find_host(
    host: str | None, token: str | None, env_file: Path, token_names: Sequence[str]
) -> Host:
    """What the options say, or else the environment, or else the file.

    The token is the first of `token_names` that has a value. Raises `click.UsageError`.
    """
    known = _settings(env_file)
    url = host or known.get("TB_HOST")
    token = token or next((known[name] for name in token_names if name in known), None)
    if url is None or token is None:
        raise click.UsageError(
            f"No host or no token: set TB_HOST and {token_names[0]}. "
            'For a birdhouse on this machine: eval "$(.venv/bin/birdhouse env)"'
        )
    if not url.startswith(("http://", "https://")):
        raise click.UsageError(f"The host is a URL such as http://localhost:7181, not {url!r}.")
    return Host(url.rstrip("/"), token)


def _settings(env_file: Path) -> dict[str, str]:
    """The environment over the .env file. A name without a value counts as absent."""
    return {
        name: value for name, value in {**dotenv_values(env_file), **os.environ}.items() if value
    }
