"""What SQL from outside may say: the screen in front of the engine.

It stands on Tinybird's own SQL toolset, which knows the functions and settings that Tinybird
allows, and adds what the toolset lets through: functions named as values (`APPLY f`,
`arrayMap(f, ...)`), names that come in as query parameters, and the clauses of table definitions,
which the toolset does not read. Everything here raises `BadRequest` and returns nothing new: the
engine runs what the toolset prints, never the text that was sent.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import lru_cache

from birdhouse import tinybird
from birdhouse.engine import Shapes
from birdhouse.errors import BadRequest, ReadsElsewhere

TABLE_FUNCTIONS = frozenset(
    {"generaterandom", "null", "numbers", "numbers_mt", "values", "zeros", "zeros_mt"}
)
"""Table functions that every query may use."""
COPY_TABLE_FUNCTIONS = frozenset(
    {
        "azureBlobStorage",
        "deltaLake",
        "gcs",
        "iceberg",
        "mongodb",
        "mysql",
        "postgresql",
        "s3",
        "url",
    }
)
"""Table functions that Tinybird keeps for copy pipes."""

_NEWER = re.compile(
    r"""
      file | sleep | sleepEachRow
    | get(Setting|ServerSetting|ServerPort|MergeTreeSetting|Macro|ClientHTTPHeader)\w*
    | getMaxTableNameLengthForDatabase | globalVariable | hasColumnInTable | hasThreadFuzzer
    | current(Handler|QueryID|RequestURL|User|Database|Schemas|Roles|Profiles) | initialQuery\w*
    | auth(enticated)?User | session_user | serverUUID | showCertificate | hostName | FQDN | tcpPort
    | addressTo\w+ | demangle | buildId | revision | logTrace | filesystem\w+ | mergeTreePartInfo
    | joinGet\w* | dict(Get|Has|IsIn)\w* | catboostEvaluate | naiveBayes\w+ | generateSerialID
    | ai[A-Z]\w+ | AI[A-Z]\w+ | chdb | executeQuery | remote\w* | url | s3 | executable
    """,
    re.VERBOSE,
)
"""Functions that reach outside the query or tell of the server, among them such as the toolset
does not know yet."""

_TEXT = r"'(?:[^'\\]|\\.|'')*'"
_QUOTED = r"`(?:[^`\\]|\\.|``)*`|\"(?:[^\"\\]|\\.|\"\")*\""
_NAME = rf"(?:{_QUOTED}|[A-Za-z_]\w*)"
_SPEAKING = re.compile(
    rf"""
      {_TEXT}
    | \bAPPLY\s*\(?\s*(?P<applied>{_NAME})(?!\s*->)
    | \b(?:array|map)\w*\(\s*(?P<passed>{_NAME})(?=\s*[,)]|\s+AS\b)
    | \{{\s*\w+\s*:\s*(?P<type>\w+)
    | {_QUOTED}
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SELECT = re.compile(r"\s*(?:select|with)\b", re.IGNORECASE)
_DDL = re.compile(
    rf"{_TEXT}|{_QUOTED}|(?P<comment>--[^\n]*|/\*.*?(?:\*/|$)|\#[ !][^\n]*)"
    r"|(?P<heredoc>\$\w*\$)|(?P<word>[A-Za-z_]\w*)(?P<call>\s*\()?|(?P<sign>[();,])",
    re.DOTALL,
)


def tables(sql: str, *, copy: bool = False) -> tuple[tinybird.Table, ...]:
    """The tables that a SELECT or DESCRIBE names, once all that it calls has been found allowed.

    `copy`: it belongs to a copy pipe, which may read from other systems. Raises `ReadsElsewhere`
    when it does.
    """
    named: dict[tinybird.Table, None] = {}
    for database, name, function in tinybird.tables(
        sql, COPY_TABLE_FUNCTIONS if copy else frozenset()
    ):
        if function:
            _check_table_function(function, copy=copy)
        else:
            named[database, name] = None
    return tuple(named)


def check_printed(sql: str) -> None:
    """Refuse functions named as values and identifiers as parameters, in SQL that was printed."""
    for match in _SPEAKING.finditer(sql):
        if applied := match["applied"]:
            _check_function(_bare(applied))
        elif (passed := match["passed"]) and _NEWER.fullmatch(_bare(passed)):
            raise BadRequest(_restricted(_bare(passed)))
        elif (match["type"] or "").lower() == "identifier":
            raise BadRequest("[Error] A query parameter cannot stand for a name")


def printed_tables(sql: str) -> tuple[tinybird.Table, ...]:
    """`tables` of SQL that was printed, once it has passed `check_printed`."""
    return _printed.recall(sql, _look_at)


def _look_at(sql: str) -> tuple[tinybird.Table, ...]:
    check_printed(sql)
    return tables(sql)


_printed: Shapes[tuple[tinybird.Table, ...]] = Shapes()


def condition(expression: str, own: Collection[str] = ()) -> str:
    """One boolean expression, as the toolset prints it, in brackets.

    `own` are the names of tables that it may read; without any it reads columns only.
    """
    bare = _DDL.sub(lambda found: "" if found["comment"] else found[0], expression)
    if not bare.strip():
        raise BadRequest("The condition is empty: name the rows, for example id = 'a'")
    if ";" in _signs(expression) or _depth(expression) != 0:
        raise BadRequest("[Error] The condition is not one expression: check its brackets")
    sql = f"SELECT (\n{expression}\n)"
    named = tables(sql)
    if any(database or name not in own for database, name in named):
        raise BadRequest("The condition may read the columns of its own Data Source only")
    printed = tinybird.replace_tables(sql, {})
    check_printed(printed)
    return f"({printed.removeprefix('SELECT').strip()})"


def check_rewrite(query: str, table: str) -> None:
    """Refuse a FORWARD_QUERY, a SELECT or its list alone, that reads more than its own table."""
    text = query.strip().rstrip(";")
    sql = text if _SELECT.match(text) else f"SELECT {text}"
    if other := [name for name in tables(sql) if name != ("", table)]:
        raise BadRequest(
            f"FORWARD_QUERY may read '{table}' only, not '{'.'.join(filter(None, other[0]))}'"
        )
    check_printed(tinybird.replace_tables(sql, {}))


def check_definition(ddl: str) -> None:
    """Refuse what a table's definition must not say: it is made of texts from a datafile.

    `ddl` is the whole CREATE or ALTER: its DEFAULTs, keys, TTL, indexes and settings are looked
    at, for functions that are not allowed, for other tables, disks and further statements.
    """
    if any(found["comment"] for found in _DDL.finditer(ddl)):
        raise BadRequest("[Error] Comments are not allowed in a definition")
    if ";" in _signs(ddl) or _depth(ddl) != 0:
        raise BadRequest("[Error] Only one definition is allowed: check its brackets")
    plain = _DDL.sub(lambda found: found[0] if found["word"] or found["sign"] else "''", ddl)
    if found := _FOREIGN_CLAUSE.search(plain):
        raise BadRequest(f"[Error] {' '.join(found[0].split())} is not allowed in a definition")
    for engine in _ENGINE.findall(plain):
        if not _KNOWN_ENGINE.fullmatch(engine):
            raise BadRequest(f"[Error] The engine {engine} is not allowed")
    depth = 0
    for found in _DDL.finditer(ddl):
        if found["call"]:
            _check_call(found["word"])
        if depth == 0 and (found["word"] or "").upper() == "AS":
            raise BadRequest("[Error] AS is not allowed in a definition")
        depth += (found["sign"] == "(") + bool(found["call"]) - (found["sign"] == ")")
    check_printed(ddl)


_FOREIGN_CLAUSE = re.compile(
    r"\bSELECT\b|\bTO\s+(?:DISK|VOLUME)\b|\b(?:table_disk|disk|storage_policy)\s*="
    r"|\b(?:MOVE|FETCH|ATTACH|REPLACE)\s+PART|\bINFILE\b|\bOUTFILE\b",
    re.IGNORECASE,
)
_ENGINE = re.compile(r"\bENGINE\s*=?\s*(\w+)", re.IGNORECASE)
_KNOWN_ENGINE = re.compile(r"\w*MergeTree|Null|Join|Set|Memory")


def _check_table_function(name: str, *, copy: bool) -> None:
    if name.lower() in TABLE_FUNCTIONS:
        return
    if copy and name in COPY_TABLE_FUNCTIONS:
        raise ReadsElsewhere(
            f"The {name} table function reads from another system: birdhouse asks none, "
            "copies from there run on Tinybird Cloud"
        )
    raise BadRequest(f"The query uses disabled table functions: '{name}'")


@lru_cache(maxsize=4096)
def _check_function(name: str) -> None:
    """Refuse a function that the toolset does not know or does not allow."""
    if _NEWER.fullmatch(name):
        raise BadRequest(_restricted(name))
    tinybird.tables(f"SELECT {name}(1)")


@lru_cache(maxsize=4096)
def _check_call(name: str) -> None:
    """As `_check_function`, but for a text in which types and engines are called too."""
    if _NEWER.fullmatch(name):
        raise BadRequest(_restricted(name))
    try:
        tinybird.tables(f"SELECT {name}(1)")
    except BadRequest as error:
        if "is restricted" in str(error):
            raise


def _restricted(name: str) -> str:
    return f"[Error] Usage of function {name} is restricted"


def _bare(name: str) -> str:
    return name[1:-1] if name[0] in '`"' else name


def _signs(text: str) -> list[str]:
    """The brackets, commas and semicolons of a text that are not inside of names and strings.

    Raises `BadRequest` for texts between dollar signs, which could hide some.
    """
    signs = []
    for found in _DDL.finditer(text):
        if found["heredoc"]:
            raise BadRequest("[Error] Texts between dollar signs are not allowed here")
        if found["call"]:
            signs.append("(")
        elif found["sign"]:
            signs.append(found["sign"])
    return signs


def _depth(text: str) -> int:
    """How many brackets stay open; -1 as soon as one is closed that was not opened."""
    depth = 0
    for sign in _signs(text):
        depth += (sign == "(") - (sign == ")")
        if depth < 0:
            return -1
    return depth
