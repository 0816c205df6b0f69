"""Making a data dir of a backup."""

from __future__ import annotations

import shutil
import tarfile
import zlib
from pathlib import Path

import msgspec

from birdhouse.datadir import DataDir

FORMAT = 1
LABEL = "backup.json"


class BackupError(Exception):
    """An archive that cannot be made or restored; the message says why and what to do."""


class Label(msgspec.Struct, frozen=True):
    """The last member of an archive: what came before it."""

    format: int
    version: str
    """The birdhouse that made it."""
    created_at: str
    files: int
    bytes: int


def restore(archive: Path, place: DataDir) -> Label:
    """Make a data dir of an archive, in a folder that is empty or not there yet.

    Raises `BackupError` for a folder with something in it, and for a file that is no archive or not
    a whole one; `StartError` when a process uses the folder.
    """
    with place.owned():
        if any(path.name != "lock" for path in place.path.iterdir()):
            raise BackupError(f"{place.path} is not empty: restore into a new folder")
        folder = place.restoring
        folder.mkdir()
        try:
            with tarfile.open(archive, "r|*") as tar:
                label = _unpack(tar, folder)
        except (tarfile.TarError, EOFError, zlib.error) as error:
            shutil.rmtree(folder)
            raise BackupError(f"{archive} cannot be read: {error}") from None
        except BaseException:
            shutil.rmtree(folder)
            raise
        for path in folder.iterdir():
            path.rename(place.path / path.name)
        folder.rmdir()
    return label


def _unpack(tar: tarfile.TarFile, folder: Path) -> Label:
    files = size = 0
    for member in tar:
        target = (folder / member.name).resolve()
        if not target.is_relative_to(folder.resolve()):
            raise BackupError(f"The archive has a file outside of it: {member.name}")
        content = tar.extractfile(member)
        if member.name == LABEL and content is not None:
            return _checked(content.read(), files, size)
        if content is None:
            target.mkdir(parents=True, exist_ok=True)
            continue
        with target.open("wb") as file:
            shutil.copyfileobj(content, file)
        files += 1
        size += member.size
    raise BackupError(f"The archive is no backup, or not a whole one: it has no {LABEL}")


def _checked(text: bytes, files: int, size: int) -> Label:
    label = msgspec.json.decode(text, type=Label)
    if label.format > FORMAT:
        raise BackupError(
            f"The backup was made by birdhouse {label.version}, which this one is too old for: "
            "upgrade birdhouse"
        )
    if (files, size) != (label.files, label.bytes):
        raise BackupError(
            f"The archive is not whole: it has {files} of {label.files} files "
            f"and {size} of {label.bytes} bytes"
        )
    return label
