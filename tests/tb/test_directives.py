"""Every directive of a datafile, deployed by `tb`: what it makes, and what it makes of rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.server import Server, Workspace
from tests.tb.cli import Cli, environment
from tests.tb.projects import write

pytestmark = pytest.mark.cli

FILES = {
    ".env.local": "bucket_key=very-secret\nregion=eu-west-1\n",
    "datasources/visits.datasource": """
DESCRIPTION >
    Visits of all pages,
    one row each

TAGS "web, traffic"
TOKEN "tracker" APPEND
TOKEN "reader" READ

SCHEMA >
    -- what and when
    `id` UInt64 `json:$.id`,
    `at` DateTime64(3) `json:$.at`,
    `page` LowCardinality(String) `json:$.page.path` DEFAULT '/',
    `user_name` Nullable(String) `json:$.user.name`,
    `tags` Array(String) `json:$.tags[:]`,
    `amounts` Array(Float64) `json:$.lines[:].amount`,
    `price` Decimal(12, 2) `json:$.price` DEFAULT 0,
    `kind` Enum8('a' = 1, 'b' = 2) `json:$.kind` DEFAULT 'b',
    `day` Date DEFAULT toDate(at),
    `attributes` Map(String, String) `json:$.attributes`,
    `note` String `json:$.note` DEFAULT '' CODEC(ZSTD(3)),
    `raw` String `json:$`

ENGINE "ReplacingMergeTree"
ENGINE_PARTITION_KEY "toYYYYMM(day)"
ENGINE_SORTING_KEY "page, id"
ENGINE_PRIMARY_KEY "page"
ENGINE_VER "at"
ENGINE_TTL "day + toIntervalYear(90)"
ENGINE_SETTINGS "index_granularity=1024, merge_with_ttl_timeout=86400"

INDEXES >
    by_note note TYPE tokenbf_v1(256, 2, 0) GRANULARITY 4
    INDEX by_id id TYPE minmax GRANULARITY 1
""",
    "datasources/short.datasource": """
SCHEMA >
    id UInt64, name String

PARTITION_KEY ""
SORTING_KEY id
""",
    "datasources/pages.datasource": """
SCHEMA >
    `page` String,
    `visits` SimpleAggregateFunction(sum, UInt64),
    `users` AggregateFunction(uniq, String)

ENGINE AggregatingMergeTree
ENGINE_SORTING_KEY page
""",
    "datasources/landed.datasource": """
SCHEMA >
    `id` UInt64

ENGINE "MergeTree"
IMPORT_CONNECTION_NAME 'lake'
IMPORT_BUCKET_URI 's3://lake/*.csv'
IMPORT_SCHEDULE '@on-demand'
""",
    "connections/lake.connection": """
TYPE s3
S3_REGION {{ tb_secret("region") }}
S3_ACCESS_KEY key
S3_SECRET {{ tb_secret("bucket_key") }}
""",
    "materializations/count_pages.pipe": """
DESCRIPTION >
    Counts visits

NODE named
DESCRIPTION >
    Those that have a user
SQL >
    SELECT page, `user_name` AS user FROM visits WHERE isNotNull(`user_name`)

NODE counted
SQL >
    SELECT page, count() AS visits, uniqState(assumeNotNull(user)) AS users
    FROM named GROUP BY page

TYPE MATERIALIZED
DATASOURCE pages
""",
    "pipes/_recent.pipe": """
NODE newest
SQL >
    %
    SELECT id, page, at FROM visits
    WHERE at >= {{ DateTime64(since, '2000-01-01 00:00:00.000', description='From when on') }}
""",
    "endpoints/recent.pipe": """
DESCRIPTION >
    The newest visits
TAGS "web"
TOKEN "reader" READ
TOKEN "dashboard" READ

NODE limited
SQL >
    %
    SELECT id, page FROM _recent ORDER BY id LIMIT {{ Int32(limit, 10, required=False) }}

TYPE endpoint
""",
    "copies/keep.pipe": """
NODE kept
SQL >
    SELECT id, page AS name FROM visits

TYPE copy
TARGET_DATASOURCE short
COPY_SCHEDULE "0 3 * * *"
COPY_MODE replace
ON_DEMAND_COMPUTE false
""",
    "sinks/export.pipe": """
NODE exported
SQL >
    SELECT id FROM visits

TYPE sink
EXPORT_CONNECTION_NAME lake
EXPORT_BUCKET_URI s3://lake/out
EXPORT_FILE_TEMPLATE visits
EXPORT_SCHEDULE @on-demand
EXPORT_FORMAT ndjson
EXPORT_COMPRESSION gzip
""",
}
ROWS = [
    {
        "id": 1,
        "at": "2025-03-04 05:06:07.890",
        "page": {"path": "/a"},
        "user": {"name": "Ana"},
        "tags": ["x", "y"],
        "lines": [{"amount": 1.5}, {"amount": 2}],
        "price": "12.34",
        "kind": "a",
        "attributes": {"k": "v"},
        "note": "hello",
    },
    {"id": 2, "at": "2025-03-04 05:06:08.000"},
]


@pytest.fixture(scope="module")
def deployed(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The workspace of the project, built once, with two rows."""
    folder: Path = write(tmp_path_factory.mktemp("directives") / "project", FILES)
    printed = Cli(folder, environment(server, folder.parent), "", ("--local",))("build")
    for path in FILES:
        assert path.startswith(".env") or f"{path} created" in printed
    digest = hashlib.sha256(str(folder).encode()).hexdigest()
    with server.client() as http:
        listed = http.get("/v1/user/workspaces").json()["workspaces"]
    name = f"Tinybird_Local_Build_{digest}"
    (found,) = [one for one in listed if one["name"] == name]
    workspace = Workspace(server, name, found["id"], found["token"])
    with workspace.http:
        sent = workspace.send("visits", "\n".join(map(json.dumps, ROWS)))
        assert sent.json() == {"successful_rows": 2, "quarantined_rows": 0}
        yield workspace


