"""Batches in flight, on disk before the engine sees them.

A batch is the INSERTs that must all happen or, after a crash, be finished: the rows of the table
and those of its quarantine. It is in the journal from the rename of its `.batch` file to the
removal of that file. Each INSERT carries the batch's id as its deduplication token, so that doing
it again does only what is missing: parts of the table, or of a view behind it.

Files outlive the process, not the machine: nothing is flushed to the disk, neither here nor by the
engine. A power cut may lose the last seconds.
"""

from __future__ import annotations

import errno
import logging
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from birdhouse.engine import quote_text
from birdhouse.errors import Unavailable
from birdhouse.workspace.positions import Position

log = logging.getLogger("birdhouse.ingest")

_BATCH = ".batch"
_ASIDE = ".failed"
_UPLOAD = ".upload"
_UNFINISHED = (".tmp", ".unpacked", _UPLOAD)
_FULL_RETRY = 30


class Insert(msgspec.Struct, frozen=True):
    """An INSERT; with a `file`, its quoted path stands between `head` and `tail`."""

    head: str
    file: str = ""
    tail: str = ""


class Batch(msgspec.Struct, frozen=True):
    """What is done together: the rows of a table, then the rejected ones, then what takes them
    away from where they were. `position` is where the stream that they come from goes on. `id`
    sorts by time."""

    id: str
    rows: Insert | None
    rejected: Insert | None
    taken: str = ""
    position: Position | None = None

    @property
    def files(self) -> list[str]:
        return [insert.file for insert in (self.rows, self.rejected) if insert and insert.file]


def disk_error(error: OSError) -> Unavailable:
    """What to tell a client when the journal cannot be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Unavailable("The disk is full: nothing of the request was stored", _FULL_RETRY)
    return Unavailable(f"The request cannot be written to disk: {error.strerror}", _FULL_RETRY)


class Journal:
    """The journal in one folder. Each batch has one writer; the folder has one owner."""

    def __init__(self, folder: Path, min_free_bytes: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._min_free_bytes = min_free_bytes

    def require_space(self) -> None:
        """Raise `Unavailable` when the disk is almost full.

        The engine stores a batch partition by partition: on a disk that fills up meanwhile, it
        could store some of them.
        """
        if shutil.disk_usage(self.folder).free < self._min_free_bytes:
            raise Unavailable("The disk is almost full: nothing was stored", _FULL_RETRY)

    @contextmanager
    def upload(self, name: str) -> Iterator[Path]:
        """Where to put a file that comes in; it is gone after the block, or at the next start."""
        path = self.folder / f"{name}{_UPLOAD}"
        try:
            yield path
        finally:
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def write_rows(self, name: str, chunks: Sequence[bytes | memoryview]) -> None:
        """Write a file of rows for an INSERT to come. Raises `Unavailable`."""
        path = self.folder / name
        try:
            with path.open("wb") as file:
                file.writelines(chunks)
        except OSError as error:
            with suppress(OSError):
                path.unlink(missing_ok=True)
            raise disk_error(error) from error

    def write(self, batch: Batch) -> None:
        """Put the batch into the journal, in place of an earlier form. Raises `Unavailable`."""
        path = self.folder / f"{batch.id}{_BATCH}"
        unnamed = path.with_suffix(".tmp")
        try:
            unnamed.write_bytes(msgspec.json.encode(batch))
            unnamed.rename(path)
        except OSError as error:
            with suppress(OSError):
                unnamed.unlink(missing_ok=True)
            raise disk_error(error) from error

    def statement(self, insert: Insert) -> str:
        if not insert.file:
            return insert.head
        return insert.head + quote_text(str(self.folder / insert.file)) + insert.tail

    def remove(self, batch: Batch) -> None:
        """Take the batch out: it is done, or nothing of it is."""
        for name in (f"{batch.id}{_BATCH}", *batch.files):
            try:
                (self.folder / name).unlink(missing_ok=True)
            except OSError as error:
                # Done again at the next start, it changes nothing.
                log.error("%s stays in the journal: %s", name, error)

    def remove_rows(self, insert: Insert) -> None:
        """Remove the file of an INSERT that is not part of a batch."""
        if insert.file:
            with suppress(OSError):
                (self.folder / insert.file).unlink(missing_ok=True)

    def set_aside(self, batch: Batch) -> Path:
        """Keep a batch that cannot be finished for a person to look at."""
        path = self.folder / f"{batch.id}{_BATCH}"
        return path.rename(path.with_suffix(_ASIDE))

    def batches(self) -> Iterator[Batch]:
        """The batches in flight, oldest first."""
        for path in sorted(self.folder.glob(f"*{_BATCH}")):
            try:
                yield msgspec.json.decode(path.read_bytes(), type=Batch)
            except msgspec.MsgspecError as error:
                log.error("%s cannot be read and is set aside: %s", path, error)
                path.rename(path.with_suffix(_ASIDE))

    def link_to(self, target: Path) -> None:
        """Give a new folder what is in this one, as hard links: files here are never changed."""
        for path in self.folder.rglob("*"):
            link = target / path.relative_to(self.folder)
            if path.is_dir():
                link.mkdir(parents=True, exist_ok=True)
            elif path.suffix not in _UNFINISHED:
                # One that goes meanwhile is not needed any more.
                with suppress(FileNotFoundError):
                    link.hardlink_to(path)

    def sweep(self) -> None:
        """Remove files that no batch in flight or set aside names."""
        known = set()
        for path in [*self.folder.glob(f"*{_BATCH}"), *self.folder.glob(f"*{_ASIDE}")]:
            with suppress(msgspec.MsgspecError):
                batch = msgspec.json.decode(path.read_bytes(), type=Batch)
                known |= {path.name, *batch.files}
        for path in self.folder.glob("*.rows"):
            if path.name not in known:
                path.unlink(missing_ok=True)
        for suffix in _UNFINISHED:
            for path in self.folder.glob(f"*{suffix}"):
                path.unlink(missing_ok=True)
