"""Deployments under constant writing and reading: exact counts after each, no failed request."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import pytest
from tests.birdhouse.project.load import Load
from tests.birdhouse.project.projects import (
    Files,
    datasource,
    endpoint,
    forward,
    merge_tree,
    view,
)
from tests.server import Workspace

EVENTS = ["id UInt64", "kind String", "amount Int32", "time DateTime"]
START: Files = {
    "datasources/events.datasource": datasource(EVENTS, merge_tree("id")),
    "datasources/by_kind.datasource": datasource(
        ["-kind String", "-rows AggregateFunction(count)", "-total AggregateFunction(sum, Int32)"],
        merge_tree("kind", "AggregatingMergeTree"),
    ),
    "datasources/totals.datasource": datasource(
        ["-one UInt8", "-rows AggregateFunction(count)"],
        merge_tree("one", "AggregatingMergeTree"),
    ),
    "materializations/fill_by_kind.pipe": view(
        """
        SELECT kind, countState() AS rows, sumState(ifNull(amount, toInt32(0))) AS total
        FROM events GROUP BY kind
        """,
        "by_kind",
        name="group_by_kind",
    ),
    "materializations/fill_totals.pipe": view(
        "SELECT toUInt8(1) AS one, countMergeState(rows) AS rows FROM by_kind GROUP BY one",
        "totals",
        name="group_all",
    ),
    "endpoints/summary.pipe": endpoint(
        "SELECT kind, countMerge(rows) AS rows FROM by_kind GROUP BY kind ORDER BY kind"
    ),
    "endpoints/latest.pipe": endpoint(
        "SELECT e.id, e.kind, e.time FROM events AS e ORDER BY e.id DESC LIMIT 3", "newest"
    ),
}
READS = [
    ("/v0/pipes/summary.json", {}),
    ("/v0/pipes/latest.ndjson", {}),
    ("/v0/sql", {"q": "SELECT count(), max(id) FROM events"}),
    ("/v0/sql", {"q": "SELECT countMerge(rows) FROM totals"}),
]


class Step(NamedTuple):
    """A change of the project, and which data sources it moves rows for."""

    name: str
    change: Files
    moves: Mapping[str, str] = MappingProxyType({})


FORWARD, VIEWS = "backfill_with_forward_query", "backfill_with_mv_queries"
WIDE = [*EVENTS[:2], "amount Nullable(Int32)", EVENTS[3], "page String DEFAULT 'none'"]
RETYPED = [EVENTS[0], "kind LowCardinality(String)", *WIDE[2:]]
BY_KIND = ["-kind String", "-rows AggregateFunction(count)"]
STEPS = [
    Step(
        "a column comes and one becomes nullable",
        {"datasources/events.datasource": datasource(WIDE, merge_tree("id"))},
    ),
    Step(
        "the sorting key changes",
        {
            "datasources/events.datasource": datasource(
                WIDE, merge_tree("kind, id"), forward("SELECT *")
            )
        },
        {"events": FORWARD},
    ),
    Step(
        "a view and its target change, and another is filled from the target",
        {
            "datasources/by_kind.datasource": datasource(
                [*BY_KIND, "-days AggregateFunction(uniq, Date)"],
                merge_tree("kind", "AggregatingMergeTree"),
            ),
            "materializations/fill_by_kind.pipe": view(
                """
                SELECT kind, countState() AS rows, uniqState(toDate(time)) AS days
                FROM events GROUP BY kind
                """,
                "by_kind",
                name="group_by_kind",
            ),
        },
        {"by_kind": VIEWS, "totals": VIEWS},
    ),
    Step(
        "a pipe changes",
        {
            "endpoints/summary.pipe": endpoint(
                "SELECT kind, countMerge(rows) AS rows, uniqMerge(days) FROM by_kind GROUP BY kind"
            )
        },
    ),
    Step(
        "a view comes, with a new target",
        {
            "datasources/copies.datasource": datasource(["-id UInt64"], merge_tree("id")),
            "materializations/fill_copies.pipe": view(
                "SELECT id FROM events", "copies", name="copy_ids"
            ),
        },
        {"copies": VIEWS},
    ),
    Step(
        "a type changes below two views, and a column goes",
        {
            "datasources/events.datasource": datasource(
                RETYPED[:4],
                merge_tree("kind, id"),
                forward("SELECT id, toLowCardinality(kind) AS kind, amount, time"),
            )
        },
        {"events": FORWARD},
    ),
    Step(
        "a column comes and the view that is to write it",
        {
            "datasources/events.datasource": datasource(
                [*RETYPED[:4], "source String DEFAULT 'web'"], merge_tree("kind, id")
            ),
            "datasources/by_source.datasource": datasource(
                ["-source String", "-rows UInt64"], merge_tree("source", "SummingMergeTree")
            ),
            "materializations/fill_by_source.pipe": view(
                "SELECT source, count() AS rows FROM events GROUP BY source",
                "by_source",
                name="group_by_source",
            ),
        },
        {"by_source": VIEWS},
    ),
    Step(
        "a second view comes into a target that has rows",
        {
            "materializations/fill_more_copies.pipe": view(
                "SELECT id + 1000000000 AS id FROM events", "copies", name="copy_other_ids"
            )
        },
        {"copies": VIEWS},
    ),
    Step(
        "a view's query changes and old rows are to stay",
        {
            "materializations/fill_by_source.pipe": view(
                "SELECT concat(source, '') AS source, count() AS rows FROM events GROUP BY source",
                "by_source",
                "DEPLOYMENT_METHOD alter",
                name="group_by_source",
            )
        },
    ),
]


def counts(workspace: Workspace, files: Files) -> dict[str, int]:
    """The rows that each table accounts for."""
    found = workspace.rows("SELECT count() AS rows, uniqExact(id) AS ids FROM events")[0]
    counted = {"events": int(found["rows"]), "ids": int(found["ids"])}
    merged = {"by_kind": "countMerge(rows)", "totals": "countMerge(rows)"}
    merged |= {"by_source": "sum(rows)", "copies": "uniqExact(id % 1000000000)"}
    for name, expression in merged.items():
        if f"datasources/{name}.datasource" in files:
            rows = workspace.rows(f"SELECT {expression} AS rows FROM {name}")
            counted[name] = int(rows[0]["rows"])
    if "materializations/fill_copies.pipe" in files:
        twice = "materializations/fill_more_copies.pipe" in files
        rows = workspace.rows("SELECT count() AS rows FROM copies")
        counted["copies in all"] = int(rows[0]["rows"]) // (2 if twice else 1)
    return counted


@pytest.mark.parametrize("staged", [False, True], ids=["at once", "by way of staging"])
def test_migrations_under_load_keep_every_row(workspace: Workspace, staged: bool) -> None:
    files = dict(START)
    workspace.deploy(files)
    load = Load(workspace, READS)
    for step in STEPS:
        files |= step.change
        with load.running():
            if staged:
                deployment = workspace.deploy(files, auto_promote="false")
                workspace.http.post(f"/v1/deployments/{deployment['id']}/set-live")
            else:
                deployment = workspace.deploy(files)
        assert load.failures == [], step.name
        moves = {m["datasource_name"]: m["kind"] for m in deployment["data_movements"]}
        assert moves == step.moves, step.name
        found = counts(workspace, files)
        assert found == dict.fromkeys(found, load.acknowledged), step.name
    assert load.answered > 10 * len(STEPS)
