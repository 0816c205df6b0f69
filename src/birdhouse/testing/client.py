"""A workspace, as a test talks to it: over the public API alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

import httpx

from birdhouse.testing.rows import Row, Rows

_BATCH = 8_000_000
"""Bytes of one request: the Events API takes ten million."""
_REASONS = 5


class Refused(Exception):
    """The host refused a request: `status`, and its own words in `error`."""

    def __init__(self, what: str, status: int, error: str) -> None:
        super().__init__(f"{status} for {what}: {error}")
        self.status = status
        self.error = error


class RowsRejected(AssertionError):
    """Rows that a test sent went to the quarantine; the message says why."""


class Receipt(NamedTuple):
    """What the Events API did with rows."""

    successful_rows: int
    quarantined_rows: int


class Tinybird:
    """A workspace with the project deployed. `url` and `token` are for clients of your own."""

    def __init__(self, http: httpx.Client, url: str, token: str, workspace: str) -> None:
        self._http = http
        self.url = url
        self.token = token
        self.workspace = workspace
        """Its name."""

    def using(self, token: str) -> Tinybird:
        """The same workspace for the bearer of another token."""
        return Tinybird(self._http, self.url, token, self.workspace)

    def ingest(self, name: str, rows: Iterable[Row], *, strict: bool = True) -> Receipt:
        """Append rows, and return once they can be read.

        Times may be `datetime` (UTC is assumed where it says no zone). Raises `RowsRejected` when
        a row went to the quarantine, unless `strict` is off; `Refused`.
        """
        __tracebackhide__ = True
        stored = quarantined = 0
        for body in _bodies(rows):
            params = {"name": name, "wait": "true"}
            answer = self._asked(f"ingest({name!r})", "POST", "/v0/events", params, body).json()
            stored += answer["successful_rows"]
            quarantined += answer["quarantined_rows"]
        if strict and quarantined:
            raise RowsRejected(self._reasons(name, quarantined))
        return Receipt(stored, quarantined)

    def endpoint(self, name: str, /, **params: object) -> Rows:
        """The rows of an endpoint's answer. A parameter that is None is left out.

        Raises `Refused`.
        """
        __tracebackhide__ = True
        path = f"/v0/pipes/{name}.json"
        return self._rows(f"endpoint {name}", "GET", path, _texts(params), None)

    def sql(self, query: str, /, **params: object) -> Rows:
        """The rows that a SELECT gives. Raises `Refused`."""
        __tracebackhide__ = True
        content = f"{query}\nFORMAT JSON".encode()
        return self._rows("sql", "POST", "/v0/sql", _texts(params), content)

    def request(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """Any request of the API, with the token; `kwargs` as httpx takes them."""
        headers = {"Authorization": f"Bearer {self.token}", **kwargs.pop("headers", {})}
        return self._http.request(method, f"{self.url}{path}", headers=headers, **kwargs)

    def _rows(
        self, what: str, method: str, path: str, params: Mapping[str, str], content: bytes | None
    ) -> Rows:
        __tracebackhide__ = True
        return Rows(self._asked(what, method, path, params, content).json()["data"], what)

    def _asked(
        self,
        what: str,
        method: str,
        path: str,
        params: Mapping[str, str],
        content: bytes | None = None,
    ) -> httpx.Response:
        __tracebackhide__ = True
        answer = self.request(method, path, params=params, content=content)
        return checked(what, answer)

    def _reasons(self, name: str, quarantined: int) -> str:
        query = (
            f"SELECT arrayMap((c, e) -> c || ': ' || e, c__error_column, c__error) AS reasons "
            f"FROM {name}_quarantine ORDER BY insertion_date DESC LIMIT {_REASONS}"
        )
        said = f"{quarantined} rows went to {name}_quarantine"
        try:
            found = self.sql(query)
        except Refused as refusal:
            return f"{said}; the reasons cannot be read: {refusal}"
        return "\n  ".join([f"{said}:", *("; ".join(row["reasons"]) for row in found)])


def checked(what: str, answer: httpx.Response) -> httpx.Response:
    """The answer, when it is good. Raises `Refused`."""
    __tracebackhide__ = True
    if answer.is_success:
        return answer
    try:
        error = str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        error = answer.text[:500]
    raise Refused(what, answer.status_code, error)


def _bodies(rows: Iterable[Row]) -> Iterator[bytes]:
    """The rows as NDJSON, in as many bodies as needed."""
    lines: list[str] = []
    size = 0
    for row in rows:
        line = json.dumps(row, default=_plain)
        if lines and size + len(line) >= _BATCH:
            yield "\n".join(lines).encode()
            lines, size = [], 0
        lines.append(line)
        size += len(line) + 1
    if lines:
        yield "\n".join(lines).encode()


def _texts(params: Mapping[str, object]) -> dict[str, str]:
    return {name: _text(value) for name, value in params.items() if value is not None}


def _text(value: object) -> str:
    """A parameter as Tinybird reads it: lists with commas between, times without a zone."""
    if isinstance(value, list | tuple):
        return ",".join(map(_text, value))
    if isinstance(value, bool):
        return str(int(value))
    return _plain(value) if isinstance(value, date) else str(value)


def _plain(value: object) -> str:
    """What JSON has no word for."""
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value
        return moment.replace(tzinfo=None).isoformat(sep=" ")
    if isinstance(value, date | Decimal | UUID):
        return str(value)
    raise TypeError(f"A row cannot hold {value!r}: {type(value).__name__} has no JSON")
