"""Parameters of templates: all of them texts, as a query string has them."""

from __future__ import annotations

from typing import Any

import msgspec


def as_text(value: Any) -> str:
    """A value the way a query string spells it: lists by commas, objects as JSON.

    Templates print a text as a literal; anything else they would print as it is.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list) and not any(isinstance(item, list | dict) for item in value):
        return ",".join(as_text(item) for item in value if item is not None)
    if isinstance(value, list | dict):
        return msgspec.json.encode(value).decode()
    return str(value)
