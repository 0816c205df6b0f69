"""A website with the tracker on each of its pages, on another origin than the Events API, and a way
to that API that can be cut."""

from __future__ import annotations

import html
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal, NamedTuple

import httpx

TRACKER = Path(__file__).resolve().parents[2] / "public" / "tracker.js"
Way = Literal["open", "down", "answers lost", "busy"]


class Delivery(NamedTuple):
    """What one request to the Events API brought."""

    source: str
    rows: list[dict[str, Any]]


class Site:
    """`attributes` are those of the script tag, `before` is a script ahead of it."""

    def __init__(self, url: str, api: httpx.Client) -> None:
        self.url = url
        self.api = api
        self.attributes: dict[str, str] = {}
        self.before = ""
        self.way: Way = "open"
        self.deliveries: list[Delivery] = []

    def page(self) -> str:
        attributes = "".join(
            f' data-{name}="{html.escape(value)}"' for name, value in self.attributes.items()
        )
        return (
            f"<!doctype html><title>A page</title><script>{self.before}</script>"
            f'<script src="/tracker.js"{attributes} defer></script><h1>A page</h1>'
        )

    def event_ids(self, source: str = "events") -> list[str]:
        """Those of all rows that were brought, repetitions included."""
        return [
            row["event_id"]
            for found in self.deliveries
            if found.source == source
            for row in found.rows
        ]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def do_GET(self) -> None:
        if self.path == "/tracker.js":
            self._answer(200, "text/javascript", TRACKER.read_bytes())
        elif self.path == "/favicon.ico":
            self._answer(200, "image/x-icon", b"")
        else:
            self._answer(200, "text/html; charset=utf-8", self.site.page().encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        way = self.site.way
        if way == "busy":
            self._answer(503, "application/json", b"{}")
            return
        if way != "down":
            type_ = {"content-type": self.headers["content-type"]}
            answer = self.site.api.post(self.path, content=body, headers=type_)
            rows = [json.loads(line) for line in body.splitlines()]
            source = httpx.URL(self.path).params["name"]
            self.site.deliveries.append(Delivery(source, rows))
        if way in ("down", "answers lost"):
            self.close_connection = True
            self.connection.close()
            return
        self._answer(answer.status_code, "application/json", answer.content)

    def _answer(self, status: int, type_: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", type_)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the log of the tests is for the tests."""


@contextmanager
def running_site(api: str) -> Iterator[Site]:
    class Handler(_Handler):
        pass

    with (
        httpx.Client(base_url=api) as client,
        ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server,
    ):
        server.daemon_threads = True
        site = Handler.site = Site(f"http://127.0.0.1:{server.server_port}", client)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
