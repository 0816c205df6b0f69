"""Names and texts as ClickHouse literals."""

from __future__ import annotations

_NAME = str.maketrans({"\\": "\\\\", "`": "\\`"})
_TEXT = str.maketrans(
    {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}
)


def quote_name(*parts: str) -> str:
    """`a`, or `a`.`b` for several parts, in back quotes."""
    return ".".join(f"`{part.translate(_NAME)}`" for part in parts)


def quote_text(value: str) -> str:
    """A string literal in single quotes."""
    return f"'{value.translate(_TEXT)}'"
