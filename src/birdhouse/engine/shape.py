"""The shapes of statements: what is left of a text without the values in it.

ClickHouse's parser takes as long for the statement of an endpoint as a small table takes to be
read, and requests of one endpoint differ in their values alone. Whether a text is one statement
that reads does not depend on these, so the parser is asked once for each shape.

What decides which characters are values is deliberately simple: a text in which it could disagree
with ClickHouse's lexer has no shape.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict

_TEXT = re.compile(r"'[^'\\]*'")
_DIGITS = re.compile(r"[0-9]+")
_UNSURE = re.compile(r"""['"`\\#$]|--|/\*|[^\x00-\x7f]""")
"""Outside of texts: where other quotes, comments, heredocs or escapes begin."""

_REMEMBERED = 4096


def shape_of(sql: str) -> bytes | None:
    """The same for statements that differ in numbers and in what stands between quotes alone.

    None when that cannot be told for sure. A quote within a text is written twice, so it ends one
    text and begins the next, here as there.
    """
    bare = _TEXT.sub("''", sql)
    if _UNSURE.search(bare.replace("''", "")) or "\0" in sql:
        return None
    return hashlib.sha256(_DIGITS.sub("0", bare).encode()).digest()


class Shapes:
    """Those that were found to be one statement that reads. Safe to use from any thread."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()

    def knows(self, shape: bytes | None) -> bool:
        with self._lock:
            if shape is None or shape not in self._known:
                return False
            self._known.move_to_end(shape)
            return True

    def add(self, shape: bytes | None) -> None:
        if shape is None:
            return
        with self._lock:
            self._known[shape] = None
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
