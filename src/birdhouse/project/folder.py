"""A project as a folder of files: which of them the `tb` CLI would send, and its fixtures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dotenv import dotenv_values

from birdhouse.errors import FileError, ProjectError
from birdhouse.project.datafiles import EXTENSIONS

_FIXTURES = (".ndjson", ".csv")


def project_files(folder: Path) -> dict[str, str]:
    """The datafiles in the folder and the folders just below it, path → text, as `tb` finds them.

    Raises `ProjectError` when there is none, or one is not UTF-8.
    """
    files: dict[str, str] = {}
    for pattern in ("*", "*/*"):
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


def project_fixtures(folder: Path, datasources: Iterator[str]) -> Iterator[tuple[str, Path]]:
    """The fixture file of each data source that has one."""
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
