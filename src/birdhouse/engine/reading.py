"""What a statement from outside has to be before the engine runs it: one that only reads.

The last of several layers, and the only one that ClickHouse's own parser does: exactly one
statement that reads, no INTO OUTFILE, and no call of the function `file`, which reads any file of
the machine however it is reached (directly, by APPLY, as the argument of another function).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any, NoReturn

from birdhouse.engine.config import READER
from birdhouse.engine.shape import Shapes
from birdhouse.errors import EngineError

ACCESS_DENIED = 497
READONLY = 164
SYNTAX_ERROR = 62

_FILE = re.compile(r"\bfile\b")
_DESCRIBE = re.compile(r"\s*desc(?:ribe)?\s+(?:table\s+)?", re.IGNORECASE)
_EXPLAIN = re.compile(
    r"\s*explain\b.*?(?=\(|\bselect\b|\bwith\b|\bfrom\b)", re.IGNORECASE | re.DOTALL
)
_CALLS_FILE = re.compile(r"function_name: file\b")
_TEXT = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"})


def parameter_texts(params: Mapping[str, str]) -> dict[str, str]:
    """Query parameters as ClickHouse reads them: it unescapes their texts as it does TSV."""
    return {name: value.translate(_TEXT) for name, value in params.items()}


def become_reader(connection: Any) -> None:
    """Give up, for good, every right but that of reading workspaces."""
    connection.query(f"SET ROLE {READER}", "Null")


Kind = tuple[int, str]
"""How many statements a text has, and ClickHouse's class of them."""


def check_reading(
    connection: Any, sql: str, params: Mapping[str, str], kinds: Shapes[Kind]
) -> None:
    """Refuse what is not exactly one reading statement.

    Raises `EngineError`; chDB's own error for a statement that does not parse.
    """
    count, kind = kinds.recall(sql, partial(_kind, connection))
    if count == 0:
        _explain_syntax(connection, sql)
    if (count, kind) != (1, "READ_ONLY"):
        text = "Only one statement that reads is allowed. (READONLY)"
        raise EngineError(text, READONLY, "READONLY")
    if _FILE.search(sql) and _CALLS_FILE.search(_tree(connection, sql, params)):
        text = "The function file is not allowed: it reads files of this machine. (ACCESS_DENIED)"
        raise EngineError(text, ACCESS_DENIED, "ACCESS_DENIED")


def _kind(connection: Any, sql: str) -> Kind:
    found = connection._conn.classify_query(sql)
    return found["statement_count"], found["query_class"].name


def _explain_syntax(connection: Any, sql: str) -> NoReturn:
    """Raise what the parser has to say, without running any part of the statement."""
    try:
        texts = parameter_texts({"sql": sql})
        connection.query("SELECT formatQuery({sql:String})", "Null", params=texts)
    except RuntimeError as error:
        text = str(error).partition(": In scope SELECT formatQuery")[0]
        raise RuntimeError(f"{text}. (SYNTAX_ERROR)") from None
    raise EngineError("The statement cannot be read. (SYNTAX_ERROR)", SYNTAX_ERROR, "SYNTAX_ERROR")


def _tree(connection: Any, sql: str, params: Mapping[str, str]) -> str:
    """What the SELECT in the statement means, every function by its own name."""
    if described := _DESCRIBE.match(sql):
        sql = f"SELECT * FROM {sql[described.end() :]}"
    elif explained := _EXPLAIN.match(sql):
        sql = sql[explained.end() :]
    return str(connection.query(f"EXPLAIN QUERY TREE {sql}", "TSVRaw", params=params).data())
