"""A small project with one resource of every kind."""

from __future__ import annotations

from pathlib import Path

THINGS = (
    "DESCRIPTION >\n    Things\n\n"
    'TOKEN "things append" APPEND\n'
    "SCHEMA >\n"
    "    `id` String `json:$.id`,\n"
    "    `n` Int32 `json:$.n`,\n"
    "    `day` Date `json:$.day` DEFAULT '2024-01-01'\n\n"
    'ENGINE "MergeTree"\nENGINE_PARTITION_KEY "toYYYYMM(day)"\nENGINE_SORTING_KEY "id"\n'
)
TOTALS = (
    "SCHEMA >\n    `day` Date,\n    `total` AggregateFunction(sum, Int32)\n\n"
    'ENGINE "AggregatingMergeTree"\nENGINE_SORTING_KEY "day"\n'
)
SNAPSHOT = (
    'SCHEMA >\n    `id` String,\n    `n` Int32\n\nENGINE "MergeTree"\nENGINE_SORTING_KEY "id"\n'
)
TOTALS_VIEW = (
    "NODE sums\nSQL >\n    select day, sumState(n) as total from things group by day\n\n"
    "TYPE materialized\nDATASOURCE totals\n"
)
ENDPOINT = (
    'TOKEN "things read" READ\n\nNODE rows\nSQL >\n    %\n'
    "    select id, n from things where n >= {{Int32(at_least, 0)}} order by id\n\nTYPE endpoint\n"
)
COPY = (
    "NODE rows\nSQL >\n    %\n"
    "    select id, n from things where n >= {{Int32(at_least, 0)}}\n\n"
    "TYPE copy\nTARGET_DATASOURCE snapshot\n"
)
SMALL = {
    "datasources/things.datasource": THINGS,
    "datasources/totals.datasource": TOTALS,
    "datasources/snapshot.datasource": SNAPSHOT,
    "materializations/sum_things.pipe": TOTALS_VIEW,
    "endpoints/all_things.pipe": ENDPOINT,
    "copies/take_snapshot.pipe": COPY,
}
ROWS = '{"id": "a", "n": 1}\n{"id": "b", "n": 2, "day": "2024-02-01"}\n'


def write(folder: Path, files: dict[str, str]) -> Path:
    """Put the files into the folder."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
