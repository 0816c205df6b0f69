"""Write docs/coverage.md: which of the CLI's commands and the API's routes the tests have run.

    python scripts/coverage.py FOLDER... [--check]

The folders hold the records of runs that together ran all tests: see tests/record.py. With
`--check` nothing is written, and the exit code is 1 when docs/coverage.md says something else.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import importlib.metadata
import inspect
import json
import pkgutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import click
from starlette.routing import Match, Route
from tinybird.tb import client as tb_client  # noqa: TID251
from tinybird.tb.cli import cli as tb  # noqa: TID251

import birdhouse.http
from birdhouse.http import cloud

TARGET = Path(__file__).resolve().parents[1] / "docs" / "coverage.md"

CONTAINER = "manages Tinybird's container"
LOGIN = "signs in to Tinybird Cloud"
FOLDER_ONLY = "asks nothing of a server"
NOT_APPLICABLE = {
    "connection create dynamodb": "asks in dialogue, and needs AWS",
    "connection create gcs": "asks in dialogue, and needs Google Cloud",
    "connection create kafka": "asks in dialogue, and needs a broker",
    "connection create s3": "asks in dialogue, and needs AWS",
    "infra init": "needs Tinybird Cloud and Kubernetes",
    "infra rm": "needs Tinybird Cloud",
    "infra update": "needs Tinybird Cloud",
    "init": FOLDER_ONLY,
    "local remove": CONTAINER,
    "local restart": CONTAINER,
    "local start": CONTAINER,
    "local status": CONTAINER,
    "local stop": CONTAINER,
    "login": LOGIN,
    "logout": FOLDER_ONLY,
    "open": "opens Tinybird Cloud in a browser",
    "update": "installs another CLI",
}
"""Commands that no test runs, and why."""
HIDDEN_BUT_USED = {"pull"}

HEAD = """\
# Coverage

What of the `tb` command (CLI {version}) and of the HTTP API works here. `make coverage` writes this
page from what the tests ran, and the tests fail when it is out of date.

- **works**: a test ran it and saw its effect.
- **refused**: it always fails here, and says why.
- A blank: not run that way. The CLI itself keeps some commands for `--local` or for `--cloud`.
"""


class Run(NamedTuple):
    """A command of the CLI that a test has run; see tests/record.py."""

    command: str
    mode: str
    outcome: str
    text: str


def _lines(folders: Iterable[Path], files: str) -> Iterator[Any]:
    for folder in folders:
        for path in folder.glob(files):
            yield from map(json.loads, path.read_text().splitlines())


def runs(folders: Iterable[Path]) -> list[Run]:
    return [Run(**line) for line in _lines(folders, "commands-*.ndjson")]


def commands(group: click.Group = tb, prefix: str = "") -> Iterator[str]:
    """Every command of the CLI that its help lists, by its full name."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix}{name} ")
        elif not command.hidden or name in HIDDEN_BUT_USED:
            yield prefix + name


def command_rows(found: Iterable[Run]) -> Iterator[str]:
    by_command: dict[str, list[Run]] = {}
    for run in found:
        by_command.setdefault(run.command, []).append(run)
    for command in commands():
        of_command = by_command.get(command, [])
        local, remote = (_outcome(of_command, mode) for mode in ("local", "cloud"))
        if command in NOT_APPLICABLE:
            local = remote = "not applicable"
            note = NOT_APPLICABLE[command]
        else:
            texts = {run.text for run in of_command if run.outcome in ("refused", "lacks")}
            note = "; ".join(sorted(texts))
        yield f"| `tb {command}` | {local} | {remote} | {note} |"


def _outcome(of_command: list[Run], mode: str) -> str:
    outcomes = {run.outcome for run in of_command if run.mode == mode}
    if "works" in outcomes:
        return "partly" if any(run.outcome == "lacks" for run in of_command) else "works"
    return "refused" if "refused" in outcomes else ""


def routes() -> list[Route]:
    """Every route of the API; the first that matches a request is the one that answers it."""
    names = sorted(module.name for module in pkgutil.iter_modules(birdhouse.http.__path__))
    modules = [importlib.import_module(f"birdhouse.http.{name}") for name in names]
    return [route for module in modules for route in getattr(module, "routes", [])]


def statuses(folders: Iterable[Path], known: list[Route]) -> dict[tuple[str, str], set[int]]:
    """The statuses that each method and path was answered with."""
    seen: dict[tuple[str, str], set[int]] = {}
    for request in _lines(folders, "requests-*.ndjson"):
        route = _route(known, request["method"], request["path"])
        if route is not None:
            seen.setdefault((request["method"], route.path), set()).add(request["status"])
    return seen


def _route(known: list[Route], method: str, path: str) -> Route | None:
    scope = {"type": "http", "method": method, "path": path, "headers": []}
    return next((route for route in known if route.matches(scope)[0] is Match.FULL), None)


def route_rows(known: list[Route], seen: dict[tuple[str, str], set[int]]) -> Iterator[str]:
    needs_cloud = {
        (method, path): sentence
        for (path, methods), sentence in cloud.SENTENCES.items()
        for method in methods.split()
    }
    pairs = {(route.path, m) for route in known for m in (route.methods or set()) - {"HEAD"}}
    for path, method in sorted(pairs):
        answered = seen.get((method, path), set())
        note = needs_cloud.get((method, path), "")
        if note:
            outcome = "not applicable"
        elif any(status < 400 for status in answered):
            outcome = "works"
        else:
            outcome = "refused" if answered else ""
        yield f"| `{method} {path}` | {outcome} | {note} |"


def unanswered(known: list[Route]) -> list[str]:
    """What the CLI's own client could call and no route answers."""
    calls: set[tuple[str, str]] = set()
    for node in ast.walk(ast.parse(inspect.getsource(tb_client))):
        if isinstance(node, ast.FunctionDef):
            calls |= set(_calls(node))
    return sorted(f"`{m} {path}`" for m, path in calls if _route(known, m, path) is None)


def _calls(function: ast.FunctionDef) -> Iterator[tuple[str, str]]:
    """Method and path of the requests in a method of the client; a variable part reads `X`."""
    texts = {
        target.id: _text(node.value)
        for node in ast.walk(function)
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(function):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr not in ("_req", "_req_raw") or not node.args:
            continue
        first = node.args[0]
        text = texts.get(first.id, "") if isinstance(first, ast.Name) else _text(first)
        path = text.partition("?")[0]
        methods = [ast.literal_eval(k.value) for k in node.keywords if k.arg == "method"]
        if path.startswith("/v"):
            yield (methods[0] if methods else "GET"), path.removesuffix("/")


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            _text(part) if isinstance(part, ast.Constant) else "X" for part in node.values
        )
    return ""


def table(*folders: Path) -> str:
    """The page that the records make."""
    known = routes()
    seen = statuses(folders, known)
    version = importlib.metadata.version("tinybird")
    parts = [
        HEAD.format(version=version),
        "## Commands\n",
        "| Command | `--local` | `--cloud --host --token` | |\n| --- | --- | --- | --- |",
        *command_rows(runs(folders)),
        "\n## Routes\n",
        "| Route | | |\n| --- | --- | --- |",
        *route_rows(known, seen),
        "\nThe CLI's client has calls that no route answers, most of them Tinybird Classic's: "
        + ", ".join(unanswered(known))
        + ".",
    ]
    return "\n".join(parts) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    text = table(*options.folders)
    if not options.check:
        TARGET.parent.mkdir(exist_ok=True)
        TARGET.write_text(text)
    elif not TARGET.exists() or TARGET.read_text() != text:
        print("docs/coverage.md is out of date: run make coverage")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
