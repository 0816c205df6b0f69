"""What is written down of every request: a line in the log, and its part in the metrics."""

from __future__ import annotations

import time
import uuid

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from birdhouse.http.context import Caller
from birdhouse.http.metrics import Metrics
from birdhouse.logs import Answered, log_answered, request_id

_NO_FAMILY = "none"


class Measured:
    """An application whose requests have an id and are written down."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        state = scope.setdefault("state", {})
        id = state["request_id"] = str(uuid.uuid4())
        request_id.set(id)
        status = 500

        async def look(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, look)
        finally:
            seconds = time.perf_counter() - started
            self._metrics.count(_family(scope), status, seconds)
            caller: Caller | None = state.get("caller")
            workspace = caller.workspace.name if caller else ""
            milliseconds = round(seconds * 1000, 1)
            log_answered(
                Answered(id, scope["method"], scope["path"], status, milliseconds, workspace)
            )


def _family(scope: Scope) -> str:
    """The module of the handler, which stands for a family of the API."""
    handler = scope.get("endpoint")
    return handler.__module__.rpartition(".")[2] if handler else _NO_FAMILY
