"""`tb endpoint`, `tb pipe`, `tb materialization` and `tb sink`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.server import Server, Workspace
from tests.tb.cli import Cli

pytestmark = pytest.mark.cli


def listed(cli: Cli, kind: str) -> list[dict[str, Any]]:
    # `endpoint ls --format json` alone ends in an error of the CLI's own.
    machine = ("--output", "json") if kind == "endpoint" else ()
    pipes: list[dict[str, Any]] = json.loads(cli(*machine, kind, "ls", "--format", "json"))["pipes"]
    return pipes


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("endpoint", ["all_things"]),
        ("pipe", ["all_things", "sum_things", "take_snapshot"]),
        ("materialization", ["sum_things"]),
        ("copy", ["take_snapshot"]),
        ("sink", []),
    ],
)
def test_ls_shows_the_pipes_of_the_kind(cli: Cli, kind: str, names: list[str]) -> None:
    assert sorted(pipe["name"] for pipe in listed(cli, kind)) == names
    printed = cli(kind, "ls", "--match", "things")
    for name in names:
        assert (name in printed) == ("things" in name)


@pytest.mark.parametrize("kind", ["endpoint", "pipe", "materialization", "copy", "sink"])
def test_ls_of_an_empty_workspace_is_empty(empty: Cli, kind: str) -> None:
    assert listed(empty, kind) == []


def test_endpoint_data_with_parameters(cli: Cli) -> None:
    printed = cli("endpoint", "data", "all_things", "--at_least", "2")
    assert "| b  | 2 |" in printed
    assert "| a  |" not in printed


def test_endpoint_data_as_csv_and_through_sql(local: Cli) -> None:
    assert local("endpoint", "data", "all_things", "--format", "csv").split() == [
        '"id","n"',
        '"a",1',
        '"b",2',
    ]
    query = ("--format", "json", "--query", "select sum(n) as n from _")
    assert json.loads(local("endpoint", "data", "all_things", *query))["data"] == [{"n": 3}]


def test_endpoint_data_says_what_is_wrong(local: Cli) -> None:
    printed = local.fails("endpoint", "data", "all_things", "--at_least", "x")
    assert "Error validating 'x' to type Int32" in printed
    assert "'nothing' does not exist" in local.fails("endpoint", "data", "nothing")


def test_endpoint_url_answers(cli: Cli, server: Server) -> None:
    url = cli("endpoint", "url", "all_things", *_shown(cli)).split()[-1]
    assert url.startswith(f"http://localhost:{server.port}/v0/pipes/all_things.json?token=p.")
    assert httpx.get(url).json()["rows"] == 2


def _shown(cli: Cli) -> tuple[str, ...]:
    """In the cloud the CLI hides tokens unless told otherwise."""
    cli.options = (*cli.options, "--show-tokens")
    return ()


def test_endpoint_url_as_a_snippet(local: Cli, clipboard: Path) -> None:
    assert "curl -X GET" in local("endpoint", "url", "all_things", "--language", "curl")
    assert "/v0/pipes/all_things.json?token=p." in clipboard.read_text()


def test_endpoint_token_reads_that_endpoint(local: Cli, small: Workspace) -> None:
    token = local("endpoint", "token", "all_things").split()[-1]
    with small.server.client(token) as http:
        assert http.get("/v0/pipes/all_things.json").json()["rows"] == 2
        assert http.get("/v0/datasources/things").status_code == 403


def test_endpoint_stats_count_requests(cli: Cli, small: Workspace) -> None:
    small.http.get("/v0/pipes/all_things.json")
    small.http.get("/v0/pipes/all_things.json?at_least=x")
    found = json.loads(cli("endpoint", "stats", "--format", "json"))["pipes"]
    (stats,) = [entry for entry in found if entry["name"] == "all_things"]
    assert (stats["requests"], stats["errors"]) == (2, 1)


def test_materialization_populate_is_the_clis_to_refuse(local: Cli) -> None:
    printed = local.run("materialization", "populate", "sum_things").stdout
    assert "not supported yet" in printed


def test_sink_run_of_nothing_says_so(local: Cli) -> None:
    assert "'nothing'" in local.fails("sink", "run", "nothing")
