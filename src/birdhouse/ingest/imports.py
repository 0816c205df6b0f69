"""Imports of files: block after block, resumed after a crash.

A resumable import is in the folder as `<id>.import` from its start to its end, with the number of
blocks that are stored. Each block's deduplication token is made of the import's id and the block's
number, so that the block that a crash cut off is stored once.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

import msgspec

from birdhouse.engine import Engine
from birdhouse.errors import BirdhouseError, PartlyIngested
from birdhouse.ingest.csvfile import Dialect
from birdhouse.ingest.files import FileFormat, read_blocks
from birdhouse.ingest.journal import disk_error
from birdhouse.ingest.landing import ERROR_SAMPLE, Landing, Receipt
from birdhouse.ingest.queue import ShuttingDown
from birdhouse.ingest.request import Request

log = logging.getLogger("birdhouse.ingest")

_IMPORT = ".import"
_AHEAD = 2
"""Blocks read and not stored yet: while the engine stores one, the next one is checked."""

Put = Callable[[Request], "Future[Receipt]"]
Progress = Callable[[Receipt], None]


class FileImport(msgspec.Struct, frozen=True):
    """A file on its way in, and how far it came."""

    id: str
    landing: Landing
    path: str
    format: FileFormat
    dialect: Dialect
    blocks: int = 0
    """Blocks that are stored."""
    so_far: Receipt | None = None

    @property
    def receipt(self) -> Receipt:
        return self.so_far or Receipt(0, 0, 0, self.id)

    def after(self, block: Receipt) -> FileImport:
        so_far = self.receipt
        receipt = Receipt(
            so_far.successful_rows + block.successful_rows,
            so_far.quarantined_rows + block.quarantined_rows,
            so_far.bytes + block.bytes,
            self.id,
            (so_far.errors + block.errors)[:ERROR_SAMPLE],
        )
        return msgspec.structs.replace(self, blocks=self.blocks + 1, so_far=receipt)


class Imports:
    """Runs imports, each on its caller's thread. The folder is the journal's."""

    def __init__(self, engine: Engine, folder: Path, put: Put) -> None:
        self._engine = engine
        self._folder = folder
        self._put = put

    def run(
        self,
        task: FileImport,
        progress: Progress | None = None,
        *,
        resumable: bool = False,
        ended: Progress | None = None,
    ) -> Receipt:
        """Store what is left of the file; keep track of it on disk when it is `resumable`. `ended`
        is told when all of it is stored, and again should the process die before it returns.

        Raises the error of the block that could not be stored; the blocks before it are. After a
        view failed on a block, the others are stored all the same, and the error comes at the end.
        """
        if resumable:
            self._save(task)
        failure: PartlyIngested | None = None
        waiting: deque[Future[Receipt]] = deque()

        def collect(left: int) -> None:
            nonlocal task, failure
            while len(waiting) > left:
                try:
                    block = waiting.popleft().result()
                except PartlyIngested as error:
                    failure, block = error, Receipt(0, 0, 0, task.id)
                task = task.after(block)
                if resumable:
                    self._save(task)
                if progress is not None:
                    progress(task.receipt)

        try:
            for request in self._requests(task):
                waiting.append(self._put(request))
                collect(_AHEAD - 1)
            collect(0)
            if failure is not None:
                raise failure
        except ShuttingDown:
            # Like a crash: a resumable import goes on at the next start.
            raise
        except Exception as error:
            for future in waiting:
                if not future.cancel():
                    with suppress(BirdhouseError):
                        task = task.after(future.result())
            self._end(task)
            if isinstance(error, BirdhouseError) and task.blocks:
                stored = task.receipt.successful_rows
                error.args = (f"{error} (the first {stored} rows of the file are stored)",)
            raise
        if ended is not None:
            ended(task.receipt)
        self._end(task)
        return task.receipt

    def _requests(self, task: FileImport) -> Iterator[Request]:
        scratch = self._folder / f"{task.id}.unpacked"
        blocks = read_blocks(
            self._engine,
            Path(task.path),
            task.format,
            task.landing.datasource.columns,
            task.dialect,
            scratch,
        )
        for number, block in enumerate(blocks):
            if number >= task.blocks:
                token = f"{task.id}-{number}"
                yield Request(task.landing, block, import_id=task.id, token=token)

    def _save(self, task: FileImport) -> None:
        path = self._folder / f"{task.id}{_IMPORT}"
        try:
            path.with_suffix(".tmp").write_bytes(msgspec.json.encode(task))
            path.with_suffix(".tmp").rename(path)
        except OSError as error:
            raise disk_error(error) from error

    def _end(self, task: FileImport) -> None:
        with suppress(OSError):
            (self._folder / f"{task.id}{_IMPORT}").unlink(missing_ok=True)

    def interrupted(self) -> list[FileImport]:
        """The imports that a crash cut off and whose file is still there; forgets the others."""
        found = []
        for path in sorted(self._folder.glob(f"*{_IMPORT}")):
            try:
                task = msgspec.json.decode(path.read_bytes(), type=FileImport)
            except msgspec.MsgspecError as error:
                log.error("%s cannot be read: %s", path, error)
                continue
            # Where the file was is not where it is when the folder comes from a backup.
            spooled = self._folder.absolute() / "spool" / Path(task.path).name
            task = msgspec.structs.replace(task, path=str(spooled))
            if spooled.exists():
                found.append(task)
            else:
                log.warning("the file of import %s is gone after %d blocks", task.id, task.blocks)
                self._end(task)
        return found
