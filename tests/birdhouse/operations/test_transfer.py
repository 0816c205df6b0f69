"""`birdhouse export` and `birdhouse import`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.birdhouse.operations.command import fail, succeed
from tests.birdhouse.operations.conftest import PROJECT
from tests.server import Server, Workspace

VALUES: dict[str, list[Any]] = {
    "UInt8": [0, 255],
    "UInt64": [0, 18446744073709551615],
    "Int64": [-9223372036854775808, 9223372036854775807],
    "Int128": ["-170141183460469231731687303715884105728", "7"],
    "UInt256": ["115792089237316195423570985008687907853269984665640564039457584007913129639935"],
    "Float32": [0.1, -3.5e38 / 2],
    "Float64": [0.1, 1e308, -0.0],
    "Decimal(18, 4)": ["12345678901234.5678", "-0.0001"],
    "Decimal(76, 10)": ["1" * 60 + ".0123456789"],
    "String": ["", 'a"b\\c\n\t', "žluťoučký 🐎", "\x00"],
    "FixedString(3)": ["abc", "xyz"],
    "LowCardinality(String)": ["a", "b"],
    "LowCardinality(Nullable(String))": ["a", None],
    "Nullable(Int32)": [1, None],
    "Nullable(String)": ["", None],
    "Bool": [True, False],
    "UUID": ["61f0c404-5cb3-11e7-907b-a6006ad3dba0"],
    "IPv4": ["192.0.2.1", "255.255.255.255"],
    "IPv6": ["2001:db8::1"],
    "Enum8('on' = 1, 'it''s (off)' = 2)": ["on", "it's (off)"],
    "Date": ["1970-01-02", "2149-06-06"],
    "Date32": ["1900-01-01", "2299-12-31"],
    "DateTime": ["1970-01-01 00:00:01", "2106-02-07 06:28:15"],
    "DateTime('Europe/Madrid')": ["2025-10-26 00:30:00", "2025-10-26 01:30:00"],
    "DateTime64(3)": ["1900-01-01 00:00:00.123", "2025-01-01 12:00:00.999"],
    "DateTime64(6)": ["2025-01-01 12:00:00.123456"],
    "Array(String)": [[], ["a", "b,c"]],
    "Array(Nullable(Int32))": [[1, None]],
    "Array(IPv4)": [["192.0.2.1"]],
    "Map(String, Int64)": [{}, {"a": 1, "b": -2}],
    "SimpleAggregateFunction(sum, UInt64)": [7],
}


def datasource(type_: str) -> str:
    array = "[:]" if type_.startswith("Array") else ""
    return (
        "SCHEMA >\n"
        "    `number` UInt32 `json:$.number`,\n"
        f"    `value` {type_} `json:$.value{array}`\n\n"
        "ENGINE MergeTree\nENGINE_SORTING_KEY number\n"
    )


def name_of(type_: str) -> str:
    return f"t{list(VALUES).index(type_)}"


FILES = {f"datasources/{name_of(type_)}.datasource": datasource(type_) for type_ in VALUES}


def rows(workspace: Workspace, name: str) -> str:
    statement = f"SELECT * FROM {name} ORDER BY number FORMAT JSONEachRow"
    answer = workspace.http.post("/v0/sql", content=statement)
    assert answer.status_code == 200, answer.text
    return answer.text


@contextmanager
def made(server: Server, files: dict[str, str]) -> Iterator[Workspace]:
    workspace = server.workspace()
    with workspace.http:
        workspace.build(files)
        yield workspace


def at(workspace: Workspace) -> tuple[str, ...]:
    return ("--host", workspace.server.url, "--token", workspace.token)


@pytest.fixture(scope="module")
def source(server: Server) -> Iterator[Workspace]:
    """A workspace with a data source for each type, and rows in it."""
    with made(server, FILES) as workspace:
        for type_, values in VALUES.items():
            lines = [json.dumps({"number": n, "value": value}) for n, value in enumerate(values)]
            answer = workspace.send(name_of(type_), "\n".join(lines))
            assert answer.json() == {"successful_rows": len(values), "quarantined_rows": 0}, type_
        yield workspace


@pytest.fixture(scope="module")
def target(
    server: Server, source: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Workspace]:
    """Another workspace, which has imported what the first one exported."""
    folder = tmp_path_factory.mktemp("export")
    succeed("export", "--to", folder, *at(source))
    assert {path.name for path in folder.iterdir()} == {
        f"{name_of(type_)}.000.parquet" for type_ in VALUES
    }
    with made(server, FILES) as workspace:
        said = succeed("import", folder, *at(workspace))
        assert f"{len(VALUES['String'])} rows to {name_of('String')}" in said
        yield workspace


@pytest.mark.parametrize("type_", VALUES)
def test_an_export_imports_back(source: Workspace, target: Workspace, type_: str) -> None:
    before = rows(source, name_of(type_))
    assert len(before.splitlines()) == len(VALUES[type_])
    assert rows(target, name_of(type_)) == before


CROSSED = {
    "datasources/crossed.datasource": (
        "SCHEMA >\n    `number` UInt32 `json:$.n`,\n    `user` String `json:$.id`,\n"
        "    `id` String `json:$.user.id`,\n    `plain` String DEFAULT 'made here'\n\n"
        "ENGINE MergeTree\nENGINE_SORTING_KEY number\n"
    )
}


def test_columns_import_back_whose_paths_name_others(server: Server, tmp_path: Path) -> None:
    with made(server, CROSSED) as workspace:
        workspace.send("crossed", '{"n": 1, "id": "a", "user": {"id": "b"}}')
        before = rows(workspace, "crossed")
        succeed("export", "--to", tmp_path, *at(workspace))
    with made(server, CROSSED) as workspace:
        succeed("import", tmp_path, *at(workspace))
        assert rows(workspace, "crossed") == before


@pytest.fixture(scope="module")
def without_targets(clicks: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An export of everything, which leaves out what a view fills."""
    folder = tmp_path_factory.mktemp("views")
    succeed("export", "--to", folder, "--data-dir", clicks.data_dir)
    return folder


