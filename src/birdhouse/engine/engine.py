"""One embedded ClickHouse and the pool of connections to it.

Concurrency: a connection runs one statement at a time, several connections run side by side
without the interpreter's lock. A connection is taken from the pool for one statement and given
back only when that succeeded: chDB prepends what a failed query had printed to the answer of
the next one on the same connection. Methods may be called from any thread; they block.

Never used here: `send_insert` (it reports success for rows that a late error drops) and
`INSERT ... SELECT FROM input()` (it inserts nothing).
"""

from __future__ import annotations

import itertools
import re
import threading
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import chdb

from birdhouse.engine.config import write_config
from birdhouse.engine.deduplication import forget_unfinished
from birdhouse.engine.quoting import quote_text
from birdhouse.engine.reading import Kind, become_reader, check_reading, parameter_texts
from birdhouse.engine.shape import Shapes
from birdhouse.engine.sizes import Sizes, Table
from birdhouse.errors import EngineError

Settings = Mapping[str, int | float | str]
"""ClickHouse settings of one statement."""

_IDLE_CONNECTIONS = 8
_ERROR = re.compile(r"Code: (\d+)\. DB::Exception: (.*?)\s*(?:\(([A-Z0-9_]+)\))?\s*$", re.DOTALL)
_MEMORY = "SELECT value FROM system.metrics WHERE metric = 'MemoryTracking'"
_NESTED = re.compile(r"^(?:Code: \d+\. DB::Exception: )+")
_VERSION = re.compile(r"\s*\(version [^)]*\)|\s*\([A-Z0-9_]+\) \(version [^)]*\)\.?")


def engine_error(text: str) -> EngineError:
    """The error that chDB's message `text` describes."""
    match = _ERROR.search(text)
    if match is None:
        return EngineError(text, 0, "UNKNOWN")
    code, message, name = match.groups()
    message = _VERSION.sub("", _NESTED.sub("", message)).rstrip(". ")
    return EngineError(f"{message}. ({name})" if name else message, int(code), name or "UNKNOWN")


class Result:
    """What a statement gave: `data` in the format asked for, and what it cost to get it."""

    __slots__ = ("_result",)

    def __init__(self, result: Any) -> None:
        self._result = result

    @property
    def data(self) -> memoryview:
        """The bytes of the answer, without a copy. They live as long as this object."""
        view: memoryview = self._result.get_memview().view()
        return view

    def text(self) -> str:
        return str(self._result.data())

    @property
    def elapsed(self) -> float:
        """Seconds in the engine."""
        return float(self._result.elapsed())

    @property
    def rows_read(self) -> int:
        """Rows read from storage."""
        return int(self._result.storage_rows_read())

    @property
    def bytes_read(self) -> int:
        """Bytes read from storage."""
        return int(self._result.storage_bytes_read())

    @property
    def result_rows(self) -> int:
        return int(self._result.rows_read())

    @property
    def rows_written(self) -> int:
        return int(self._result.rows_written())


class Engine:
    """ClickHouse on a folder of this machine; one a process.

    Raises `EngineError` from every method, with ClickHouse's own code and name.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        config = folder.with_name(folder.name + ".xml")
        write_config(config)
        forget_unfinished(folder)
        self.folder = folder
        self._path = str(folder)
        self._idle: defaultdict[str, list[tuple[str, Any]]] = defaultdict(list)
        self._running: dict[str, str] = {}
        self._killed: set[str] = set()
        """Connections that a KILL is under way for: it must not meet their next statement."""
        self._tags = itertools.count(1)
        self._lock = threading.Lock()
        self._under_way = 0
        self._kinds: Shapes[Kind] = Shapes()
        self._sizes = Sizes(lambda sql: bytes(self.execute(sql, fmt="JSONCompactEachRow").data))
        try:
            self._keeper = chdb.connect(f"{self._path}?config-file={config}")
        except RuntimeError as error:
            raise engine_error(str(error)) from None

    def query(
        self,
        sql: str,
        fmt: str = "JSON",
        *,
        settings: Settings | None = None,
        params: Mapping[str, str] | None = None,
        tag: str = "",
    ) -> Result:
        """Run exactly one reading statement, in a connection that can do nothing else.

        `tag` names the statement for `kill`. `params` are ClickHouse query parameters: name and
        value, the value as it is.
        """
        texts = parameter_texts(params or {})
        with self._connection({**(settings or {}), "readonly": 1}, tag) as connection:
            check_reading(connection, sql, texts, self._kinds)
            return Result(connection.query(sql, fmt, params=texts))

    def execute(
        self,
        sql: str,
        *,
        settings: Settings | None = None,
        params: Mapping[str, str] | None = None,
        tag: str = "",
        fmt: str = "Null",
    ) -> Result:
        """Run one statement that may do anything: nothing of it may come from outside."""
        texts = parameter_texts(params or {})
        with self._connection(settings or {}, tag) as connection:
            return Result(connection.query(sql, fmt, params=texts))

    @property
    def under_way(self) -> int:
        """Statements that run now."""
        return self._under_way

    def any_large(self, tables: Collection[Table]) -> bool:
        """Whether one of the tables has a million rows or more, as of some seconds ago."""
        return self._sizes.any_large(tables)

    def memory(self) -> int:
        """Bytes that ClickHouse accounts for."""
        return int(self.execute(_MEMORY, fmt="TSV").text())

    def kill(self, tag: str) -> None:
        """Stop the running statement of that tag, if there is one; its caller gets error 394."""
        with self._lock:
            comment = self._running.get(tag)
            if comment is not None:
                self._killed.add(comment)
        if comment is not None:
            self.execute(f"KILL QUERY WHERE Settings['log_comment'] = {quote_text(comment)} ASYNC")

    def close(self) -> None:
        """Stop what still runs, then shut the engine down."""
        with self._lock:
            running = list(self._running)
        for tag in running:
            self.kill(tag)
        with self._lock:
            connections = [c for pool in self._idle.values() for _, c in pool]
            self._idle.clear()
        for connection in connections:
            connection.close()
        self._keeper.close()

    @contextmanager
    def _connection(self, settings: Settings, tag: str) -> Iterator[Any]:
        key = "&".join(f"{name}={quote(str(value))}" for name, value in sorted(settings.items()))
        with self._lock:
            pool = self._idle[key]
            fresh = not pool
            self._under_way += 1
            connection: Any
            comment, connection = pool.pop() if pool else (f"birdhouse-{next(self._tags)}", None)
            if tag:
                self._running[tag] = comment
        killed = False
        try:
            if fresh:
                connection = chdb.connect(f"{self._path}?{key}&log_comment={comment}")
            try:
                if fresh and "readonly" in settings:
                    become_reader(connection)
                yield connection
            except BaseException:
                connection.close()
                raise
        except RuntimeError as error:
            raise engine_error(str(error)) from None
        finally:
            with self._lock:
                self._under_way -= 1
                self._running.pop(tag, None)
                killed = comment in self._killed
                self._killed.discard(comment)
        with self._lock:
            keep = not killed and len(self._idle[key]) < _IDLE_CONNECTIONS
            if keep:
                self._idle[key].append((comment, connection))
        if not keep:
            connection.close()
