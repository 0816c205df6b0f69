"""Queries that take too long, and clients that do not wait for them."""

from __future__ import annotations

import time

import httpx
import pytest
from tests.birdhouse.reading import endpoint, error_of
from tests.server import Workspace


def recorded(workspace: Workspace, pipe: str) -> list[int]:
    """The statuses of the requests to a pipe so far."""
    statement = f"select status_code from tinybird.pipe_stats_rt where pipe_name = '{pipe}'"
    return [row["status_code"] for row in workspace.rows(statement)]


def test_a_client_that_leaves_takes_its_query_with_it(reading: Workspace) -> None:
    before = recorded(reading, "endless")
    with pytest.raises(httpx.ReadTimeout):
        reading.http.get("/v0/pipes/endless.json", timeout=0.5)
    # The query's own limit is ten seconds: what is recorded sooner was stopped.
    deadline = time.monotonic() + 8
    while recorded(reading, "endless") == before:
        assert time.monotonic() < deadline, "the query went on without its client"
    assert recorded(reading, "endless")[len(before) :] == [499]


@pytest.mark.slow
def test_a_query_ends_at_its_limit(reading: Workspace) -> None:
    answer = endpoint(reading.http, "endless")
    assert answer.status_code == 408
    assert error_of(answer).startswith("[Error] Timeout exceeded: ")
    assert answer.headers["x-db-exception-code"] == "159"
