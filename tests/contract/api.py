"""A small client of the HTTP API under test."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import httpx

Row = dict[str, Any]


class Api:
    """The API of one Tinybird host, spoken with one token unless a call brings its own."""

    def __init__(self, http: httpx.Client, token: str) -> None:
        self._http = http
        self._token = token

    def get(self, path: str, *, token: str | None = None, **params: object) -> httpx.Response:
        return self._http.get(path, params=_texts(params), headers=self._bearer(token))

    def post(
        self,
        path: str,
        *,
        content: bytes | str,
        headers: Mapping[str, str] | None = None,
        token: str | None = None,
        **params: object,
    ) -> httpx.Response:
        return self._http.post(
            path,
            params=_texts(params),
            headers={**self._bearer(token), **(headers or {})},
            content=content,
        )

    def post_form(self, path: str, *, token: str | None = None, **fields: object) -> httpx.Response:
        return self._http.post(path, data=_texts(fields), headers=self._bearer(token))

    def ingest(self, datasource: str, rows: Iterable[Row]) -> None:
        """Append rows that must all be stored, and return once they can be read."""
        rows = list(rows)
        body = "\n".join(json.dumps(row) for row in rows)
        response = self.post("/v0/events", content=body, name=datasource, wait="true")
        assert response.status_code == 200, response.text
        assert response.json() == {"successful_rows": len(rows), "quarantined_rows": 0}

    def endpoint(self, name: str, **params: object) -> list[Row]:
        """The rows that an endpoint answers with."""
        response = self._read(name, params)
        assert response.status_code == 200, response.text
        data: list[Row] = response.json()["data"]
        return data

    def refusal(self, name: str, **params: object) -> str:
        """The text with which an endpoint refuses a bad request."""
        response = self._read(name, params)
        assert response.status_code == 400, response.text
        error: str = response.json()["error"]
        return error

    def _read(self, endpoint: str, params: dict[str, object]) -> httpx.Response:
        path = f"/v0/pipes/{endpoint}.json"
        return self._http.get(path, params=_texts(params), headers=self._bearer(None))

    def _bearer(self, token: str | None) -> dict[str, str]:
        return {"Authorization": f"Bearer {token or self._token}"}


def _texts(params: dict[str, object]) -> dict[str, str]:
    return {name: str(value) for name, value in params.items()}
