"""What was found out about statements, remembered by their shapes.

ClickHouse's parser takes as long for the statement of an endpoint as a small table takes to be
read, and requests of one endpoint differ in their values alone. What is asked of a text (whether it
only reads, which tables it names) seldom depends on these: it is asked once for each shape, which
is what is left of the text without the values in it.

What decides which characters are values is deliberately simple: a text in which it could disagree
with ClickHouse's lexer has no shape. And where the shape itself does not give the same answer, the
values matter (`joinGet('table', ...)`), and nothing is remembered.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from secrets import token_hex
from typing import Generic, TypeVar

from birdhouse.errors import BirdhouseError

_TEXT = re.compile(r"'[^'\\]*'")
_NUMBER = re.compile(r"\b[0-9]+\b")
_WORD = f"'{token_hex(16)}'"
"""Stands for every text: nobody can guess it, so it is the name of nothing."""
_UNSURE = re.compile(r"""['"`\\#$]|--|/\*|\w\0|[^\0-\x7f]""")
"""Where other quotes, comments, heredocs or escapes begin, with \\0 for each text. A letter in
front of one makes it a number in other digits, which ends where those end."""

_REMEMBERED = 4096

Found = TypeVar("Found")


def shape_of(sql: str) -> str | None:
    """The statement with the same word in all texts, and 0 for every number.

    None when that cannot be told for sure. A quote within a text is written twice, so it ends one
    text and begins the next, here as there.
    """
    bare = _TEXT.sub("\0", sql)
    if "\0" in sql or _UNSURE.search(bare):
        return None
    return _NUMBER.sub("0", bare).replace("\0", _WORD)


class Shapes(Generic[Found]):
    """Answers to one question about statements. Safe to use from any thread; two may find out the
    same at once."""

    def __init__(self) -> None:
        self._found: OrderedDict[bytes, Found] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, sql: str, find: Callable[[str], Found]) -> Found:
        """What `find` answers for `sql`, or did for another statement of its shape.

        `find` asks the same question each time. Raises what it raises.
        """
        shape = shape_of(sql)
        if shape is None:
            return find(sql)
        key = sha256(shape.encode()).digest()
        with self._lock:
            if key in self._found:
                self._found.move_to_end(key)
                return self._found[key]
        found = find(sql)
        with suppress(BirdhouseError, RuntimeError):
            if find(shape) == found:
                self._keep(key, found)
        return found

    def _keep(self, key: bytes, found: Found) -> None:
        with self._lock:
            self._found[key] = found
            if len(self._found) > _REMEMBERED:
                self._found.popitem(last=False)
