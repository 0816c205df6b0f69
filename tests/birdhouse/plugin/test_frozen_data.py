"""Tests marked `frozen_data` read the project's fixtures, and change nothing."""

from __future__ import annotations

from tests.birdhouse.plugin.conftest import Suite

FROZEN = """
from birdhouse.testing import Refused

pytestmark = pytest.mark.frozen_data
seen = set()
"""


def test_the_rows_of_the_fixtures_are_there_for_every_test(suite: Suite) -> None:
    ended = suite.run(
        FROZEN
        + """
@pytest.mark.parametrize("number", range(3))
def test_it(tinybird, number):
    assert tinybird.endpoint("top_pages") == [
        {"page": "/", "visits": 2}, {"page": "/docs", "visits": 1}
    ]
    assert tinybird.sql("select max(seconds) as most from visits") == [{"most": 9}]
    seen.add(tinybird.workspace)
    assert len(seen) == 1
"""
    )
    assert (ended.code, ended.passed) == (0, 3), ended.output


def test_no_test_can_change_them(suite: Suite) -> None:
    ended = suite.run(
        FROZEN
        + """
def test_it(tinybird):
    with pytest.raises(Refused, match="403"):
        tinybird.ingest("visits", [{"page": "/", "at": "2025-05-01 10:00:00", "seconds": 1}])
    for path in ("truncate", "delete?delete_condition=1"):
        answer = tinybird.request("POST", f"/v0/datasources/visits/{path}")
        assert answer.status_code == 403
    assert tinybird.request("POST", "/v0/tokens?name=a&scope=ADMIN").status_code == 403
    assert len(tinybird.sql("select * from visits")) == 3
"""
    )
    assert (ended.code, ended.passed) == (0, 1), ended.output


def test_other_tests_do_not_see_them(suite: Suite) -> None:
    ended = suite.run(
        """
@pytest.mark.frozen_data
def test_frozen(tinybird):
    assert len(tinybird.sql("select * from visits")) == 3

def test_own(tinybird):
    assert tinybird.sql("select * from visits") == []
"""
    )
    assert (ended.code, ended.passed) == (0, 2), ended.output


def test_a_fixture_that_does_not_fit_is_an_error(suite: Suite) -> None:
    fixture = suite.folder / "project" / "fixtures" / "visits.ndjson"
    fixture.write_text(fixture.read_text().replace("2025-05-01 10:00:00", "yesterday"))
    ended = suite.run(FROZEN + "def test_it(tinybird):\n    pass\n")
    assert ended.code == 1
    assert "visits.ndjson: 1 rows went to visits_quarantine" in ended.output
