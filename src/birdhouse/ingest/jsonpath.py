"""JSONPaths as datafiles write them: `$.a`, `$.a.b`, `$.a[:]`, `$.a[:].b`, `$`.

A key with odd characters stands bare up to the next `.` or `[` (`$.user-agent`, `$.@type`), or
quoted: `$.['a.b']`, `$['a.b']`, `$."a.b"`. Not supported: indexes, filters, `..`.
"""

from __future__ import annotations

import re
from typing import Final

from birdhouse.errors import BadRequest

EACH: Final = None
"""The step `[:]`: every element of an array."""

Step = str | None

_STEP = re.compile(
    r"""\.?\[(?:'(?P<single>(?:[^'\\]|\\.)*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<each>:|\*))\]
      | \."(?P<quoted>(?:[^"\\]|\\.)*)"
      | \.(?P<bare>[^.\["']+)
    """,
    re.VERBOSE,
)
_ESCAPE = re.compile(r"\\(.)")


def parse_jsonpath(path: str) -> tuple[Step, ...]:
    """The steps from the document down. Raises `BadRequest`."""
    text = path.strip()
    if not text.startswith("$"):
        raise BadRequest(f"Invalid JSONPath '{path}': it must start with $")
    steps: list[Step] = []
    at = 1
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            raise BadRequest(f"Invalid JSONPath '{path}': cannot read '{text[at:]}'")
        found = match.groupdict()
        if found["each"] is not None:
            steps.append(EACH)
        elif found["bare"] is not None:
            steps.append(found["bare"])
        else:
            key = next(
                found[name] for name in ("single", "double", "quoted") if found[name] is not None
            )
            steps.append(_ESCAPE.sub(r"\1", key))
        at = match.end()
    return tuple(steps)


def key_path(key: str) -> str:
    """The JSONPath of a key of the document."""
    escaped = key.replace("\\", "\\\\").replace("'", "\\'")
    return f"$['{escaped}']"
