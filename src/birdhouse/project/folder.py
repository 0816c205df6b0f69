"""A project as a folder of files: which of them the `tb` CLI would send, and its fixtures."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from dotenv import dotenv_values

from birdhouse.errors import FileError, ProjectError

EXTENSIONS = ("datasource", "pipe", "connection")
_FIXTURES = (".ndjson", ".csv", ".sql")
_SHARED_WITH = re.compile(r"^(SHARED_WITH[ \t]*)(?:>[^\n]*\n[^\n]*|[^\n]*)", re.MULTILINE)


def project_files(folder: Path) -> dict[str, str]:
    """The datafiles in the folder and two levels of folders below it, path → text, as `tb` finds
    them.

    Raises `ProjectError` when there is none, or one is not UTF-8.
    """
    files: dict[str, str] = {}
    for pattern in ("*", "*/*", "*/*/*"):
        for path in sorted(folder.glob(pattern)):
            relative = path.relative_to(folder)
            if path.suffix.lstrip(".") not in EXTENSIONS or relative.parts[0] == "vendor":
                continue
            if any(part.startswith(".") for part in relative.parts):
                continue
            try:
                files[relative.as_posix()] = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                raise ProjectError([FileError(str(relative), "The file is not UTF-8")]) from None
    if not files:
        text = f"No .datasource or .pipe file in {folder} or the folders just below it"
        raise ProjectError([FileError("", text)])
    return files


def vendored_projects(folder: Path, shared_with: str) -> dict[str, dict[str, str]]:
    """The projects of other workspaces that come with this one, by workspace: `vendor/NAME/...`.

    What they share is shared with the workspace `shared_with`, whoever it was meant for.
    """
    found = {}
    for path in sorted((folder / "vendor").glob("*/")):
        files = project_files(path).items()
        line = rf"\1{shared_with}"
        found[path.name] = {name: _SHARED_WITH.sub(line, text) for name, text in files}
    return found


def project_fixtures(folder: Path, datasources: Iterable[str]) -> Iterator[tuple[str, Path]]:
    """The fixture file of each data source that has one: rows, or a query that gives them."""
    for name in datasources:
        for suffix in _FIXTURES:
            path = folder / "fixtures" / f"{name}{suffix}"
            if path.exists():
                yield name, path
                break


def project_secrets(folder: Path) -> dict[str, str]:
    """What `.env` and `.env.local` say: `tb` sends it to a local server as secrets."""
    values: dict[str, str] = {}
    for name in (".env", ".env.local"):
        found = dotenv_values(folder / name) if (folder / name).exists() else {}
        values |= {key: value for key, value in found.items() if value}
    return values
