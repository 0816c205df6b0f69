"""Rows that were checked and that the engine refuses all the same.

Few types can bring that about (JSON with paths of two types, a DEFAULT that throws), so what
counts here is that no good row is lost, not speed.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from birdhouse.engine import Engine, quote_text
from birdhouse.errors import EngineError
from birdhouse.ingest.journal import Journal
from birdhouse.ingest.plan import DOCUMENT, Plan, Rejected
from birdhouse.ingest.statements import SETTINGS
from birdhouse.ingest.ulid import new_ulid

_COLUMN = re.compile(r"\(while reading the value of key ([^)]+)\)")
_PLACE = re.compile(r":? \(at row \d+\).*", re.DOTALL)


def find_refused(
    engine: Engine, journal: Journal, plan: Plan, rows: Sequence[bytes]
) -> dict[int, Rejected]:
    """The rows that the engine cannot read, by their place, each with the engine's reason."""
    refused: dict[int, Rejected] = {}
    ranges = [(0, len(rows))]
    while ranges:
        start, end = ranges.pop()
        error = _try(engine, journal, plan, rows[start:end])
        if error is None:
            continue
        if end - start == 1:
            refused[start] = _rejected(plan, rows[start], error)
            continue
        middle = (start + end) // 2
        ranges += [(middle, end), (start, middle)]
    return refused


def _try(engine: Engine, journal: Journal, plan: Plan, rows: Sequence[bytes]) -> EngineError | None:
    """What the engine says when it reads the rows without storing them."""
    file = f"{new_ulid()}.rows"
    journal.write_rows(file, list(itertools.chain.from_iterable((row, b"\n") for row in rows)))
    path = quote_text(str(journal.folder / file))
    columns = ", ".join(plan.objects.expressions)
    try:
        engine.execute(
            f"SELECT {columns} FROM file({path}, 'JSONEachRow', "
            f"{quote_text(plan.objects.structure)}) FORMAT Null",
            settings=SETTINGS,
        )
    except EngineError as error:
        return error
    finally:
        (journal.folder / file).unlink(missing_ok=True)
    return None


def _rejected(plan: Plan, row: bytes, error: EngineError) -> Rejected:
    reason = str(error)
    match = _COLUMN.search(reason)
    column = _column(plan, match[1]) if match else DOCUMENT
    return plan.refuse(row, _PLACE.sub("", _COLUMN.sub("", reason)).strip(" :"), column)


def _column(plan: Plan, key: str) -> str:
    """The column that is filled from the key, if it is only one."""
    pairs = zip(plan.objects.names, plan.objects.columns, strict=True)
    columns = [column for name, column in pairs if name == key]
    return columns[0] if len(columns) == 1 else DOCUMENT
