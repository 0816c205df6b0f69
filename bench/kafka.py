"""How fast a topic is read: `python bench/kafka.py`.

Messages of some 300 bytes lie in a topic of librdkafka's mock cluster; measured is the time until
birdhouse has stored all of them, and that of `/v0/events` with bodies of 1,000 of the same rows, in
the same run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import confluent_kafka as kafka
import httpx

TOPIC = "bench"
PARTITIONS = 4
MESSAGES = 40_000
"""The mock cluster keeps some 5 MB of each partition."""
BODY = 1000
COLUMNS = ("event_id", "event_type", "user_id", "session_id", "platform", "country", "properties")
SCHEMA = ",\n".join(f"    `{name}` String `json:$.{name}`" for name in COLUMNS)
PLAIN = f"SCHEMA >\n{SCHEMA}\n\nENGINE MergeTree\nENGINE_SORTING_KEY event_id\n"
READ = (
    f"SCHEMA >\n{SCHEMA},\n    `__partition` Int16,\n    `__offset` Int64\n\n"
    "ENGINE MergeTree\nENGINE_SORTING_KEY event_id\n\nKAFKA_CONNECTION_NAME broker\n"
    f"KAFKA_TOPIC {TOPIC}\nKAFKA_GROUP_ID bench\nKAFKA_AUTO_OFFSET_RESET earliest\n"
)


def row(number: int) -> bytes:
    found: dict[str, str] = {name: f"{name} {number % 1000}" for name in COLUMNS}
    found["event_id"] = f"event {number}"
    found["properties"] = json.dumps({"page": "/" + "x" * 100})
    return json.dumps(found).encode()


@contextmanager
def serving(data_dir: Path) -> Iterator[httpx.Client]:
    command = [sys.executable, "-m", "birdhouse", "serve", "--port", "0", "--log-level", "error"]
    command += ["--data-dir", str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if " listens on " in line)
            url = line.partition(" listens on ")[2].strip()
            token = httpx.get(f"{url}/tokens").json()["workspace_admin_token"]
            headers = {"Authorization": f"Bearer {token}"}
            with httpx.Client(base_url=url, headers=headers, timeout=60) as http:
                yield http
        finally:
            process.terminate()


def build(http: httpx.Client, files: dict[str, str]) -> None:
    parts: list[tuple[str, Any]] = [("data_project://", item) for item in files.items()]
    answer = http.post("/v1/build", files=parts).json()
    assert answer["result"] == "success", answer


def stored(http: httpx.Client) -> int:
    sql = "SELECT count() AS c FROM birds FORMAT JSON"
    return int(http.post("/v0/sql", content=sql).json()["data"][0]["c"])


def main() -> None:
    rows = [row(number) for number in range(MESSAGES)]
    producer = kafka.Producer(
        {"bootstrap.servers": "-", "test.mock.num.brokers": 1, "log_level": 0, "linger.ms": 50}
    )
    for number, value in enumerate(rows):
        while True:
            try:
                producer.produce(TOPIC, value, partition=number % PARTITIONS)
                break
            except BufferError:
                producer.poll(0.1)
    assert producer.flush(60) == 0
    brokers = producer.list_topics(timeout=10).brokers.values()
    address = ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    connection = (
        f"TYPE kafka\nKAFKA_BOOTSTRAP_SERVERS {address}\nKAFKA_SECURITY_PROTOCOL PLAINTEXT\n"
    )
    with (
        tempfile.TemporaryDirectory(prefix="birdhouse-bench-") as name,
        serving(Path(name) / "data") as http,
    ):
        build(http, {"sent.datasource": PLAIN})
        started = time.perf_counter()
        for start in range(0, MESSAGES, BODY):
            body = b"\n".join(rows[start : start + BODY])
            http.post("/v0/events?name=sent", content=body).raise_for_status()
        events = MESSAGES / (time.perf_counter() - started)
        started = time.perf_counter()
        build(
            http,
            {
                "sent.datasource": PLAIN,
                "birds.datasource": READ,
                "broker.connection": connection,
            },
        )
        while stored(http) < MESSAGES:
            time.sleep(0.1)
        read = MESSAGES / (time.perf_counter() - started)
        assert stored(http) == MESSAGES
    print(f"{read:,.0f} messages a second, {read / events:.0%} of the Events API's {events:,.0f}")


if __name__ == "__main__":
    main()
