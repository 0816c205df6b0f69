"""What was found out about statements, remembered by their shapes.

ClickHouse's parser takes as long for the statement of an endpoint as a small table takes to be
read, and requests of one endpoint differ in their values alone. Much of what is asked of a text
(whether it only reads, which tables it names) does not depend on these: it is asked once for each
shape, which is what is left of the text without the values in it.

What decides which characters are values is deliberately simple: a text in which it could disagree
with ClickHouse's lexer has no shape.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

_TEXT = re.compile(r"'[^'\\]*'")
_NUMBER = re.compile(r"\b[0-9]+\b")
_UNSURE = re.compile(r"""['"`\\#$]|--|/\*|\w\0|[^\0-\x7f]""")
"""Where other quotes, comments, heredocs or escapes begin, with \\0 for each text. A letter in
front of one makes it a number in other digits, which ends where those end."""

_REMEMBERED = 4096

Found = TypeVar("Found")


def shape_of(sql: str) -> bytes | None:
    """The same for statements that differ in numbers and in what stands between quotes alone.

    None when that cannot be told for sure. A quote within a text is written twice, so it ends one
    text and begins the next, here as there.
    """
    bare = _TEXT.sub("\0", sql)
    if "\0" in sql or _UNSURE.search(bare):
        return None
    return hashlib.sha256(_NUMBER.sub("0", bare).encode()).digest()


class Shapes(Generic[Found]):
    """Answers to one question about statements, which must not depend on the values in them.

    Safe to use from any thread; two may find out the same at once.
    """

    def __init__(self) -> None:
        self._found: OrderedDict[bytes, Found] = OrderedDict()
        self._lock = threading.Lock()

    def recall(self, sql: str, find: Callable[[], Found]) -> Found:
        """What `find` gives for `sql`, or gave for another of its shape. Raises what it raises."""
        shape = shape_of(sql)
        if shape is None:
            return find()
        with self._lock:
            if shape in self._found:
                self._found.move_to_end(shape)
                return self._found[shape]
        found = find()
        with self._lock:
            self._found[shape] = found
            if len(self._found) > _REMEMBERED:
                self._found.popitem(last=False)
        return found
