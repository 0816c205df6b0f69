"""Files that the packaged parsers refuse: text, what has to be said, and the line if it is told."""

from __future__ import annotations

from typing import NamedTuple


class Rejected(NamedTuple):
    text: str
    reason: str
    line: int = 0


def _table(directives: str) -> str:
    return f"SCHEMA >\n    `id` UInt64 `json:$.id`\n\n{directives}\n"


def _column(column: str, key: str = "id") -> str:
    return (
        "DESCRIPTION >\n    Things\n\nSCHEMA >\n    `id` UInt64 `json:$.id`,\n"
        f'    {column}\n\nENGINE "MergeTree"\nENGINE_SORTING_KEY "{key}"\n'
    )


def _pipe(directives: str, sql: str = "SELECT 1 AS one") -> str:
    return f"NODE only\nSQL >\n    {sql}\n\n{directives}\n"


def _template(sql: str) -> str:
    return f"NODE only\nSQL >\n    %\n    {sql}\n\nTYPE endpoint\n"


SCHEMAS = {
    "unknown_type": Rejected(_column("`a` Foo"), "Unknown data type family: Foo", 6),
    "no_size": Rejected(_column("`a` Int"), "Precision is mandatory for Int types", 6),
    "boolean": Rejected(_column("`a` Boolean"), "use Bool or UInt8 instead", 6),
    "no_precision": Rejected(_column("`a` DateTime64"), "use DateTime64(3) instead", 6),
    "null_suffix": Rejected(_column("`a` String NULL"), "use Nullable(...)", 6),
    "materialized": Rejected(_column("`a` String MATERIALIZED 1"), "MATERIALIZED columns", 6),
    "alias": Rejected(_column("`a` String ALIAS 1"), "ALIAS columns", 6),
    "ephemeral": Rejected(_column("`a` String EPHEMERAL"), "EPHEMERAL", 6),
    "comment": Rejected(_column("`a` String COMMENT 'x'"), "COMMENT", 6),
    "column_ttl": Rejected(_column("`a` Date TTL a + 1"), "column TTL is not supported", 6),
    "index_inside": Rejected(_column("INDEX ix a TYPE minmax"), "Forbidden INDEX definition", 6),
    "no_comma": Rejected(_column("`a` String\n    `b` String"), "Expected end of query", 7),
    "no_type": Rejected(_column("`a` DEFAULT 1"), "has a DEFAULT and no type"),
    "no_schema": Rejected('ENGINE "MergeTree"\n', "SCHEMA is mandatory"),
}
DIRECTIVES = {
    "unknown": Rejected(
        _table('ENGINE "MergeTree"\nNONSENSE 1'), "NONSENSE is not a valid option", 5
    ),
    "unknown_of_engine": Rejected(
        _table('ENGINE "MergeTree"\nENGINE_NONSENSE "1"'), "ENGINE_NONSENSE is not a valid", 5
    ),
    "settings": Rejected(
        _table('ENGINE "MergeTree"\nSETTINGS "a=1"'), "use ENGINE_SETTINGS instead", 5
    ),
    "include": Rejected(
        _table('ENGINE "MergeTree"\nINCLUDE "x.incl"'), "INCLUDE is not supported yet", 5
    ),
    "backfill": Rejected(
        _table('ENGINE "MergeTree"\nBACKFILL sometimes'), "not an allowed value for BACKFILL", 5
    ),
    "token_to_write": Rejected(
        'TOKEN "x" WRITE\n' + _table(""), "Only READ and APPEND are supported", 1
    ),
    "half_kafka": Rejected(_table("KAFKA_TOPIC x"), "Some Kafka params have been provided"),
    "nullable_key": Rejected(_column("`n` Nullable(String)", "n"), "nullable column 'n'"),
    "aggregate_key": Rejected(
        _column("`n` AggregateFunction(sum, Int8)", "n"), "AggregateFunction type"
    ),
    "version_in_key": Rejected(
        _table('ENGINE "ReplacingMergeTree"\nENGINE_SORTING_KEY "id"\nENGINE_VER "id"'),
        "ENGINE_VER column 'id' cannot be included in the sorting key",
    ),
    "no_key": Rejected(
        _table('ENGINE "ReplacingMergeTree"'), "Missing required option 'sorting_key'"
    ),
    "no_such_engine": Rejected(_table('ENGINE "Foo"'), "Engine Foo is not supported"),
}
PIPES = {
    "unknown_type": Rejected(_pipe("TYPE foo"), "Allowed node types"),
    "no_node": Rejected("DESCRIPTION x\n", "at least one node"),
    "type_first": Rejected("TYPE endpoint\n" + _pipe(""), "must be called after a NODE", 1),
    "two_types": Rejected(
        _pipe("TYPE endpoint") + _pipe("TYPE endpoint").replace("only", "other"),
        "Multiple non-standard nodes",
    ),
    "no_target": Rejected(_pipe("TYPE materialized"), "['datasource']"),
    "no_copy_target": Rejected(_pipe("TYPE copy"), "['target_datasource']"),
    "copy_mode": Rejected(
        _pipe("TYPE copy\nTARGET_DATASOURCE x\nCOPY_MODE merge"), "append or replace"
    ),
    "copy_schedule": Rejected(
        _pipe("TYPE copy\nTARGET_DATASOURCE x\nCOPY_SCHEDULE soon"), "valid cron expression"
    ),
    "method": Rejected(
        _pipe("TYPE materialized\nDATASOURCE x\nDEPLOYMENT_METHOD swap"),
        "not an allowed value for DEPLOYMENT_METHOD",
        7,
    ),
    "no_sink": Rejected(_pipe("TYPE sink"), "'export_connection_name'"),
    "append_token": Rejected('TOKEN "x" APPEND\n' + _pipe(""), "Only READ is allowed for pipes"),
    "inline_sql": Rejected("NODE only\nSQL SELECT 1\n", "SQL must be multiline", 2),
    "nameless": Rejected(_template("SELECT {{Float32(1.5)}} AS x"), "as a variable name"),
    "unclosed": Rejected(_template("SELECT 1 {% if x %}"), "Missing {%end%} block"),
    "no_function": Rejected(_template("SELECT {{nonsense(x)}}"), "nonsense"),
    "reserved": Rejected(_template("SELECT {{String(q)}} AS x"), "as a variable name"),
    "same_node": Rejected(_pipe("") + _pipe("TYPE endpoint"), "used twice"),
}
FILES = {
    **{f"datasources/schema_{name}.datasource": found for name, found in SCHEMAS.items()},
    **{f"datasources/directive_{name}.datasource": found for name, found in DIRECTIVES.items()},
    **{f"pipes/pipe_{name}.pipe": found for name, found in PIPES.items()},
    "connections/unknown.connection": Rejected(
        "TYPE s3\nNONSENSE 1\n", "NONSENSE is not a valid option", 2
    ),
    "datasources/bad-name.datasource": Rejected(
        _table('ENGINE "MergeTree"'), "use letters, digits and underscores"
    ),
}
