"""No endpoint of this repository's project shows a tenant the rows of another one.

The proof does not know what an endpoint computes: with a tenant's token it has to answer over the
rows of all tenants exactly as it answers where that tenant is alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tests.birdhouse.reading import endpoint, pipe_scope, sign, sql
from tests.server import Server, Workspace

from birdhouse.project.datafiles import read_project
from birdhouse.project.folder import project_files
from birdhouse.query.describe import endpoint_parameters
from birdhouse.workspace.resources import Resources

PROJECT = Path(__file__).resolve().parents[2]
FIXTURES = {path.stem: path for path in sorted((PROJECT / "fixtures").glob("*.ndjson"))}
RESOURCES, _ = read_project(project_files(PROJECT), {}, Resources())
ENDPOINTS = [pipe.name for pipe in RESOURCES.pipes.values() if pipe.endpoint]
PARAMETER = "tenant_id"


def rows_of(source: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in FIXTURES[source].read_text().splitlines() if line]


ROWS = {source: rows_of(source) for source in FIXTURES}
TENANTS = sorted({row[PARAMETER] for rows in ROWS.values() for row in rows if row.get(PARAMETER)})


class Grounds(NamedTuple):
    everyone: Workspace
    tenant: str
    alone: Workspace


def filled(server: Server, tenant: str = "") -> Workspace:
    """A workspace with the project and the rows of the fixtures, or those of one tenant."""
    workspace = server.workspace()
    workspace.build(project_files(PROJECT))
    for source, rows in ROWS.items():
        kept = [row for row in rows if tenant in ("", row.get(PARAMETER))]
        answer = workspace.send(source, "\n".join(map(json.dumps, kept)))
        assert answer.json()["quarantined_rows"] == 0, answer.text
    return workspace


@pytest.fixture(scope="module")
def grounds(server: Server) -> Iterator[Grounds]:
    tenant = TENANTS[0]
    found = Grounds(filled(server), tenant, filled(server, tenant))
    yield found
    found.everyone.http.close()
    found.alone.http.close()


def test_there_is_something_to_hide() -> None:
    assert len(TENANTS) > 2
    assert ENDPOINTS


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_endpoint_takes_the_tenant(name: str) -> None:
    """The static check: an endpoint that does not know the parameter ignores it."""
    names = {p["name"] for p in endpoint_parameters(RESOURCES.pipes[name], RESOURCES)}
    assert PARAMETER in names, f"{name} ignores {PARAMETER}"


def values_for(name: str, tenant: str) -> dict[str, str]:
    """A value for each parameter that names a column, from the newest row of a tenant."""
    found: dict[str, str] = {}
    names = [p["name"] for p in endpoint_parameters(RESOURCES.pipes[name], RESOURCES)]
    for rows in ROWS.values():
        for row in rows:
            if row.get(PARAMETER) == tenant:
                found |= {n: str(row[n]) for n in names if row.get(n) and n != PARAMETER}
    return found


def now_for(name: str, tenant: str) -> dict[str, str]:
    """The time to take for now, where an endpoint has one: the newest row's of a tenant."""
    names = [p["name"] for p in endpoint_parameters(RESOURCES.pipes[name], RESOURCES)]
    own = [row for row in ROWS["user_sessions"] if row.get(PARAMETER) == tenant]
    return {"as_of": max(row["created_at"] for row in own)} if "as_of" in names else {}


def required(name: str) -> dict[str, str]:
    """The parameters that an endpoint cannot do without, each with its example."""
    parameters = endpoint_parameters(RESOURCES.pipes[name], RESOURCES)
    return {p["name"]: str(p["example"]) for p in parameters if p.get("required")}


def requests(name: str, tenant: str) -> Iterator[dict[str, str]]:
    """Parameters to ask an endpoint with: own and foreign values, the latter one at a time, too."""
    foreign = next(other for other in TENANTS if other != tenant)
    for owner in (tenant, foreign):
        values = values_for(name, owner)
        needed = {key: values.get(key, example) for key, example in required(name).items()}
        needed |= now_for(name, owner)
        yield needed
        yield {**needed, PARAMETER: foreign}
        yield {**needed, **values}
        for key, value in values.items() if owner == foreign else ():
            yield {**needed, key: value}


def ask(workspace: Workspace, name: str, params: dict[str, str], tenant: str) -> Any:
    token = sign(workspace, pipe_scope(name, tenant_id=tenant))
    with workspace.server.client(token) as http:
        answer = endpoint(http, name, **params)
    return answer.json()["data"] if answer.status_code == 200 else answer.json()["error"]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_tenant_sees_what_it_would_see_alone(grounds: Grounds, name: str) -> None:
    everyone, tenant, alone = grounds
    seen = [ask(everyone, name, given, tenant) for given in requests(name, tenant)]
    assert seen == [ask(alone, name, given, tenant) for given in requests(name, tenant)]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_the_proof_is_not_empty(grounds: Grounds, name: str) -> None:
    """Without the fixed parameter the answers differ, so there was something to see."""
    everyone, tenant, alone = grounds
    answers = (
        (
            endpoint(everyone.http, name, **given).json(),
            endpoint(alone.http, name, **given).json(),
        )
        for given in requests(name, tenant)
    )
    assert any(ours.get("data") != theirs.get("data") for ours, theirs in answers)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_sql_over_an_endpoint_sees_no_more(grounds: Grounds, name: str) -> None:
    everyone, tenant, _ = grounds
    token = sign(everyone, pipe_scope(name, tenant_id=tenant))
    given = next(requests(name, tenant))
    with everyone.server.client(token) as http:
        plain = endpoint(http, name, **given).json()["data"]
        for params in (given, {**given, PARAMETER: TENANTS[-1]}):
            over = endpoint(http, name, q="select * from _", **params).json()["data"]
            named = sql(http, f"select * from {name}", **params).json()["data"]
            assert over == named == plain
        tables = [*RESOURCES.datasources, *(p for p in RESOURCES.pipes if p != name)]
        for table in tables:
            assert sql(http, f"select * from {table}").status_code == 403
