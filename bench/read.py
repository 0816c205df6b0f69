"""How close reading over HTTP comes to the engine underneath: `python bench/read.py [SECTION...]`.

Sections: one (a single client), many (16 clients), beside (a fast query beside a slow scan), plan
(what planning costs). All of them without a name.

A server and an engine of the bench's own hold the same rows; the clients are a third process. The
engine alone and HTTP are measured in turns, and what counts is the difference or the ratio within a
turn: the rates themselves drift with the machine.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

from birdhouse.datadir import DataDir
from birdhouse.engine import Engine
from birdhouse.query import Limits, Plan, Plans, Scope, format_named, plan_pipe, run
from birdhouse.workspace.store import Store
from birdhouse.workspace.workspaces import Workspace, Workspaces

ROWS = 2_000_000
ROUNDS = 9
REQUESTS = 60
CLIENTS = 16
SECONDS = 3.0

PROJECT = {
    "datasources/hits.datasource": """
SCHEMA >
    `tenant` String `json:$.tenant`,
    `at` DateTime `json:$.at`,
    `kind` LowCardinality(String) `json:$.kind`,
    `user` String `json:$.user`,
    `price` Float64 `json:$.price`

ENGINE MergeTree
ENGINE_SORTING_KEY tenant, at
""",
    "pipes/of_tenant.pipe": """
NODE filtered
SQL >
    %
    select * from hits
    where tenant = {{ String(tenant, 'tenant 1') }}
        {% if defined(start) %} and at >= {{ DateTime(start) }} {% end %}
""",
    "endpoints/kinds.pipe": """
NODE counted
SQL >
    %
    select kind, count() as hits, uniq(user) as users, sum(price) as revenue
    from of_tenant group by kind

NODE ordered
SQL >
    %
    select * from counted order by hits desc, kind limit {{ Int32(limit, 10) }}

TYPE ENDPOINT
""",
    "endpoints/slow.pipe": """
NODE scanned
SQL >
    select uniqExact(cityHash64(user, price, at)) as u from hits

TYPE ENDPOINT
""",
}

# A client that costs little: it runs on the cores that the server needs.
CLIENT = """
import json, socket, sys, threading, time

port, clients, seconds = map(int, sys.argv[1:4])
requests = json.load(sys.stdin)
took, failed = [], []

def ask(connection, request):
    connection.sendall(request)
    answer = connection.recv(65536)
    while b"\\r\\n\\r\\n" not in answer:
        answer += connection.recv(65536)
    head, _, body = answer.partition(b"\\r\\n\\r\\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\\r")[0])
    while len(body) < length:
        body += connection.recv(65536)
    return head.startswith(b"HTTP/1.1 200")

def client(first):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    number, end = first, time.perf_counter() + seconds
    while time.perf_counter() < end:
        begin = time.perf_counter()
        good = ask(connection, requests[number % len(requests)].encode())
        (took if good else failed).append(time.perf_counter() - begin)
        number += 1