def visits(workspace: Workspace) -> dict[str, Any]:
    shown: dict[str, Any] = workspace.http.get("/v0/datasources/visits").json()
    return shown


def test_the_schema_takes_every_part_of_a_row(deployed: Workspace) -> None:
    first, second = deployed.rows("SELECT * EXCEPT (raw) FROM visits ORDER BY id")
    assert first == {
        "id": 1,
        "at": "2025-03-04 05:06:07.890",
        "page": "/a",
        "user_name": "Ana",
        "tags": ["x", "y"],
        "amounts": [1.5, 2],
        "price": 12.34,
        "kind": "a",
        "day": "2025-03-04",
        "attributes": {"k": "v"},
        "note": "hello",
    }
    assert second["page"] == "/"
    assert second["user_name"] is None
    assert (second["tags"], second["amounts"], second["kind"]) == ([], [], "b")
    raw = deployed.rows("SELECT raw FROM visits WHERE id = 2")[0]["raw"]
    assert json.loads(raw) == ROWS[1]


def test_engine_directives_are_those_of_the_table(deployed: Workspace) -> None:
    engine = visits(deployed)["engine"]
    assert engine["engine"] == "ReplacingMergeTree"
    assert engine["engine_partition_key"] == "toYYYYMM(day)"
    assert engine["engine_sorting_key"] == "page, id"
    assert engine["engine_primary_key"] == "page"
    assert engine["engine_ver"] == "at"
    assert engine["engine_ttl"] == "day + toIntervalYear(90)"
    deployed.send("visits", json.dumps({**ROWS[0], "at": "2026-01-01 00:00:00", "note": "later"}))
    later = deployed.rows("SELECT note FROM visits WHERE id = 1 ORDER BY at DESC LIMIT 1")
    assert later == [{"note": "later"}]
    plan = deployed.rows("EXPLAIN indexes = 1 SELECT 1 FROM visits WHERE hasToken(note, 'hello')")
    assert "by_note" in json.dumps(plan)


def test_descriptions_tags_and_indexes_are_shown(deployed: Workspace) -> None:
    shown = visits(deployed)
    assert shown["description"] == "Visits of all pages,\none row each"
    assert [index["name"] for index in shown["indexes"]] == ["by_note", "by_id"]
    pipe = deployed.http.get("/v0/pipes/count_pages").json()
    assert pipe["description"] == "Counts visits"
    assert pipe["nodes"][0]["description"] == "Those that have a user"


def test_tokens_may_do_what_their_lines_say(deployed: Workspace) -> None:
    listed = deployed.http.get("/v0/tokens").json()["tokens"]
    tokens = {token["name"]: token for token in listed}
    scopes = {
        name: {(scope["type"], scope.get("resource")) for scope in tokens[name]["scopes"]}
        for name in ("tracker", "reader", "dashboard")
    }
    assert scopes == {
        "tracker": {("DATASOURCES:APPEND", "visits")},
        "reader": {("DATASOURCES:READ", "visits"), ("PIPES:READ", "recent")},
        "dashboard": {("PIPES:READ", "recent")},
    }


def test_short_directives_and_defaults_will_do(deployed: Workspace) -> None:
    shown = deployed.http.get("/v0/datasources/short").json()
    assert shown["engine"]["engine"] == "MergeTree"
    assert shown["engine"]["engine_sorting_key"] == "id"


def test_a_materialized_node_reads_the_nodes_above_it(deployed: Workspace) -> None:
    rows = deployed.rows("SELECT page, uniqMerge(users) AS users FROM pages GROUP BY page")
    assert rows == [{"page": "/a", "users": 1}]


def test_an_endpoint_passes_parameters_to_the_pipe_below(deployed: Workspace) -> None:
    params = {"since": "2025-03-04 05:06:08.000", "limit": "1"}
    data = deployed.http.get("/v0/pipes/recent.json", params=params).json()["data"]
    assert len(data) == 1
    data = deployed.http.get("/v0/pipes/recent.json", params={"limit": "9"}).json()["data"]
    assert {"id": 2, "page": "/"} in data


def test_a_copy_has_its_mode_and_its_target(deployed: Workspace) -> None:
    for _ in range(2):
        body = deployed.http.post("/v0/pipes/keep/copy").json()
        job = body["job"]["job_id"]
        while deployed.http.get(f"/v0/jobs/{job}").json()["status"] not in ("done", "error"):
            pass
    count = deployed.rows("SELECT count() AS rows FROM visits")[0]
    assert deployed.rows("SELECT count() AS rows FROM short") == [count]


def test_connectors_are_kept_and_told_of(deployed: Workspace) -> None:
    shown = deployed.http.get("/v0/connectors").json()["connectors"]
    assert [one["name"] for one in shown] == ["lake"]
    assert "very-secret" not in json.dumps(shown)
    files = {path: text for path, text in FILES.items() if not path.startswith(".env")}
    body = deployed.post_project("/v1/build", files)
    assert body["result"] == "success"
    assert body["build"]["changed_datasource_names"] == []
