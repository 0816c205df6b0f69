"""Deduplication records of inserts that a crash cut off.

MergeTree writes the record of an insert before it gives the new part its name. A process that is
killed between the two leaves a record without a part, and the same insert done again would be
taken for a duplicate: its rows would never come. So such records are removed before ClickHouse
starts.
"""

from __future__ import annotations

import fcntl
import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

_PART = re.compile(r"([^_]+)_(\d+)_(\d+)_\d+(?:_\d+)?")
_ADD = "1"
_RECENT = 100
"""Records at the end of a file that can be of inserts under way when the process died."""

Blocks = dict[str, list[tuple[int, int]]]
"""The block numbers that the parts of each partition hold."""


def forget_unfinished(folder: Path) -> int:
    """Remove the records in a data folder whose part is missing; gives their number.

    Does nothing after a clean stop, and nothing while another process uses the folder.
    """
    try:
        status = (folder / "status").open("rb")
    except FileNotFoundError:
        return 0
    with status:
        try:
            fcntl.flock(status, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return 0
        tables = sorted(folder.glob("store/*/*/deduplication_logs"))
        return sum(_clean(folder, logs) for logs in tables)


def _clean(folder: Path, logs: Path) -> int:
    files = sorted(logs.iterdir(), key=lambda path: int(path.stem.rpartition("_")[2]))
    if not files:
        return 0
    # Only what was under way can be missing, and that is in the newest file or just before it.
    newest = files[-2:]
    parts = _blocks(entry.name for entry in logs.parent.iterdir())
    return sum(_clean_file(folder, path, parts) for path in newest)


def _blocks(names: Iterable[str]) -> Blocks:
    found: Blocks = defaultdict(list)
    for name in names:
        match = _PART.fullmatch(name)
        if match is not None:
            found[match[1]].append((int(match[2]), int(match[3])))
    return found


def _clean_file(folder: Path, path: Path, parts: Blocks) -> int:
    lines = path.read_text().splitlines(keepends=True)
    old, recent = lines[:-_RECENT], lines[-_RECENT:]
    kept = [line for line in recent if _holds(line, parts)]
    if len(kept) == len(recent):
        return 0
    # ClickHouse reads every file of the folder of records as such, so this one starts elsewhere.
    new = folder / "deduplication.tmp"
    new.write_text("".join(old + kept))
    new.rename(path)
    return len(recent) - len(kept)


def _holds(line: str, parts: Blocks) -> bool:
    """Whether the record is whole, and its part is there or merged into a larger one."""
    fields = line.split("\t")
    # A record that was cut off would spoil the ones written after it.
    if len(fields) != 3 or not line.endswith("\n"):
        return False
    match = _PART.fullmatch(fields[1])
    if fields[0] != _ADD or match is None:
        return True
    low, high = int(match[2]), int(match[3])
    return any(start <= low and high <= end for start, end in parts.get(match[1], ()))