threads = [threading.Thread(target=client, args=[i * 7]) for i in range(clients)]
[t.start() for t in threads]
[t.join() for t in threads]
json.dump({"took": took, "failed": len(failed)}, sys.stdout)
"""


class Ground(NamedTuple):
    """A server, and an engine with the same rows in this process."""

    port: int
    token: str
    engine: Engine
    workspace: Workspace

    def scope(self, **variables: str) -> Scope:
        return Scope(
            resources=self.workspace.resources,
            database=self.workspace.database,
            workspace=self.workspace.name,
            variables=variables,
        )

    def plan(self, name: str, **variables: str) -> Plan:
        return plan_pipe(self.workspace.resources.pipes[name], self.scope(**variables))

    def direct(self, plan: Plan) -> float:
        """Seconds that the engine takes for a plan, its JSON included."""
        begin = time.perf_counter()
        run(self.engine, plan, format_named("JSON"), Limits())
        return time.perf_counter() - begin

    def request(self, name: str, query: str = "") -> str:
        path = f"/v0/pipes/{name}.json?{query}"
        return (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.token}\r\n\r\n"
        )

    def clients(self, requests: list[str], clients: int, seconds: float) -> list[float]:
        """Seconds of each request of so many clients, from a process of their own."""
        command = [sys.executable, "-c", CLIENT, *map(str, (self.port, clients, int(seconds)))]
        sent = json.dumps(requests).encode()
        found = json.loads(
            subprocess.run(command, input=sent, stdout=subprocess.PIPE, check=True).stdout
        )
        assert not found["failed"], found["failed"]
        took: list[float] = found["took"]
        return took


@contextmanager
def serving(data_dir: Path) -> Iterator[str]:
    """`birdhouse serve`: its address."""
    command = [sys.executable, "-m", "birdhouse", "serve", "--port", "0"]
    command += ["--data-dir", str(data_dir)]
    quiet = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=quiet, text=True) as process:
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if " listens on " in line)
            yield line.partition(" listens on ")[2].strip().replace("localhost", "127.0.0.1")
        finally:
            process.terminate()


@contextmanager
def ground() -> Iterator[Ground]:
    with tempfile.TemporaryDirectory(prefix="birdhouse-bench-") as name:
        served, own = Path(name) / "served", Path(name) / "own"
        with serving(served) as url:
            build(url)
        workspace = Workspaces(Store(DataDir(served).store, read_only=True)).default
        engine = Engine(DataDir(served).clickhouse)
        table = workspace.resources.datasources["hits"].table
        engine.execute(
            f"INSERT INTO {workspace.database}.{table} SELECT "
            "concat('tenant ', toString(number % 40)), toDateTime('2025-01-01') + number, "
            "concat('kind ', toString(cityHash64(number) % 12)), "
            f"toString(cityHash64(number) % 50000), number % 100 FROM numbers({ROWS})"
        )
        engine.execute(f"OPTIMIZE TABLE {workspace.database}.{table} FINAL")
        engine.close()
        shutil.copytree(served, own, symlinks=True)
        engine = Engine(DataDir(own).clickhouse)
        with serving(served) as url:
            port = int(url.rpartition(":")[2])
            yield Ground(port, workspace.admin_token, engine, workspace)
        engine.close()


def build(url: str) -> None:
    token = httpx.get(f"{url}/tokens").json()["workspace_admin_token"]
    parts = [("data_project://", (path, text)) for path, text in PROJECT.items()]
    headers = {"Authorization": f"Bearer {token}"}
    built = httpx.post(f"{url}/v1/build", files=parts, headers=headers, timeout=60).json()
    assert built["result"] == "success", built


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms"


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def one(ground: Ground) -> None:
    """HTTP p50 of one client, over the same SQL on the engine."""
    plan = ground.plan("kinds", tenant="tenant 1")
    same = [ground.request("kinds", "tenant=tenant+1")]
    other = [ground.request("kinds", f"tenant=tenant+{i % 40}&limit={i}") for i in range(1, 4000)]
    over: dict[str, list[float]] = {"same parameters": [], "new parameters": []}
    engine = []
    for _ in range(ROUNDS):
        alone = statistics.median(ground.direct(plan) for _ in range(REQUESTS))
        engine.append(alone)
        for name, requests in (("same parameters", same), ("new parameters", other)):
            took = statistics.median(ground.clients(requests, 1, 1))
            over[name].append(took - alone)
    print(f"one client: the engine takes {milliseconds(statistics.median(engine))} (p50)")
    for name, found in over.items():
        print(f"  HTTP, {name}: {milliseconds(statistics.median(found))} more (p50)")


def many(ground: Ground) -> None:
    """Throughput of 16 clients, beside that of the engine with 16 threads."""
    plan = ground.plan("kinds", tenant="tenant 1")
    requests = [ground.request("kinds", "tenant=tenant+1")]
    shares, rates = [], []
    for _ in range(ROUNDS // 2):
        alone = throughput(lambda: ground.direct(plan))
        rates.append(alone)
        served = len(ground.clients(requests, CLIENTS, SECONDS)) / SECONDS
        shares.append(served / alone)
    print(f"{CLIENTS} clients: the engine answers {statistics.median(rates):.0f} a second")
    print(f"  HTTP: {statistics.median(shares):.0%} of it")


def throughput(act: Callable[[], object]) -> float:
    done = [0] * CLIENTS
    end = time.perf_counter() + SECONDS

    def work(number: int) -> None:
        while time.perf_counter() < end:
            act()
            done[number] += 1

    threads = [threading.Thread(target=work, args=[number]) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / SECONDS


def beside(ground: Ground) -> None:
    """A fast query alone, and while one slow scan after the other runs."""
    fast = [ground.request("kinds", "tenant=tenant+1")]
    slow = [ground.request("slow")]
    alone = ground.clients(fast, 1, SECONDS)
    scans: list[float] = []
    scanning = threading.Thread(target=lambda: scans.extend(ground.clients(slow, 1, SECONDS + 2)))
    scanning.start()
    time.sleep(0.5)
    together = ground.clients(fast, 1, SECONDS)
    scanning.join()
    print(f"a fast query: p99 {milliseconds(percentile(alone, 0.99))}")
    scan = milliseconds(statistics.median(scans))
    print(f"  beside scans of {scan}: p99 {milliseconds(percentile(together, 0.99))}")


def plan(ground: Ground) -> None:
    """What planning costs, with and without its cache."""
    pipe, plans = ground.workspace.resources.pipes["kinds"], Plans()
    fresh = timed(lambda number: ground.plan("kinds", tenant=f"tenant {number}"))
    kept = timed(lambda _: plans.pipe(pipe, ground.scope(tenant="tenant 1")))
    print(f"planning: {milliseconds(fresh)} anew, {milliseconds(kept)} from the cache (p50)")


def timed(act: Callable[[int], object]) -> float:
    took = []
    for number in range(400):
        begin = time.perf_counter()
        act(number)
        took.append(time.perf_counter() - begin)
    return statistics.median(took)


SECTIONS = {"one": one, "many": many, "beside": beside, "plan": plan}


def main(names: list[str]) -> None:
    with ground() as found:
        for name in names or SECTIONS:
            SECTIONS[name](found)


if __name__ == "__main__":
    main(sys.argv[1:])
