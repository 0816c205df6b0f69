from __future__ import annotations

import signal
import socket
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from tests.scripts.conftest import Answer, Host, Run, Start

import make_fixtures
import seed

COLUMNS = {
    "events": {*make_fixtures.TUTORIAL_EVENT, "tenant_id"},
    "user_sessions": {*make_fixtures.TUTORIAL_SESSION},
}


def to(host: Host) -> dict[str, str]:
    return {"TB_HOST": host.url, "TB_APPEND_TOKEN": "p.append"}


def summary(stdout: str) -> dict[str, int]:
    words = [line.rsplit(maxsplit=1) for line in stdout.splitlines()]
    return {
        pair[0].strip(): int(pair[1].replace(",", ""))
        for pair in words
        if len(pair) == 2 and pair[1].replace(",", "").isdigit() and "seed" not in pair[0]
    }


@pytest.mark.parametrize("datasource", ["events", "user_sessions"])
def test_it_sends_every_row_in_batches(run: Run, host: Host, datasource: str) -> None:
    args = ["--rows", "250", "--batch-size", "100", "--datasource", datasource]
    done = run("seed.py", *args, env=to(host))

    assert done.returncode == 0, done.stderr
    assert summary(done.stdout) == {"accepted": 250, "quarantined": 0, "failed": 0}
    assert [len(request.rows) for request in host.requests] == [100, 100, 50]
    request = host.requests[0]
    assert request.path == "/v0/events"
    assert request.params == {"name": datasource, "wait": "true"}
    assert request.headers["Authorization"] == "Bearer p.append"
    assert request.headers["Content-Encoding"] == "gzip"
    assert set().union(*host.rows) == COLUMNS[datasource]
    column = "timestamp" if datasource == "events" else "created_at"
    times = [datetime.fromisoformat(row[column]).replace(tzinfo=UTC) for row in host.rows]
    now = datetime.now(UTC)
    assert now - timedelta(minutes=1) < max(times) <= now
    assert min(times) > now - timedelta(hours=3)


def test_the_same_seed_gives_the_same_visits() -> None:
    def ids(number: int) -> list[str]:
        return [row["event_id"] for row in islice(seed.generate("events", number, 5), 500)]

    assert ids(1) == ids(1)
    assert ids(1) != ids(2)
    assert len(set(ids(1))) == 500


def test_few_tenants_have_most_of_the_traffic() -> None:
    rows = islice(seed.generate("user_sessions", 1, 20), 20_000)
    per_tenant = Counter(row["tenant_id"] for row in rows)

    assert len(per_tenant) == 20
    assert sum(count for _, count in per_tenant.most_common(4)) > 20_000 / 2


def test_rows_are_made_faster_than_they_are_sent() -> None:
    rows = seed.generate("events", 1, 20)
    started = time.perf_counter()
    assert len(list(islice(rows, 20_000))) == 20_000
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("header", ["Retry-After", "X-RateLimit-Reset"])
def test_it_waits_as_long_as_a_rate_limit_asks(run: Run, host: Host, header: str) -> None:
    host.answers.append(Answer(429, {header: "1"}))
    started = time.monotonic()
    done = run("seed.py", "--rows", "10", env=to(host))

    assert done.returncode == 0, done.stderr
    assert time.monotonic() - started > 1
    assert summary(done.stdout)["accepted"] == 10
    assert summary(done.stdout)["retries"] == 1
    # A request over the limit was not taken, so that nothing can be stored twice.
    assert "stored twice" not in done.stdout


def test_it_understands_a_date_in_retry_after(run: Run, host: Host) -> None:
    host.answers.append(Answer(503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}))
    done = run("seed.py", "--rows", "10", env=to(host))

    assert done.returncode == 0, done.stderr
    assert summary(done.stdout)["accepted"] == 10


def test_it_does_not_wait_for_ever(run: Run, host: Host) -> None:
    host.answers.append(Answer(429, {"Retry-After": "3600"}))
    done = run("seed.py", "--rows", "10", env=to(host))

    assert done.returncode == 1
    assert "asks to wait 3600 s" in done.stderr
    assert summary(done.stdout)["failed"] == 10


