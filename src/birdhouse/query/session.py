"""What ClickHouse's own clients ask of a session, as the SELECT over a workspace that answers it.

SHOW and EXISTS read the stand-ins in `system`; functions about the server and the session, which
Tinybird's screen refuses, become the constants that they stand for.
"""

from __future__ import annotations

import re

from birdhouse.engine import CLICKHOUSE_VERSION, quote_text

USER = "default"
"""What `currentUser()` answers."""

_NAME = r"(?:`([^`]+)`|\"([^\"]+)\"|([A-Za-z_][A-Za-z0-9_]*))"
_LIKE = r"(?:\s+(?P<like>(?:NOT\s+)?I?LIKE)\s+'(?P<pattern>[^'\\]*)')?"
_END = r"\s*;?\s*$"

_SHOW_DATABASES = re.compile(rf"\s*SHOW\s+(?:DATABASES|SCHEMAS){_LIKE}{_END}", re.IGNORECASE)
_SHOW_TABLES = re.compile(
    rf"\s*SHOW\s+TABLES(?:\s+(?:FROM|IN)\s+{_NAME})?{_LIKE}(?:\s+LIMIT\s+(?P<limit>\d+))?{_END}",
    re.IGNORECASE,
)
_EXISTS = re.compile(rf"\s*EXISTS\s+(?:TABLE\s+)?(?:{_NAME}\.)?{_NAME}{_END}", re.IGNORECASE)
_FUNCTION = re.compile(
    r"""'(?:[^'\\]|\\.)*' | `(?:[^`\\]|\\.)*` | "(?:[^"\\]|\\.)*" | --[^\n]* | /\*.*?\*/
    | \b(version|currentDatabase|database|currentUser|user)\s*\(\s*\)""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


def as_select(sql: str, workspace: str) -> str:
    """The SELECT that answers a statement; one that asks nothing of the session stays as it is.

    `workspace` is the session's database.
    """
    if match := _SHOW_DATABASES.match(sql):
        return f"SELECT name FROM system.databases{_filter(match, 'WHERE')} ORDER BY name"
    if match := _SHOW_TABLES.match(sql):
        database = _name(match, 1) or workspace
        limit = f" LIMIT {match['limit']}" if match["limit"] else ""
        return (
            f"SELECT name FROM system.tables WHERE database = {quote_text(database)}"
            f"{_filter(match, 'AND')} ORDER BY name{limit}"
        )
    if match := _EXISTS.match(sql):
        database, name = _name(match, 1) or workspace, _name(match, 4)
        return (
            "SELECT toUInt8(count() > 0) AS result FROM system.tables "
            f"WHERE database = {quote_text(database)} AND name = {quote_text(name)}"
        )
    return _constants(sql, workspace)


def _constants(sql: str, workspace: str) -> str:
    values = {"version": CLICKHOUSE_VERSION, "currentuser": USER, "user": USER}
    values |= {"currentdatabase": workspace, "database": workspace}

    def constant(match: re.Match[str]) -> str:
        name = match[1]
        return quote_text(values[name.lower()]) if name else match[0]

    return _FUNCTION.sub(constant, sql)


def _name(match: re.Match[str], first: int) -> str:
    """The name in whichever of the three groups of `_NAME` has it; '' when none has."""
    return next((text for text in match.group(first, first + 1, first + 2) if text), "")


def _filter(match: re.Match[str], word: str) -> str:
    if not match["like"]:
        return ""
    return f" {word} name {match['like']} {quote_text(match['pattern'])}"


__all__ = ["as_select"]