def test_targets_of_views_are_left_out(without_targets: Path) -> None:
    assert [path.name for path in without_targets.iterdir()] == ["clicks.000.parquet"]


def test_an_import_fills_targets_of_views(server: Server, without_targets: Path) -> None:
    with made(server, PROJECT) as workspace:
        succeed("import", without_targets, *at(workspace))
        pages = workspace.http.get("/v0/pipes/page_clicks.json").json()["data"]
        assert pages == [{"page": "home", "clicks": 3}]


def test_states_are_refused_with_the_way_out(clicks: Server, tmp_path: Path) -> None:
    said = fail("export", "pages", "--to", tmp_path, "--data-dir", clicks.data_dir)
    assert "clicks has states" in said
    assert "what its materialized view reads" in said
    assert not list(tmp_path.iterdir())


def test_an_empty_table_gives_no_file(server: Server, tmp_path: Path) -> None:
    with made(server, PROJECT) as workspace:
        assert "clicks: 0 files" in succeed("export", "--to", tmp_path, *at(workspace))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["export", "nothing"], 'Data Source "nothing" does not exist'),
        (["export", "--workspace", "None"], "Workspace 'None' not found"),
        (["import", __file__], "is none of .parquet, .ndjson, .csv"),
    ],
)
def test_a_mistake_is_explained(clicks: Server, arguments: list[str], said: str) -> None:
    assert said in fail(*arguments, "--data-dir", clicks.data_dir)


def test_an_export_overwrites_nothing(clicks: Server, tmp_path: Path) -> None:
    (tmp_path / "clicks.000.parquet").write_text("precious")
    said = fail("export", "clicks", "--to", tmp_path, "--data-dir", clicks.data_dir)
    assert "exists already" in said
    assert (tmp_path / "clicks.000.parquet").read_text() == "precious"


def test_rows_in_quarantine_fail_the_import(server: Server, tmp_path: Path) -> None:
    (tmp_path / "clicks.ndjson").write_text('{"id": 1, "page": "a"}\n{"id": "no", "page": "b"}\n')
    with made(server, PROJECT) as workspace:
        said = fail("import", tmp_path / "clicks.ndjson", *at(workspace))
        assert "1 rows are in quarantine" in said
        assert workspace.rows("select id from clicks") == [{"id": 1}]


def test_a_server_that_does_not_run_is_named(tmp_path: Path) -> None:
    assert "No birdhouse serves" in fail("export", "--data-dir", tmp_path / "none")


def test_a_host_wants_a_token(server: Server) -> None:
    assert "--token" in fail("export", "--host", server.url)
