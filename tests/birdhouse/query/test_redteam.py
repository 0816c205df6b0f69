"""Attempts to get out of the sandbox: each one is refused, leaves nothing behind, stops nothing."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from tests.birdhouse.query import attempts
from tests.birdhouse.reading import SECRET, pipe_scope, sign
from tests.server import Server, Workspace

CANARY = "the words of the canary"
HIDDEN = "SCHEMA >\n    `secret` String `json:$.secret`\n"


class Ground(NamedTuple):
    """Where the attempts are made."""

    reading: Workspace
    folder: Path
    names: dict[str, str]

    def text(self, template: str) -> str:
        """An attempt with the names in it."""
        for name, value in self.names.items():
            template = template.replace(f"{{{name}}}", value)
        return (
            template.replace("{{p", "{p").replace("{{`p", "{`p").replace("{{s", "{s")
            if (not template.startswith("%"))
            else template
        )


@pytest.fixture(scope="module")
def ground(
    server: Server, reading: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ground]:
    folder = tmp_path_factory.mktemp("ground")
    (folder / "canary").write_text(CANARY)
    other = server.workspace()
    with other.http:
        other.build({"datasources/hidden.datasource": HIDDEN})
        other.send("hidden", f'{{"secret": "{CANARY}"}}')
        table = other.http.get("/v0/datasources/hidden").json()["id"]
        names = {
            "file": str(folder / "canary"),
            "new": str(folder / "new"),
            "database": "ws_" + other.id.replace("-", ""),
            "table": table,
            "other": other.name,
        }
        yield Ground(reading, folder, names)


@pytest.fixture
def refused(ground: Ground) -> Iterator[Callable[[httpx.Response], None]]:
    """Checks an answer; at the end the ground has to look as before, and the server to answer."""

    def check(answer: httpx.Response) -> None:
        assert 400 <= answer.status_code < 500, answer.text
        assert CANARY not in answer.text
        assert SECRET not in answer.text
        assert answer.json()

    yield check
    assert [path.name for path in ground.folder.iterdir()] == ["canary"]
    rows = ground.reading.rows("select count() as rows, uniqExact(id) as ids from visits")
    assert rows == [{"rows": 90, "ids": 90}]


def named(texts: list[str]) -> list[object]:
    return [pytest.param(text, id=f"{i} {text[:60]!r}") for i, text in enumerate(texts)]


FROM = [f"select * from {function}" for function in attempts.TABLE_FUNCTIONS]
SELECT = [f"select {scalar}" for scalar in attempts.SCALARS]


@pytest.mark.parametrize("attempt", named([*FROM, *SELECT, *attempts.STATEMENTS]))
def test_the_query_api_refuses(
    ground: Ground, refused: Callable[[httpx.Response], None], attempt: str
) -> None:
    sql = ground.text(attempt)
    refused(ground.reading.http.post("/v0/sql", content=sql.encode()))


@pytest.mark.parametrize("attempt", named([*FROM[:12], *SELECT[:20], *attempts.STATEMENTS[:60]]))
def test_q_of_an_endpoint_refuses(
    ground: Ground, refused: Callable[[httpx.Response], None], attempt: str
) -> None:
    token = sign(ground.reading, pipe_scope("recent", tenant="ant"))
    with ground.reading.server.client(token) as http:
        refused(http.post("/v0/pipes/recent.json", data={"q": ground.text(attempt)}))


@pytest.mark.parametrize("attempt", named(attempts.TEMPLATES))
def test_templates_do_not_get_out(
    ground: Ground, refused: Callable[[httpx.Response], None], attempt: str
) -> None:
    refused(ground.reading.http.post("/v0/sql", content=ground.text(attempt)))


@pytest.mark.parametrize(
    "attempt", ["% select 1", "%select {{ 'a' * 10000000000 }}", " % select 1"]
)
def test_templates_are_for_admins(
    ground: Ground, refused: Callable[[httpx.Response], None], attempt: str
) -> None:
    with ground.reading.server.client(sign(ground.reading, pipe_scope("recent"))) as http:
        refused(http.post("/v0/sql", content=attempt))
        refused(http.post("/v0/pipes/recent.json", data={"q": attempt}))


@pytest.mark.parametrize("attempt", named(attempts.CONDITIONS))
def test_delete_conditions_are_one_expression(
    ground: Ground, refused: Callable[[httpx.Response], None], attempt: str
) -> None:
    condition = {"delete_condition": ground.text(attempt)}
    for path in ("/v0/datasources/visits/delete", "/v1/datasources/visits/delete"):
        refused(ground.reading.http.post(path, data=condition))


@pytest.mark.parametrize("attempt", named([text for text in attempts.CONDITIONS if text]))
def test_replace_conditions_are_one_expression(
    ground: Ground, refused: Callable[[httpx.Response], None], attempt: str
) -> None:
    params = {"replace_condition": ground.text(attempt), "format": "csv"}
    path = "/v1/datasources/visits/replace"
    refused(ground.reading.http.post(path, params=params, content=b"1,ant,u,2040-01-01,1,[]\n"))


@pytest.mark.parametrize("attempt", named(attempts.CONDITIONS))
def test_filters_are_one_expression(
    ground: Ground, refused: Callable[[httpx.Response], None], attempt: str
) -> None:
    if not attempt or "from pages" in attempt:
        pytest.skip("no filter at all; a filter may read its own workspace")
    scope = {"type": "DATASOURCES:READ", "resource": "visits", "filter": ground.text(attempt)}
    with ground.reading.server.client(sign(ground.reading, scope)) as http:
        refused(http.post("/v0/sql", content="select * from visits"))


def build(workspace: Workspace, path: str, text: str) -> str:
    """What a project with one file more is told. Fails when it is built."""
    body = workspace.post_project("/v1/build", {path: text})
    assert body["result"] == "failed", body
    return str(body)


@pytest.mark.parametrize("name", attempts.DATAFILES)
def test_hostile_datasources_are_not_built(
    server: Server, ground: Ground, refused: Callable[[httpx.Response], None], name: str
) -> None:
    workspace = server.workspace()
    with workspace.http:
        text = ground.text(attempts.DATAFILES[name])
        assert CANARY not in build(workspace, "datasources/x.datasource", text)


@pytest.mark.parametrize("name", attempts.PIPES)
def test_hostile_pipes_are_not_built(
    server: Server, ground: Ground, refused: Callable[[httpx.Response], None], name: str
) -> None:
    workspace = server.workspace()
    with workspace.http:
        text = ground.text(attempts.PIPES[name])
        assert CANARY not in build(workspace, "pipes/x.pipe", text)


def test_pipes_over_pipes_do_not_grow_without_end(server: Server) -> None:
    workspace = server.workspace()
    node = "NODE n{}\nSQL >\n    select x from n{} union all select x from n{}\n"
    nodes = ["NODE n0\nSQL >\n    select 1 as x\n"]
    nodes += [node.format(i, i - 1, i - 1) for i in range(1, 40)]
    with workspace.http:
        told = build(workspace, "pipes/x.pipe", "\n".join(nodes))
        assert "longer than" in told


@pytest.mark.parametrize(
    "path",
    [
        "/v0/pipes/../../etc/passwd.json",
        "/v0/pipes/%2e%2e%2fx.json",
        "/v0/pipes/recent.json%00.csv",
        "/v0/pipes/recent'--.json",
        "/v0/pipes/%F0%9F%90%A6.json",
        "/v0/datasources/..%2f..%2fx",
        "/v0/tokens/' or 1=1",
    ],
)
def test_paths_are_only_names(
    ground: Ground, refused: Callable[[httpx.Response], None], path: str
) -> None:
    refused(ground.reading.http.get(path))


@pytest.mark.parametrize("how", ["deep JSON", "broken JSON", "a list", "no UTF-8", "huge number"])
def test_bodies_are_read_with_care(
    ground: Ground, refused: Callable[[httpx.Response], None], how: str
) -> None:
    bodies = {
        "deep JSON": b'{"text":' * 20_000,
        "broken JSON": b'{"text": ',
        "a list": b"[1, 2]",
        "no UTF-8": b'{"text": "\xff"}',
        "huge number": b'{"number": 1e400}',
    }
    headers = {"content-type": "application/json"}
    path = "/v0/pipes/echo.json"
    refused(ground.reading.http.post(path, content=bodies[how], headers=headers))


def test_there_are_enough_attempts() -> None:
    counted = [FROM, SELECT, attempts.STATEMENTS, attempts.TEMPLATES, attempts.CONDITIONS]
    assert sum(map(len, counted)) + len(attempts.DATAFILES) + len(attempts.PIPES) >= 150


def test_no_secret_is_named_by_chance(ground: Ground) -> None:
    """What stands for a secret in a plan cannot be guessed."""
    answer = ground.reading.http.get("/v0/pipes/guarded/explain")
    assert SECRET not in answer.text
    first = answer.json()["debug_query"]
    second = ground.reading.http.get("/v0/pipes/guarded/explain").json()["debug_query"]
    assert first != second
    assert str(uuid.UUID(int=0)) not in first
