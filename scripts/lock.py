"""Resolve the newest versions that pyproject.toml allows into requirements.lock.

Run on the oldest Python that is supported: what it can run, the newer ones can. After it, run the
tests on all of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import click
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)
# chdb-core declares these for results that birdhouse never asks for; they weigh 327 MB.
LEFT_OUT = {"numpy", "pandas", "pyarrow"}
HEADER = """\
# Every package of the private environment, for running and for development, at the version that is
# tested: the same set on Python 3.11, 3.12 and 3.13. `make lock` writes this file.
# Left out are pandas, pyarrow and numpy: chdb-core declares them, birdhouse runs without them. So
# install with --no-deps, as `make setup` does.
"""


def declared() -> list[Requirement]:
    """What pyproject.toml asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    return [Requirement(line) for line in lines]


def resolve(roots: list[Requirement]) -> dict[str, dict[str, Any]]:
    """The metadata of each package of a consistent set, by name."""
    pip = [sys.executable, "-m", "pip", "--quiet", "install", "--dry-run", "--ignore-installed"]
    command = [*pip, "--report", "-", *map(str, roots)]
    report = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
    found = [package["metadata"] for package in report["install"]]
    return {canonicalize_name(metadata["name"]): metadata for metadata in found}


def reachable(roots: list[Requirement], packages: dict[str, dict[str, Any]]) -> set[str]:
    """The packages that the roots need, on the way past those that are left out."""
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = list(roots)
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        key = (name, frozenset(requirement.extras))
        if name in LEFT_OUT or key in seen:
            continue
        seen.add(key)
        for line in packages[name].get("requires_dist", []):
            needed = Requirement(line)
            if needed.marker is None or any(
                needed.marker.evaluate({**default_environment(), "extra": extra})
                for extra in ("", *requirement.extras)
            ):
                waiting.append(needed)
    return {name for name, _ in seen}


@click.command(help=__doc__)
def main() -> None:
    if sys.version_info[:2] != OLDEST_PYTHON:
        version = ".".join(map(str, OLDEST_PYTHON))
        raise click.ClickException(
            f"Resolve on Python {version}: make clean, then make lock PYTHON=python{version}"
        )
    roots = declared()
    packages = resolve(roots)
    markers = {
        str(canonicalize_name(root.name)): f" ; {root.marker}" for root in roots if root.marker
    }
    lines = [
        f"{name}=={packages[name]['version']}{markers.get(name, '')}"
        for name in sorted(reachable(roots, packages))
    ]
    (ROOT / "requirements.lock").write_text(HEADER + "\n".join(lines) + "\n")
    click.echo(f"requirements.lock: {len(lines)} packages")


if __name__ == "__main__":
    main()
