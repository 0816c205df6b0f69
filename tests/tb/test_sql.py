"""`tb sql` and `tb ch`."""

from __future__ import annotations

import json

import pytest
from tests.server import Server, Workspace
from tests.tb.cli import Cli
from tests.tb.projects import write

pytestmark = pytest.mark.cli


def test_sql_prints_a_table(cli: Cli) -> None:
    printed = cli("sql", "select id, n from things order by id")
    lines = [line.split() for line in printed.splitlines()]
    assert lines[0] == ["id", "n"]
    assert [line for line in lines if line[-1:] in (["1"], ["2"])] == [["a", "1"], ["b", "2"]]


def test_sql_prints_json(cli: Cli) -> None:
    printed = cli("--output", "json", "sql", "select id, n from things order by id")
    assert json.loads(printed)["data"] == [{"id": "a", "n": 1}, {"id": "b", "n": 2}]


def test_sql_prints_csv(cli: Cli) -> None:
    printed = cli("--output", "csv", "sql", "select id, n from things order by id")
    assert printed.split() == ['"id","n"', '"a",1', '"b",2']


def test_sql_reads_a_pipe_and_the_standard_input(local: Cli) -> None:
    ended = local.run("sql", stdin="select count() as rows from all_things;")
    assert ended.returncode == 0, ended.stdout
    assert ended.stdout.split()[-1] == "2"


def test_sql_prints_statistics(local: Cli) -> None:
    printed = local("sql", "--stats", "select * from things")
    assert "Rows read: 2" in printed


def test_sql_reads_the_nodes_of_a_pipeline(local: Cli) -> None:
    assert local("sql", "--pipeline", "all_things", "select max(n) from rows").split()[-1] == "2"


def test_sql_runs_one_node_of_a_file(local: Cli) -> None:
    text = "NODE one\nSQL >\n    select 7 as x\n\nNODE two\nSQL >\n    select x * 6 as y from one\n"
    write(local.folder, {"pipes/numbers.pipe": text})
    local("build")
    printed = local("sql", "--pipe", "pipes/numbers.pipe", "--node", "two")
    assert printed.split()[-1] == "42"


def test_sql_stops_at_its_limit_of_rows(local: Cli) -> None:
    printed = local("--output", "csv", "sql", "--rows-limit", "3", "select number from numbers(9)")
    assert printed.split() == ['"number"', "0", "1", "2"]


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("select * from nothing", "Resource 'nothing' not found"),
        ("select nope from things", "nope"),
        ("select from from", "Syntax error"),
        ("insert into things values ('c', 3)", "Only SELECT queries are supported"),
        ("delete from things where 1", "Only SELECT queries are supported"),
    ],
)
def test_sql_says_what_is_wrong(local: Cli, statement: str, said: str) -> None:
    assert said.lower() in local.fails("sql", statement).lower()


def test_sql_says_that_there_are_no_rows(empty: Cli) -> None:
    assert "No rows" in empty("sql", "select 1 where 0")


@pytest.fixture
def interface(cli: Cli, server: Server) -> Cli:
    """The CLI where it finds the ClickHouse interface on a port other than 7182.

    It always asks localhost:7182; the interface takes that request as a proxy would get it.
    """
    ours = f"localhost:{server.port}"
    proxy = {"http_proxy": server.clickhouse_url, "no_proxy": ours, "NO_PROXY": ours}
    return Cli(cli.folder, {**cli.environment, **proxy}, cli.mode, cli.options)


def test_ch_answers_with_tabs(interface: Cli) -> None:
    assert interface("ch", "select id, n from things order by id") == "a\t1\nb\t2\n\n"


def test_ch_takes_parameters_and_formats(interface: Cli) -> None:
    query = "select id from things where n = {n:Int32} format JSONEachRow"
    assert json.loads(interface("ch", "--query", query, "--param_n=2")) == {"id": "b"}


def test_ch_runs_several_statements(interface: Cli) -> None:
    assert interface("ch", "-m", "select 1; select 2;").split() == ["1", "2"]


def test_ch_lists_the_tables_of_the_workspace(interface: Cli) -> None:
    assert interface("ch", "show tables").split() == ["snapshot", "things", "totals"]


def test_ch_says_what_is_wrong_as_clickhouse_does(interface: Cli) -> None:
    printed = interface.fails("ch", "select * from nothing")
    assert "Code: 60. DB::Exception: " in printed
    assert "(UNKNOWN_TABLE)" in printed


def test_ch_refuses_another_password(interface: Cli, small: Workspace) -> None:
    printed = interface.fails("ch", "--password", "p.nothing", "select 1")
    assert "(AUTHENTICATION_FAILED)" in printed
    assert interface("ch", "--password", small.token, "--user", "anyone", "select 1") == "1\n\n"
