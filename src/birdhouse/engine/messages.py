"""ClickHouse's error messages, for people who wrote other SQL than ClickHouse was given."""

from __future__ import annotations

import re
from collections.abc import Mapping

_SCOPE = re.compile(
    r"[:.]? In scope .*?(?=\. Maybe you meant|: Note: |\.? \([A-Z0-9_]+\)$|$)", re.DOTALL
)
_EXECUTING = re.compile(r": while executing .*?(?=\.? \([A-Z0-9_]+\)$|$)", re.DOTALL)


def for_people(message: str, names: Mapping[str, str]) -> str:
    """An error's message without the planned SQL, which is not what the author wrote.

    `names` are those that the author knows, by what ClickHouse calls them.
    """
    text = _EXECUTING.sub("", _SCOPE.sub("", message))
    for table, name in names.items():
        text = text.replace(table, name)
    return text
