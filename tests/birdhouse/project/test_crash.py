"""SIGKILL at random moments of a deployment: the old or the new state serves, with all rows.

BIRDHOUSE_DEPLOY_CRASH_ROUNDS sets the number of kills; the default is what fits in a test run.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
from tests.birdhouse.project.load import BATCH, Load
from tests.birdhouse.project.projects import Files, datasource, forward, merge_tree, view
from tests.birdhouse.project.test_migration import EVENTS, READS, START
from tests.server import Workspace, running

ROUNDS = int(os.environ.get("BIRDHOUSE_DEPLOY_CRASH_ROUNDS", "2"))
LONGEST = 0.5
"""Seconds after the beginning of a deployment in which the kill comes."""


def project(number: int) -> Files:
    """A project that differs from the one before in a table and in a view below it."""
    columns = [*EVENTS, *(["page String DEFAULT 'none'"] if number % 2 else [])]
    directives = [merge_tree("id" if number % 4 < 2 else "kind, id")]
    if number % 2 == 0:
        directives.append(forward(f"SELECT id, kind, amount, time -- {number}"))
    by_kind = f"""
        SELECT kind, countState() AS rows, sumState(toInt32(amount + {number})) AS total
        FROM events GROUP BY kind
    """
    return {
        **START,
        "datasources/events.datasource": datasource(columns, *directives),
        "materializations/fill_by_kind.pipe": view(by_kind, "by_kind", name="group_by_kind"),
    }


def check(workspace: Workspace, load: Load) -> None:
    """Nothing is missing, nothing is there twice, and the views agree with the table."""
    found = workspace.rows("SELECT count() AS rows, uniqExact(id) AS ids FROM events")[0]
    assert found["rows"] == found["ids"]
    whole = workspace.rows(
        f"SELECT intDiv(id, {BATCH}) * {BATCH} AS first, count() AS rows FROM events GROUP BY first"
    )
    assert {batch["rows"] for batch in whole} <= {BATCH}
    assert set(load.batches) <= {batch["first"] for batch in whole}
    for target in ("by_kind", "totals"):
        rows = workspace.rows(f"SELECT countMerge(rows) AS rows FROM {target}")
        assert rows == [{"rows": found["rows"]}]
    for path, params in READS:
        assert workspace.http.get(path, params=params).status_code == 200


def live(workspace: Workspace) -> str:
    listed = workspace.http.get("/v1/deployments").json()["deployments"]
    assert [deployment["live"] for deployment in listed] == [True]
    return str(listed[0]["id"])


def die_deploying(workspace: Workspace, files: Files, load: Load) -> None:
    def deploy() -> None:
        with suppress(httpx.TransportError):  # the server dies
            workspace.deploy(files)

    with load.running():
        deployment = threading.Thread(target=deploy)
        deployment.start()
        deployment.join(random.uniform(0, LONGEST))
        workspace.server.kill()
        deployment.join()


@contextmanager
def serving(data_dir: Path, known: Workspace | None = None) -> Iterator[Workspace]:
    """A server on the data dir, and its workspace that the test is about."""
    with running(data_dir, "serve") as server:
        workspace = (
            Workspace(server, known.name, known.id, known.token) if known else server.workspace()
        )
        with workspace.http:
            yield workspace


def test_a_killed_deployment_leaves_the_old_or_the_new_state(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with serving(data_dir) as workspace:
        load = Load(workspace, READS)
        workspace.deploy(project(0))
    for number in range(1, ROUNDS + 1):
        with serving(data_dir, workspace) as workspace:
            before = int(live(workspace))
            load.use(workspace)
            die_deploying(workspace, project(number), load)
        with serving(data_dir, workspace) as workspace:
            check(workspace, load)
            assert int(live(workspace)) in (before, before + 1)
            body = workspace.post_project("/v1/deploy", project(number), auto_promote="true")
            assert body["result"] in ("success", "no_changes"), body
            check(workspace, load)
