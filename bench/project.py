"""The six endpoints against the tutorials' own SQL, on the same rows and in the same engine.

    python -m bench.project --rows 10 [--data-dir DIR]

Every call has parameters of its own, so that no cache answers. Both sides are measured inside the
engine, with the same number of threads; what they share, HTTP and templates, is left out. What
counts is CPU time, which other work on the machine disturbs least, and the ratios. With
`--data-dir` the rows are kept: the next run finds them there, with the project as it is by then.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import traffic_sql, tutorials

from birdhouse.engine import Engine
from birdhouse.http.context import Services
from birdhouse.ingest import RemoteLimits
from birdhouse.project.folder import project_files
from birdhouse.query import Scope, plan_pipe
from birdhouse.server import open_services
from birdhouse.workspace.workspaces import Workspace

PROJECT = Path(__file__).resolve().parents[1]
BARE = "ws_tutorials"
"""A name that readers may read."""
BATCH_SESSIONS = 125_000
COPIES = {"count_event_days": "event_day_counts", "count_session_days": "session_day_counts"}

LOADED = "loaded"
"""The file that marks a folder whose rows are all there."""

Params = dict[str, str]


class Bench:
    """The project and the bare tables, filled with the same rows."""

    def __init__(self, services: Services, project: Path, threads: int) -> None:
        self.engine: Engine = services.engine
        self.workspace: Workspace = services.workspaces.default
        services.deployer.build(self.workspace, project_files(project))
        self.settings = {"max_threads": threads, "use_query_condition_cache": 0}

    def create_tables(self) -> None:
        """The tutorials' tables."""
        self.engine.execute(f"CREATE DATABASE {BARE}")
        for name, body in tutorials.TABLES.items():
            self.engine.execute(f"CREATE TABLE {BARE}.{name} {body}")

    def table(self, datasource: str) -> str:
        return f"{self.workspace.database}.{self.workspace.datasource(datasource).table}"

    def timed(self, sql: str) -> float:
        began = time.perf_counter()
        self.engine.execute(sql, settings={"max_insert_threads": 1, "max_execution_time": 0})
        return time.perf_counter() - began

    def load(self, millions: float, ids: str, folder: Path) -> dict[str, tuple[float, float]]:
        """Insert the rows on both sides from NDJSON; the seconds of each side for each table."""
        total = int(millions * 1_000_000) // traffic_sql.PER_SESSION
        spent = dict.fromkeys(tutorials.TABLES, (0.0, 0.0))
        for first in range(0, total, BATCH_SESSIONS):
            count = min(BATCH_SESSIONS, total - first)
            for name in tutorials.TABLES:
                if name == "events":
                    select = traffic_sql.events(first, count, total, ids)
                else:
                    select = traffic_sql.user_sessions(first, count, total)
                columns = ", ".join(_columns(self.engine, f"{BARE}.{name}"))
                file = folder / "batch.ndjson"
                self.engine.execute(
                    f"INSERT INTO FUNCTION file('{file}', 'JSONEachRow') SELECT * FROM ({select})"
                )
                rows = f"SELECT {columns} FROM file('{file}', 'JSONEachRow', '{_structure(name)}')"
                bare = self.timed(f"INSERT INTO {BARE}.{name} ({columns}) {rows}")
                ours = self.timed(f"INSERT INTO {self.table(name)} ({columns}) {rows}")
                file.unlink()
                spent[name] = (spent[name][0] + bare, spent[name][1] + ours)
        return spent

    def settle(self) -> None:
        """Merge the parts of every table, as time does."""
        for name in tutorials.TABLES:
            self.engine.execute(f"OPTIMIZE TABLE {BARE}.{name} FINAL")
        for datasource in self.workspace.resources.datasources.values():
            if datasource.engine["type"] == "Null":
                continue
            table = f"{self.workspace.database}.{datasource.table}"
            self.engine.execute(f"OPTIMIZE TABLE {table} FINAL", settings={"max_execution_time": 0})

    def copy(self, pipe: str) -> float:
        """Run a copy pipe; the seconds that it took."""
        sql = self.plan(pipe, {"quiet_seconds": "0"})
        target = self.workspace.datasource(COPIES[pipe])
        columns = ", ".join(column.name for column in target.columns)
        return self.timed(
            f"INSERT INTO {self.table(COPIES[pipe])} ({columns}) SELECT {columns} FROM ({sql})"
        )

    def plan(self, pipe: str, params: Params) -> str:
        scope = Scope(
            resources=self.workspace.resources,
            database=self.workspace.database,
            workspace=self.workspace.name,
            variables=params,
        )
        return plan_pipe(self.workspace.resources.pipes[pipe], scope).sql

    def run(self, sql: str) -> tuple[float, int]:
        """Milliseconds of CPU, and rows read."""
        began = time.process_time()
        result = self.engine.query(sql, "JSON", settings=self.settings)
        return (time.process_time() - began) * 1000, result.rows_read

    def compare(self, name: str, endpoint: str, draw: Callable[[], Params], rounds: int) -> None:
        bare, ours, read = [], [], []
        for _ in range(rounds):
            params = draw()
            bare.append(self.run(tutorials.statement(BARE, endpoint, params))[0])
            milliseconds, rows = self.run(self.plan(endpoint, params))
            ours.append(milliseconds)
            read.append(rows)
        before, after = statistics.median(bare), statistics.median(ours)
        print(
            f"{name:42} {before:9.1f} {after:9.1f} {before / after:8.1f}x "
            f"{int(statistics.median(read)):12,}",
            flush=True,
        )

    def sizes(self) -> list[tuple[str, float]]:
        """Bytes on disk of every table of the project that has any."""
        found = []
        for datasource in self.workspace.resources.datasources.values():
            rows = self._bytes(self.workspace.database, datasource.table)
            if rows:
                found.append((datasource.name, rows))
        return sorted(found, key=lambda pair: -pair[1])

    def _bytes(self, database: str, table: str) -> float:
        sql = (
            "SELECT sum(bytes_on_disk) FROM system.parts WHERE active "
            f"AND database = '{database}' AND table = '{table}'"
        )
        return float(_text(self.engine, sql) or 0)


