"""What the screen finds in a statement is the same for every statement of its shape."""

from __future__ import annotations

import itertools
from collections import defaultdict

from birdhouse import screen
from birdhouse.engine.shape import shape_of
from birdhouse.errors import BirdhouseError

PIECES = ("'", "''", "1", ",b", " FROM t", ",file('", "')", "--", "/*", ";", " APPLY file", "\\")


def finding(sql: str) -> str:
    try:
        screen.check_printed(sql)
        return repr(screen.tables(sql))
    except BirdhouseError as error:
        return type(error).__name__


def test_one_shape_is_one_finding() -> None:
    found = defaultdict(set)
    for pieces in itertools.product(PIECES, repeat=4):
        sql = "SELECT 'a',1" + "".join(pieces)
        if (shape := shape_of(sql)) is not None:
            found[shape].add(finding(sql))
    assert len(found) > 200
    assert [each for each in found.values() if len(each) > 1] == []
    assert {"(('', 't'),)", "BadRequest"} < set(itertools.chain(*found.values()))


def test_a_table_that_a_text_names_is_found_in_each_statement() -> None:
    for table in ("one", "other", "text", "one"):
        sql = f"SELECT joinGet('{table}', 'name', 1) FROM one"
        assert set(screen.printed_tables(sql)) == {("", "one"), ("", table)}
