"""A copy of the data folder as it is at one moment, of which the engine takes no notice.

Parts never change, so they are hard links, made by ClickHouse itself (`FREEZE`); what does change,
the schema, the mutations under way and the deduplication records, is copied. A copy is a data
folder: an engine opens it as it would the original after a crash.
"""

from __future__ import annotations

import shutil
import uuid
from contextlib import suppress
from pathlib import Path

from birdhouse.engine.engine import Engine
from birdhouse.engine.quoting import quote_name
from birdhouse.errors import UNKNOWN_TABLE, EngineError

_TABLES = """
    SELECT database, name FROM system.tables
    WHERE engine LIKE '%MergeTree' AND database NOT IN ('system', 'default')
"""
_EMPTY_FOLDERS = ("detached", "tmp")
"""Folders of a table whose content is of no use, but which have to be there."""
_RECORDS = "deduplication_logs"


def snapshot(engine: Engine, target: Path) -> None:
    """Copy the data folder to `target`, which is on the same file system and not there yet.

    Takes a few milliseconds a table, whatever its size. Tables are copied one after the other: that
    it is the same moment for all of them is up to the caller, who lets nobody insert meanwhile.
    """
    name = f"snapshot_{uuid.uuid4().hex}"
    frozen = engine.folder / "shadow" / name
    (frozen / "store").mkdir(parents=True)
    try:
        for line in engine.execute(_TABLES, fmt="TSV").text().splitlines():
            _freeze(engine, line.split("\t"), name)
        shutil.copytree(engine.folder / "metadata", frozen / "metadata", ignore=_links)
        for folder in engine.folder.glob("store/*/*"):
            # A table that is dropped meanwhile was not to be kept.
            with suppress(FileNotFoundError):
                _copy_changing(folder, frozen / folder.relative_to(engine.folder))
        frozen.rename(target)
    except BaseException:
        shutil.rmtree(frozen, ignore_errors=True)
        raise


def forget_snapshots(folder: Path) -> None:
    """Remove what snapshots left in a data folder when the process died."""
    shutil.rmtree(folder / "shadow", ignore_errors=True)


def _freeze(engine: Engine, table: list[str], name: str) -> None:
    try:
        engine.execute(f"ALTER TABLE {quote_name(*table)} FREEZE WITH NAME '{name}'")
    except EngineError as error:
        if error.code != UNKNOWN_TABLE:
            raise


def _links(folder: str, names: list[str]) -> list[str]:
    """ClickHouse makes the links of a database anew."""
    return [name for name in names if (Path(folder) / name).is_symlink()]


def _copy_changing(folder: Path, target: Path) -> None:
    """Copy what a folder of `store` holds beside its parts."""
    target.mkdir(parents=True, exist_ok=True)
    for entry in folder.iterdir():
        if entry.is_file():
            shutil.copyfile(entry, target / entry.name)
        elif entry.name in _EMPTY_FOLDERS:
            (target / entry.name).mkdir()
        elif entry.name == _RECORDS:
            shutil.copytree(entry, target / entry.name)