def _text(engine: Engine, sql: str) -> str:
    """One value; for statements about the system, which readers may not ask."""
    with engine._connection({}, "") as connection:
        return str(connection.query(sql, "TSV")).strip()


def _structure(name: str) -> str:
    """The columns of a bare table, as the function `file` wants them."""
    body = tutorials.TABLES[name]
    return " ".join(body[body.index("(") + 1 : body.index(")")].split())


def _columns(engine: Engine, table: str) -> list[str]:
    database, _, name = table.partition(".")
    sql = (
        f"SELECT name FROM system.columns WHERE database = '{database}' AND table = '{name}' "
        "ORDER BY position"
    )
    return _text(engine, sql).split("\n")


class Draw:
    """Parameters, different ones every time."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self._random = random.Random(seed)
        sql = (
            f"SELECT session_id, tenant_id, user_id FROM {BARE}.user_sessions "
            "WHERE created_at % 7 = 3 ORDER BY cityHash64(session_id) LIMIT 400"
        )
        self._ids = [line.split("\t") for line in _text(bench.engine, sql).split("\n")]

    def limit(self) -> Params:
        return {"limit": str(self._random.randrange(90, 110))}

    def session(self) -> Params:
        return {"session_id": self._random.choice(self._ids)[0]}

    def session_of_tenant(self) -> Params:
        session, tenant, _ = self._random.choice(self._ids)
        return {"session_id": session, "tenant_id": tenant}

    def tenant(self) -> Params:
        return {"tenant_id": self._random.choice(self._ids)[1]}

    def user(self) -> Params:
        return {"user_id": self._random.choice(self._ids)[2]}

    def user_of_tenant(self) -> Params:
        _, tenant, user = self._random.choice(self._ids)
        return {"user_id": user, "tenant_id": tenant}

    def platform(self) -> Params:
        return {"platform": self._random.choice(["web", "ios", "android"])}

    def event_type(self) -> Params:
        return {"event_type": self._random.choice(["page_view", "login", "update", "share"])}

    def dates(self, first: str, last: str) -> Params:
        """A month of the ninety days, to the second."""
        began = 1_783_987_200 + self._random.randrange(0, 55 * 86_400)
        return {first: _written(began), last: _written(began + 31 * 86_400)}

    def days(self) -> Params:
        return self.dates("from_date", "to_date")

    def event_days(self) -> Params:
        return self.dates("start_date", "end_date")


def _written(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds))


def cases(draw: Draw) -> list[tuple[str, Callable[[], Params]]]:
    """Endpoint and parameters of each line."""
    sessions, tenants, details, events, user, stats = (
        "get_active_sessions",
        "tenant_activity_summary",
        "get_session_details",
        "get_events",
        "user_activity",
        "event_stats",
    )
    return [
        (sessions, draw.limit),
        (sessions, draw.days),
        (sessions, draw.tenant),
        (sessions, lambda: draw.tenant() | draw.days()),
        (sessions, draw.user),
        (tenants, draw.limit),
        (tenants, draw.days),
        (tenants, draw.tenant),
        (tenants, lambda: draw.tenant() | draw.days()),
        (details, draw.session),
        (details, draw.session_of_tenant),
        (events, draw.limit),
        (events, draw.event_days),
        (events, lambda: draw.event_type() | draw.platform()),
        (events, draw.tenant),
        (events, lambda: draw.tenant() | draw.event_days()),
        (events, draw.user),
        (user, draw.user),
        (user, lambda: draw.user() | draw.event_days()),
        (user, draw.user_of_tenant),
        (stats, dict),
        (stats, draw.platform),
        (stats, draw.event_days),
        (stats, draw.tenant),
        (stats, lambda: draw.tenant() | draw.event_days()),
        (stats, lambda: {"exact": "1"}),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=float, default=1, help="millions of rows a table")
    parser.add_argument("--threads", type=int, default=1, help="threads of a query")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--ids", choices=["short", "uuid"], default="uuid")
    parser.add_argument("--only", default="", help="the endpoints to measure, by a part of a name")
    parser.add_argument("--project", type=Path, default=PROJECT)
    parser.add_argument("--data-dir", type=Path, help="keep the rows there for the next run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="birdhouse-bench-") as temporary:
        folder = options.data_dir or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        with open_services(folder, RemoteLimits()) as services:
            bench = Bench(services, options.project, options.threads)
            if not (folder / LOADED).exists():
                fill(bench, options, folder)
                (folder / LOADED).touch()
            report(bench, options)


def fill(bench: Bench, options: argparse.Namespace, folder: Path) -> None:
    """Load the rows, count their days and merge them; what that took."""
    rows = options.rows * 1_000_000
    bench.create_tables()
    for name, (bare, ours) in bench.load(options.rows, options.ids, folder).items():
        print(
            f"ingest {name:16} bare {rows / bare / 1e6:5.2f} M rows/s, with all views "
            f"{rows / ours / 1e6:5.2f} M rows/s: {bare / ours:.0%}"
        )
    for pipe in COPIES:
        print(f"copy {pipe:18} {bench.copy(pipe):5.2f} s")
    bench.settle()


def report(bench: Bench, options: argparse.Namespace) -> None:
    """What the rows take, and how long each endpoint does."""
    for name, size in bench.sizes():
        rows = options.rows * 1_000_000
        print(f"bytes an event: {name:20} {size / rows:6.2f}")
    draw = Draw(bench, seed=7)
    print(
        f"{'milliseconds of CPU, median':42} {'tutorial':>9} {'project':>9} {'ratio':>9} "
        f"{'rows read':>12}"
    )
    for endpoint, parameters in cases(draw):
        if options.only not in endpoint:
            continue
        label = f"{endpoint} {'+'.join(parameters())}".strip()
        bench.compare(label, endpoint, parameters, options.rounds)


if __name__ == "__main__":
    main()