@pytest.mark.parametrize("unwell", [Answer(500), Answer(status=None)], ids=["500", "hangs up"])
def test_it_tries_again_after_an_unknown_outcome(run: Run, host: Host, unwell: Answer) -> None:
    host.answers += [unwell, unwell]
    done = run("seed.py", "--rows", "30", "--batch-size", "10", env=to(host))

    assert done.returncode == 0, done.stderr
    assert summary(done.stdout) == {"accepted": 30, "quarantined": 0, "failed": 0, "retries": 2}
    assert "Up to 10 rows may be stored twice" in done.stdout
    first, second, third, *_ = host.requests
    assert first.rows == second.rows == third.rows


def test_quarantined_rows_are_lost_rows(run: Run, host: Host) -> None:
    host.answers += [Answer(), Answer(quarantined=3)]
    done = run("seed.py", "--rows", "20", "--batch-size", "10", env=to(host))

    assert done.returncode == 1
    assert summary(done.stdout) == {"accepted": 17, "quarantined": 3, "failed": 0}


def test_rows_that_the_answer_does_not_count_are_lost(run: Run, host: Host) -> None:
    host.answers.append(Answer(body=b'{"successful_rows": 8, "quarantined_rows": 1}'))
    done = run("seed.py", "--rows", "10", env=to(host))

    assert done.returncode == 1
    assert summary(done.stdout) == {"accepted": 8, "quarantined": 1, "failed": 1}


def test_a_batch_that_never_arrives_is_counted_and_the_next_is_tried(run: Run, host: Host) -> None:
    host.answers += [Answer(503), Answer(503)]
    args = ["--rows", "30", "--batch-size", "10", "--retries", "1"]
    done = run("seed.py", *args, env=to(host))

    assert done.returncode == 1
    assert summary(done.stdout) == {"accepted": 20, "quarantined": 0, "failed": 10, "retries": 1}
    assert "503 Service Unavailable" in done.stderr


@pytest.mark.parametrize(
    "refusal",
    [Answer(403), Answer(404), Answer(422), Answer(307), Answer(body=b"<html>Sign in</html>")],
    ids=["403", "404", "422", "redirect", "not the Events API"],
)
def test_a_refusal_ends_it_at_once(run: Run, host: Host, refusal: Answer) -> None:
    host.answers.append(refusal)
    done = run("seed.py", "--rows", "50", "--batch-size", "10", env=to(host))

    assert done.returncode == 1
    assert len(host.requests) == 1
    assert summary(done.stdout) == {"accepted": 0, "quarantined": 0, "failed": 10, "not sent": 40}
    assert str(refusal.status) in done.stderr
    if refusal.status != 200:
        assert "no [luck]" in done.stderr


def test_it_gives_up_on_a_host_that_is_not_there(run: Run) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        args = ["--rows", "100", "--batch-size", "10", "--retries", "1"]
        done = run("seed.py", *args, "--host", url, "--token", "t")

    assert done.returncode == 1
    assert "ConnectError" in done.stderr
    assert "Traceback" not in done.stderr
    assert summary(done.stdout) == {
        "accepted": 0,
        "quarantined": 0,
        "failed": 30,
        "not sent": 70,
        "retries": 3,
    }
    assert "stored twice" not in done.stdout


def test_it_keeps_to_the_rate(run: Run, host: Host) -> None:
    done = run("seed.py", "--rows", "60", "--rate", "20", env=to(host))

    assert done.returncode == 0, done.stderr
    assert [len(request.rows) for request in host.requests] == [20, 20, 20]
    rate = float(done.stdout.split(" rows/s")[0].split()[-1])
    assert rate <= 31  # the first batch does not wait: 60 rows leave in 2 seconds


@pytest.mark.parametrize(
    ("args", "code"),
    [(["--continuous", "--rate", "200"], 0), (["--rows", "100000", "--rate", "200"], 130)],
    ids=["continuous", "bounded"],
)
def test_ctrl_c_ends_with_a_summary(start: Start, host: Host, args: list[str], code: int) -> None:
    process = start("seed.py", *args, "--batch-size", "10", env=to(host))
    assert host.received.wait(20)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)

    assert process.returncode == code, stderr
    assert summary(stdout)["accepted"] == len(host.rows) > 10
    assert "Traceback" not in stderr


def of(host: Host, datasource: str) -> list[dict[str, str]]:
    """The rows that a data source has got."""
    requests = [request for request in host.requests if request.params["name"] == datasource]
    return [row for request in requests for row in request.rows]


