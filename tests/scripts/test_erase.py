"""scripts/erase.py: after it, every endpoint answers as if the rows had never come."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.scripts.conftest import ROOT, Run
from tests.server import Server, Workspace

import erase
import erasure
from birdhouse.project.folder import project_files
from erasure import KEPT, Subject
from host import Host
from traffic import Row, Traffic, event_rows, session_rows

PROJECT = project_files(ROOT)
ODD = 'it\'s 100% \\ "ü" -- {{x}}'
UNREAD = '{"user_id": "user_1", "session_id":'


def history() -> dict[str, list[Row]]:
    """Visits of three tenants on three days; two users and a session are of several of them."""
    traffic = Traffic(3, tenants=3, users=12)
    rows: dict[str, list[Row]] = {"user_sessions": [], "events": []}
    for number in range(60):
        ends = datetime(2025, 3, 1 + number % 3, 1 + number % 20, tzinfo=UTC).timestamp()
        visit = traffic.visit(ends=int(ends))
        rows["user_sessions"] += session_rows(visit)
        rows["events"] += event_rows(visit)
    for name, table in rows.items():
        copies = [row | {"tenant_id": "tenant_2"} for row in table if row["user_id"] == "user_1"]
        odd = [row | {"user_id": ODD, "session_id": ODD, "tenant_id": ODD} for row in table[:5]]
        rows[name] = [*table, *copies, *odd]
    return rows


HISTORY = history()
SESSION = HISTORY["events"][0]["session_id"]


def send(workspace: Workspace, rows: Mapping[str, list[Row]]) -> None:
    """Store the rows, and count the days of the rollups."""
    for name, table in rows.items():
        answer = workspace.send(name, "\n".join(map(json.dumps, table)))
        assert answer.json() == {"successful_rows": len(table), "quarantined_rows": 0}
    for path in sorted((ROOT / "copies").glob("count_*.pipe")):
        params = {"quiet_seconds": "0"}
        workspace.http.post(f"/v0/pipes/{path.stem}/copy", params=params).raise_for_status()


@contextmanager
def deployed(server: Server, files: Mapping[str, str] = PROJECT) -> Iterator[Workspace]:
    """A new workspace with a project."""
    workspace = server.workspace()
    with workspace.http:
        workspace.build(files)
        yield workspace


@pytest.fixture
def workspace(birdhouse: Server) -> Iterator[Workspace]:
    """A workspace with the whole history."""
    with deployed(birdhouse) as workspace:
        send(workspace, HISTORY)
        yield workspace


def environment(workspace: Workspace) -> dict[str, str]:
    return {"TB_HOST": workspace.server.url, "TB_ADMIN_TOKEN": workspace.token}


VALUES = {
    "tenant_id": ["tenant_2", ODD],
    "user_id": ["user_1", ODD],
    "session_id": [SESSION, ODD],
    "platform": ["web"],
    "event_type": ["page_view"],
    "limit": ["3"],
}
WHOM = {"tenant_id", "user_id", "session_id"}
DAYS = {"start_date": "2025-03-02 00:00:00", "end_date": "2025-03-02 12:30:00"}
NOW = "2025-03-03 12:00:00"


def values(parameter: dict[str, Any]) -> list[str]:
    """What to ask a parameter for; nothing when there is no telling."""
    name = parameter["name"]
    if name in VALUES:
        return VALUES[name]
    if name in DAYS:
        return [DAYS[name]]
    example = parameter.get("example", parameter["schema"].get("default"))
    return [] if example is None else [str(example)]


def questions(workspace: Workspace, *, few: bool) -> Iterator[tuple[str, dict[str, str]]]:
    """Every endpoint without parameters; unless `few`, also with whom it is about, one at a time
    and all with a period."""
    document = workspace.http.get("/v0/pipes/openapi.json").json()
    for path, methods in document["paths"].items():
        parameters = methods["get"]["parameters"]
        choices = {p["name"]: found for p in parameters if (found := values(p))}
        required = {p["name"] for p in parameters if p["required"]}
        for needed in choices[min(required)] if required else [""]:
            base = {name: needed if len(required) == 1 else choices[name][0] for name in required}
            if "as_of" in choices:
                base["as_of"] = NOW
            yield path, base
            if few:
                continue
            for name in choices.keys() & WHOM - base.keys():
                for value in choices[name]:
                    yield path, base | {name: value}
            known = choices.keys() & (WHOM | DAYS.keys())
            yield path, {name: choices[name][0] for name in sorted(known)} | base


def answers(workspace: Workspace, *, few: bool) -> dict[tuple[str, str], Any]:
    found = {}
    for path, params in questions(workspace, few=few):
        answer = workspace.http.get(path, params=params)
        said = answer.json()
        found[path, json.dumps(params, sort_keys=True)] = said.get("data", said)
    return found


def unasked(workspace: Workspace) -> dict[str, list[Any]]:
    """The rows of both data sources, and what the endpoints for all tenants say of them."""
    found = {name: workspace.rows(f"select * from {name} order by all") for name in HISTORY}
    for name in ("event_stats", "tenant_activity_summary"):
        found[name] = workspace.http.get(f"/v0/pipes/{name}.json").json()["data"]
    return found


Gone = Callable[[Row], bool]
INJECTED = "' OR 1 = 1 --"
SCENARIOS: dict[str, tuple[list[str], Gone]] = {
    "users": (
        ["--user", "user_1", "--user", ODD, "--user", INJECTED],
        lambda row: row["user_id"] in ("user_1", ODD),
    ),
    "a user in a tenant": (
        ["--user", "user_1", "--in-tenant", "tenant_2"],
        lambda row: row["user_id"] == "user_1" and row.get("tenant_id") == "tenant_2",
    ),
    "a session": (["--session", SESSION], lambda row: row["session_id"] == SESSION),
    "a tenant": (["--tenant", "tenant_1"], lambda row: row.get("tenant_id") == "tenant_1"),
}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_endpoint_answers_as_if_the_rows_had_never_come(
    workspace: Workspace, run: Run, scenario: str, tmp_path: Path
) -> None:
    arguments, gone = SCENARIOS[scenario]
    ended = run("erase.py", *arguments, "--yes", env=environment(workspace))
    assert ended.returncode == 0, ended.stderr
    left = {name: [r for r in table if not gone(r)] for name, table in HISTORY.items()}
    with deployed(workspace.server) as without:
        send(without, left)
        few = scenario not in ("users", "a tenant")
        expected = answers(without, few=few)
    assert answers(workspace, few=few) == expected
    assert sum(isinstance(said, list) for said in expected.values()) > 0.9 * len(expected)

    [path] = tmp_path.glob("erasure-*.json")
    receipt = json.loads(path.read_text())
    assert receipt["status"] == "finished"
    tables = {table["name"]: table for table in receipt["tables"]}
    for name, table in HISTORY.items():
        assert tables[name]["before"] == sum(map(gone, table))
        assert tables[name]["after"] == 0
    assert all(t["after"] == 0 for t in tables.values() if t["action"] == "delete")
    assert arguments[1] not in path.read_text()


def test_rejected_rows_go_too(workspace: Workspace, run: Run, tmp_path: Path) -> None:
    bad = {"user_id": "user_1", "session_id": "s", "timestamp": "yesterday"}
    lines = [json.dumps(bad), json.dumps(bad | {"user_id": "user_2"}), UNREAD]
    lines.append(UNREAD.replace("user_1", "user_2"))
    workspace.send("events", "\n".join(lines))
    workspace.send("private_user_sessions", lines[0])
    ended = run("erase.py", "--user", "user_1", "--yes", env=environment(workspace))
    assert ended.returncode == 0, ended.stderr
    left = workspace.rows("select user_id, c__error from events_quarantine")
    assert [row["user_id"] for row in left if row["user_id"]] == ["user_2"]
    assert len(left) == 2
    assert not any("user_1" in json.dumps(row) for row in left)
    assert workspace.rows("select * from private_user_sessions_quarantine") == []
    [path] = tmp_path.glob("erasure-*.json")
    tables = {t["name"]: t for t in json.loads(path.read_text())["tables"]}
    assert tables["events_quarantine"]["before"] == 2
    assert tables["private_user_sessions_quarantine"]["before"] == 1


def test_a_dry_run_counts_and_changes_nothing(
    workspace: Workspace, run: Run, tmp_path: Path
) -> None:
    before = unasked(workspace)
    ended = run("erase.py", "--tenant", "tenant_1", "--dry-run", env=environment(workspace))
    assert ended.returncode == 0, ended.stderr
    rows = sum(row.get("tenant_id") == "tenant_1" for row in HISTORY["events"])
    assert re.search(rf"^events +{rows}\b", ended.stdout, re.MULTILINE)
    assert unasked(workspace) == before
    assert list(tmp_path.iterdir()) == []


class Crash(Exception):
    pass


@pytest.mark.parametrize("saves", [1, 2, 4, 8])
def test_what_was_cut_off_goes_on_where_it_stopped(
    workspace: Workspace, run: Run, tmp_path: Path, saves: int
) -> None:
    path = tmp_path / "receipt.json"
    subject = Subject("user_id", ("user_1",))
    with Host(workspace.server.url, workspace.token).client() as http:
        plan = erasure.plan_erasure(http, subject)
        receipt = erase.Receipt(
            subject.fingerprint(),
            workspace.server.url,
            workspace.name,
            "2025-01-01T00:00:00Z",
            plan.tables,
            plan.kept,
        )
        left = saves

        def save() -> None:
            nonlocal left
            receipt.save(path)
            left -= 1
            if left == 0:
                raise Crash

        with pytest.raises(Crash):
            erase.carry_out(erasure.Erasure(http, subject, plan), receipt, save)
    cut_off = json.loads(path.read_text())
    assert cut_off["status"] == "unfinished"
    assert sum(table["done"] for table in cut_off["tables"]) == saves - 1

    arguments = ["--user", "user_1", "--yes", "--receipt", str(path)]
    ended = run("erase.py", *arguments, env=environment(workspace))
    assert ended.returncode == 0, ended.stderr
    finished = json.loads(path.read_text())
    assert finished["status"] == "finished"
    assert finished["started_at"] == "2025-01-01T00:00:00Z"
    counted = {t["name"]: t["before"] for t in cut_off["tables"]}
    assert {t["name"]: t["before"] for t in finished["tables"]} == counted
    assert counted["events"] > 0
    for table in HISTORY:
        sql = f"select count() as n from {table} where user_id = 'user_1'"
        assert workspace.rows(sql) == [{"n": 0}]


def test_rows_that_come_meanwhile_are_told_and_go_the_next_time(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "receipt.json"
    subject = Subject("user_id", ("user_1",))
    late = next(row for row in HISTORY["events"] if row["user_id"] == "user_1")
    with Host(workspace.server.url, workspace.token).client() as http:
        plan = erasure.plan_erasure(http, subject)
        receipt = erase.Receipt(subject.fingerprint(), "", "", "", plan.tables, plan.kept)
        work = erasure.Erasure(http, subject, plan)

        def save() -> None:
            receipt.save(path)
            if all(table.done for table in receipt.tables) and receipt.status == "unfinished":
                workspace.send("events", json.dumps(late | {"event_id": "late"}))

        erase.carry_out(work, receipt, save)
        assert receipt.status == "unfinished"
        assert not any(table.done for table in receipt.tables)
        erase.carry_out(work, receipt, lambda: receipt.save(path))
    assert receipt.status == "finished"
    assert workspace.rows("select * from events where user_id = 'user_1'") == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Say whom to erase"),
        (["--user", "a", "--session", "b"], "Say whom to erase"),
        (["--user", ""], "Say whom to erase"),
        (["--tenant", "a", "--in-tenant", "b"], "--in-tenant narrows"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(run: Run, arguments: list[str], words: str) -> None:
    ended = run("erase.py", *arguments, "--host", "http://127.0.0.1:1", "--token", "t")
    assert ended.returncode == 2
    assert words in " ".join(ended.stderr.split())


def test_a_receipt_belongs_to_one_erasure(workspace: Workspace, run: Run, tmp_path: Path) -> None:
    known = environment(workspace)
    receipt = ["--receipt", str(tmp_path / "receipt.json")]
    assert run("erase.py", "--user", "nobody", "--yes", *receipt, env=known).returncode == 0
    again = run("erase.py", "--user", "nobody", "--yes", *receipt, env=known)
    assert again.returncode == 1
    assert "finished" in again.stderr
    path = tmp_path / "receipt.json"
    path.write_text(path.read_text().replace('"finished"', '"unfinished"'))
    other = run("erase.py", "--user", "somebody", "--yes", *receipt, env=known)
    assert "another erasure" in other.stderr
    path.write_text("{}")
    assert "no receipt" in run("erase.py", "--user", "a", "--yes", *receipt, env=known).stderr


def test_it_asks_before_it_erases(workspace: Workspace, run: Run, tmp_path: Path) -> None:
    ended = run("erase.py", "--user", "user_1", env=environment(workspace))
    assert ended.returncode == 1
    assert "for ever?" in ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_token_that_may_not_delete(birdhouse: Server, run: Run) -> None:
    with birdhouse.client() as http:
        tokens = http.get("/v0/tokens").json()["tokens"]
    ingest = next(token["token"] for token in tokens if token["name"] == "ingest")
    arguments = ["--user", "a", "--host", birdhouse.url, "--token", ingest]
    ended = run("erase.py", *arguments, "--yes")
    assert ended.returncode == 1
    assert "403" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_rollup_that_nothing_fills_again_stops_it_at_once(birdhouse: Server, run: Run) -> None:
    files = {
        "visits.datasource": "SCHEMA >\n    user_id String `json:$.user_id`\n",
        "counts.datasource": "SCHEMA >\n    n UInt64\n",
        "count.pipe": "NODE a\nSQL >\n    SELECT count() AS n FROM visits\n\n"
        "TYPE materialized\nDATASOURCE counts\n",
    }
    with deployed(birdhouse, files) as workspace:
        workspace.send("visits", '{"user_id": "a"}')
        ended = run("erase.py", "--user", "a", "--yes", env=environment(workspace))
        assert ended.returncode == 1
        assert "No copy pipe fills counts" in ended.stderr
        assert workspace.rows("select * from visits") == [{"user_id": "a"}]


def settings(path: str) -> dict[str, str]:
    return dict(erasure._SETTING.findall(PROJECT[path]))


def sql(path: str) -> list[str]:
    """What stands between SQL and TYPE, word by word."""
    return PROJECT[path].partition("SQL >")[2].partition("\nTYPE")[0].split()


REBUILDS = sorted(path for path in PROJECT if path.startswith("copies/rebuild_"))


@pytest.mark.parametrize("path", REBUILDS)
def test_a_copy_fills_a_rollup_with_the_sql_of_its_view(path: str) -> None:
    target = settings(path)["TARGET_DATASOURCE"]
    views = [p for p in PROJECT if settings(p).get("DATASOURCE") == target]
    assert [sql(view) for view in views] == [sql(path)]


def test_what_is_kept_is_there() -> None:
    names = {Path(path).stem for path in PROJECT if path.endswith(".datasource")}
    assert KEPT.keys() <= names
