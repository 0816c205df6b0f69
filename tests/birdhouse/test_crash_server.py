"""SIGKILL for a server while many clients post: what it acknowledged is there once, views as well.

BIRDHOUSE_CRASH_ROUNDS sets the number of kills; the default is what fits in a test run.
"""

from __future__ import annotations

import json
import os
import random
import threading
import time
from collections import Counter
from pathlib import Path

import httpx
from tests.server import Workspace, running

ROUNDS = int(os.environ.get("BIRDHOUSE_CRASH_ROUNDS", "2"))
CLIENTS = 8
SIZES = (1, 1, 1, 5, 50, 2000)

PROJECT = {
    "clicks.datasource": """
SCHEMA >
    `request` String `json:$.request`,
    `n` UInt32 `json:$.n`,
    `day` Date `json:$.day`

ENGINE MergeTree
ENGINE_PARTITION_KEY toYYYYMM(day)
ENGINE_SORTING_KEY request, n
""",
    "copied.datasource": """
SCHEMA >
    `request` String,
    `n` UInt32

ENGINE MergeTree
ENGINE_SORTING_KEY request
""",
    "counted.datasource": """
SCHEMA >
    `request` String,
    `rows` SimpleAggregateFunction(sum, UInt64)

ENGINE AggregatingMergeTree
ENGINE_SORTING_KEY request
""",
    "copy_clicks.pipe": """
NODE rows
SQL >
    SELECT request, n FROM clicks

TYPE materialized
DATASOURCE copied
""",
    "count_copied.pipe": """
NODE rows
SQL >
    SELECT request, toUInt64(count()) AS rows FROM copied GROUP BY request

TYPE materialized
DATASOURCE counted
""",
}
STORED = {
    "clicks": "SELECT request, count() AS rows FROM clicks GROUP BY request",
    "copied": "SELECT request, count() AS rows FROM copied GROUP BY request",
    "counted": "SELECT request, sum(rows) AS rows FROM counted GROUP BY request",
}


class Clients:
    """Clients that post without pause until the server is gone, and remember what it said."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.acknowledged: set[str] = set()
        self.refused: list[str] = []

    def post(self, workspace: Workspace, name: str) -> None:
        """From a thread of its own; `name` begins those of its requests."""
        random_ = random.Random(name)
        with workspace.server.client(workspace.token) as http:
            for number in range(1_000_000):
                request, rows = f"{name}-{number}", random_.choice(SIZES)
                body = "\n".join(
                    json.dumps({"request": request, "n": n, "day": f"2025-0{n % 3 + 1}-01"})
                    for n in range(rows)
                )
                self.sent[request] = rows
                wait = random_.choice(["true", "false"])
                try:
                    answer = http.post(f"/v0/events?name=clicks&wait={wait}", content=body)
                except httpx.TransportError:
                    return
                if answer.status_code not in (200, 202) or answer.json()["successful_rows"] != rows:
                    self.refused.append(answer.text)
                    return
                self.acknowledged.add(request)


def test_kills_of_a_server_lose_nothing(tmp_path: Path) -> None:
    clients = Clients()
    known: Workspace | None = None
    random_ = random.Random()
    for round_ in range(ROUNDS + 1):
        with running(tmp_path / "data", "serve") as server:
            if known is None:
                known = server.workspace()
                with known.http:
                    known.build(PROJECT)
            workspace = Workspace(server, known.name, known.id, known.token)
            with workspace.http:
                compare(workspace, clients)
                if round_ == ROUNDS:
                    break
                threads = [
                    threading.Thread(target=clients.post, args=(workspace, f"{round_}-{client}"))
                    for client in range(CLIENTS)
                ]
                for thread in threads:
                    thread.start()
                time.sleep(random_.uniform(0.2, 1.2))
                server.kill()
                for thread in threads:
                    thread.join()
    assert clients.refused == []
    assert clients.acknowledged
    print(f"{ROUNDS} kills, {len(clients.acknowledged)} requests acknowledged")


def compare(workspace: Workspace, clients: Clients) -> None:
    """What was acknowledged is stored whole, anything else whole or not at all, and views agree."""
    stored = {
        name: {row["request"]: int(row["rows"]) for row in workspace.rows(f"{sql} FORMAT JSON")}
        for name, sql in STORED.items()
    }
    assert clients.acknowledged <= stored["clicks"].keys()
    assert stored["clicks"].items() <= clients.sent.items()
    assert stored["copied"] == stored["clicks"]
    assert stored["counted"] == stored["clicks"]