def at(row: dict[str, str]) -> datetime:
    return datetime.fromisoformat(row.get("timestamp") or row["created_at"]).replace(tzinfo=UTC)


def test_history_fills_the_days(run: Run, host: Host) -> None:
    args = ["--history", "14d", "--rows", "9000", "--seed", "3"]
    done = run("seed.py", *args, env=to(host))

    assert done.returncode == 0, done.stderr
    events, steps = of(host, "events"), of(host, "user_sessions")
    assert summary(done.stdout)["accepted"] == len(events) + len(steps)
    assert 8000 < len(events) == len(steps) < 10_000
    assert {row["session_id"] for row in events} == {row["session_id"] for row in steps}
    now = datetime.now(UTC)
    assert now - timedelta(days=14, minutes=1) <= min(map(at, events))
    assert now - timedelta(hours=12) < max(map(at, events)) <= now
    assert len({at(row).date() for row in steps}) >= 14

    spanish = Counter(at(row).hour + 1 for row in events if row["country"] == "ES")
    by_day, at_night = (sum(spanish[hour] for hour in hours) for hours in ((14, 15), (3, 4)))
    assert by_day > 4 * at_night
    campaigns = {row["page_url"] for row in steps if "utm_campaign=" in row["page_url"]}
    assert any("utm_source=newsletter&utm_medium=email&" in page for page in campaigns)
    bots = [row for row in steps if row["browser"] == "Googlebot"]
    assert 0 < len(bots) < len(steps) / 4
    visits = Counter(row["session_id"] for row in steps)
    bounces = sum(number == 1 for number in visits.values())
    assert len(visits) / 5 < bounces < len(visits) / 3


def test_live_sends_what_happens_until_ctrl_c(start: Start, host: Host) -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    process = start("seed.py", "--live", "--rate", "50", env=to(host))
    while not all(began < max(map(at, of(host, d)), default=began) for d in COLUMNS):
        host.received.clear()
        assert host.received.wait(20)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=20)

    assert process.returncode == 0, stderr
    assert summary(stdout)["accepted"] == len(host.rows)
    for datasource in COLUMNS:
        rows = of(host, datasource)
        assert began - timedelta(seconds=900) <= min(map(at, rows)) < began
        assert began < max(map(at, rows)) <= datetime.now(UTC)
    # Many are there at the same time.
    latest = [row["session_id"] for row in of(host, "events") if at(row) >= began]
    assert len(set(latest)) > 5


def test_ctrl_c_ends_the_wait_for_a_rate_limit(start: Start, host: Host) -> None:
    host.answers.append(Answer(429, {"Retry-After": "60"}))
    process = start("seed.py", "--continuous", env=to(host))
    assert host.received.wait(20)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=10)

    assert process.returncode == 1
    assert summary(stdout)["failed"] == 100
    assert "stopped before trying again" in stderr


def test_host_and_token_come_from_a_file(run: Run, host: Host, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(f"TB_HOST={host.url}\nTB_APPEND_TOKEN=\nTB_TOKEN=p.admin\n")
    done = run("seed.py", "--rows", "1")

    assert done.returncode == 0, done.stderr
    assert host.requests[0].headers["Authorization"] == "Bearer p.admin"


def test_the_environment_comes_before_the_file(run: Run, host: Host, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere.env"
    file.write_text("TB_HOST=http://127.0.0.1:1\nTB_APPEND_TOKEN=p.file\n")
    done = run("seed.py", "--rows", "1", "--env-file", str(file), env=to(host))

    assert done.returncode == 0, done.stderr
    assert host.requests[0].headers["Authorization"] == "Bearer p.append"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "set TB_HOST and TB_APPEND_TOKEN"),
        (["--host", "localhost:7181", "--token", "t"], "The host is a URL"),
        (["--rows", "5", "--continuous"], "do without end"),
        (["--rows", "5", "--live"], "do without end"),
        (["--live", "--continuous"], "exclude each other"),
        (["--live", "--history", "3d"], "exclude each other"),
        (["--history", "3d", "--rate", "5"], "has no --rate"),
        (["--history", "3 weeks"], "not a number of days"),
        (["--history", "0d"], "not a number of days"),
        (["--datasource", "nothing"], "'nothing' is not one of"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(run: Run, args: list[str], words: str) -> None:
    done = run("seed.py", *args)

    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
