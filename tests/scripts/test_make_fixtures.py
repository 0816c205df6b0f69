from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise

import pytest
from tests.scripts.conftest import ROOT

import make_fixtures

TIME = {"user_sessions": "created_at", "events": "timestamp"}
JSON_TEXT = {"user_sessions": "event_data", "events": "properties"}

datasources = pytest.mark.parametrize("datasource", ["user_sessions", "events"])


def committed(datasource: str) -> list[dict[str, str]]:
    path = ROOT / "fixtures" / f"{datasource}.ndjson"
    rows: list[dict[str, str]] = [json.loads(line) for line in path.read_text().splitlines()]
    return rows


@datasources
def test_the_committed_rows_are_the_generated_ones(datasource: str) -> None:
    path = ROOT / "fixtures" / f"{datasource}.ndjson"
    assert make_fixtures.fixtures()[path.name] == path.read_bytes()


@datasources
def test_rows_have_the_columns_of_the_data_source(datasource: str) -> None:
    datafile = (ROOT / "datasources" / f"{datasource}.datasource").read_text()
    found = re.findall(r"json:\$\.(\w+)`( DEFAULT)?", datafile)
    required = [column for column, default in found if not default]
    columns = [column for column, _ in found]
    assert required
    for row in committed(datasource):
        assert [column for column in columns if column in row] == list(row)
        assert set(required) <= set(row)
        assert all(isinstance(value, str) for value in row.values())
        assert isinstance(json.loads(row[JSON_TEXT[datasource]]), dict)


@datasources
def test_times_are_in_the_spring_of_2025(datasource: str) -> None:
    for row in committed(datasource):
        for column in {TIME[datasource], "updated_at"} & row.keys():
            time = datetime.strptime(row[column], "%Y-%m-%d %H:%M:%S")  # noqa: DTZ007
            assert datetime(2025, 3, 1) <= time < datetime(2025, 6, 1)  # noqa: DTZ001


@datasources
def test_there_are_a_few_hundred_rows_in_the_order_of_time(datasource: str) -> None:
    rows = committed(datasource)
    assert 200 <= len(rows) <= 400
    assert all(row[TIME[datasource]] <= after[TIME[datasource]] for row, after in pairwise(rows))


@datasources
def test_most_sessions_have_several_events_of_one_user(datasource: str) -> None:
    sessions = defaultdict(list)
    for row in committed(datasource):
        sessions[row["session_id"]].append(row)
    several = [rows for rows in sessions.values() if len(rows) > 1]
    assert len(several) > 0.8 * len(sessions)
    for rows in several:
        assert len({(row["user_id"], row.get("tenant_id")) for row in rows}) == 1
        times = [row[TIME[datasource]] for row in rows]
        assert len(set(times)) == len(times)


@datasources
def test_tenants_differ_in_popularity(datasource: str) -> None:
    tenants = Counter(row.get("tenant_id") for row in committed(datasource))
    assert len(tenants) >= 6
    (_, most), *_, (_, least) = tenants.most_common()
    assert most > 5 * least


def test_some_events_name_no_tenant() -> None:
    rows = committed("events")
    without = [row for row in rows if "tenant_id" not in row]
    assert 0 < len(without) < len(rows) / 4


def test_both_data_sources_tell_of_the_same_visits() -> None:
    tutorials = {
        make_fixtures.TUTORIAL_SESSION["session_id"],
        make_fixtures.TUTORIAL_EVENT["session_id"],
    }
    sessions = {row["session_id"] for row in committed("user_sessions")} - tutorials
    assert {row["session_id"] for row in committed("events")} - tutorials == sessions


def test_the_rows_of_the_tutorials_stand_word_for_word() -> None:
    sessions = (ROOT / "fixtures" / "user_sessions.ndjson").read_text().splitlines()
    assert (
        r'{"session_id": "sess_ffc43cbd9abd4ab7", "user_id": "user_85", "tenant_id": "tenant_85", '
        r'"event_type": "pageview", '
        r'"event_data": "{\"action\":\"view\",\"target\":\"home\"}", '
        r'"page_url": "https://example.com/settings", "referrer": "https://example.com/home", '
        r'"device_type": "tablet", "browser": "Firefox", "ip_address": "192.168.50.50", '
        r'"created_at": "2025-05-07 16:41:42", "updated_at": "2025-05-07 16:41:42"}'
    ) in sessions
    events = (ROOT / "fixtures" / "events.ndjson").read_text().splitlines()
    assert (
        r'{"event_id": "ev_46755", "event_type": "page_view", "user_id": "user_755", '
        r'"session_id": "sess_1755", "timestamp": "2025-05-12 07:04:14", "platform": "android", '
        r'"app_version": "3.5.5", "device_type": "tablet", "os": "Windows", "country": "FR", '
        r'"properties": "{\"referrer\":\"twitter\",\"value\":755}"}'
    ) in events
