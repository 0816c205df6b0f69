"""The six endpoints equal the oracle over any history, before, between and after copies."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from tests.oracle import six
from tests.oracle.conftest import Host
from tests.oracle.histories import PARAMETERS, event_rows, histories, session_rows, with_ids
from tests.oracle.six import Row

SESSIONS = ["get_active_sessions", "tenant_activity_summary", "get_session_details"]
EVENTS = ["get_events", "user_activity", "event_stats"]
SOURCES = {"user_sessions": (session_rows(), SESSIONS), "events": (event_rows(), EVENTS)}
CALLS = 4
"""Calls of each endpoint after each batch."""

many = settings(
    max_examples=int(os.environ.get("BIRDHOUSE_EXAMPLES", "4")),
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)
"""Without shrinking: an example takes a second, and the failing call is small enough to read."""
both = pytest.mark.parametrize("datasource", SOURCES)


def expected(endpoint: str, rows: list[Row], params: Row) -> list[Row]:
    if endpoint == "get_active_sessions":
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        return six.get_active_sessions(rows, params, now)
    oracle: Callable[[list[Row], Row], list[Row]] = getattr(six, endpoint)
    return oracle(rows, params)


def check(host: Host, data: st.DataObject, datasource: str, rows: list[Row]) -> None:
    for endpoint in SOURCES[datasource][1]:
        for _ in range(CALLS):
            params = data.draw(PARAMETERS[endpoint], label=endpoint)
            assert host.endpoint(endpoint, **params) == expected(endpoint, rows, params)


@both
@many
@given(data=st.data())
def test_any_history_is_answered_like_the_oracle_does(
    host: Host, datasource: str, data: st.DataObject
) -> None:
    host.empty()
    sent: list[Row] = []
    for batch in data.draw(histories(SOURCES[datasource][0]), label="batches"):
        host.send(datasource, batch)
        sent += batch
        if data.draw(st.booleans(), label="count the days"):
            host.count_days()
        check(host, data, datasource, sent)


@both
@many
@given(data=st.data())
def test_what_is_sent_again_changes_nothing(
    host: Host, datasource: str, data: st.DataObject
) -> None:
    host.empty()
    batches = with_ids(data.draw(histories(SOURCES[datasource][0]), label="batches"))
    rows = [row for batch in batches for row in batch]
    for batch in batches:
        host.send(datasource, batch)
    for step in data.draw(st.lists(st.sampled_from(["count", "again"]), min_size=1, max_size=4)):
        if step == "count":
            host.count_days()
        else:
            host.send(datasource, data.draw(st.lists(st.sampled_from(rows), min_size=1)))
        check(host, data, datasource, rows)


@both
@many
@given(data=st.data())
def test_the_order_of_arrival_changes_nothing(
    host: Host, datasource: str, data: st.DataObject
) -> None:
    host.empty()
    [rows] = with_ids([data.draw(st.lists(SOURCES[datasource][0], min_size=2, max_size=12))])
    host.send(datasource, data.draw(st.permutations(rows), label="first"))
    host.count_days()
    host.send(datasource, data.draw(st.permutations(rows), label="again"))
    check(host, data, datasource, rows)
