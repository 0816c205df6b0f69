"""The server of a store: `python -m bench.compare.app MODULE --folder FOLDER --port PORT`.

Behind FastAPI where it is installed and asked for. A store has the functions of `Store`.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import msgspec
import uvicorn
from bench.compare.work import Params
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response


class Store(Protocol):
    """What a system does inside its server."""

    async def open(self) -> None: ...
    async def close(self) -> None: ...
    async def load(self, files: dict[str, list[str]]) -> None: ...
    async def settle(self) -> None: ...
    async def size(self) -> int: ...
    async def append(self, rows: bytes) -> None: ...
    async def ask(self, question: str, params: Params) -> bytes:
        """The answer as JSON: rows in `data`."""
        ...


def answer(rows: list[tuple[Any, ...]]) -> bytes:
    return msgspec.json.encode({"data": [[plain(value) for value in row] for row in rows]})


def plain(value: object) -> object:
    if isinstance(value, datetime | date):
        return str(value)
    return float(value) if isinstance(value, Decimal) else value


class Together:
    """Rows of many requests written as one batch, by one writer: whoever comes while a batch is
    written waits for the next one."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._writer: asyncio.Task[None] | None = None

    async def append(self, rows: bytes) -> None:
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, stored))
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_all())
        await stored

    async def _write_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            try:
                await asyncio.to_thread(self._write, b"\n".join(rows for rows, _ in batch))
            except Exception as error:
                for _, stored in batch:
                    stored.set_exception(error)
            else:
                for _, stored in batch:
                    stored.set_result(None)
        self._writer = None


def application(store: Store, framework: type[Starlette]) -> Starlette:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        await store.open()
        yield
        await store.close()

    async def load(request: Request) -> Response:
        await store.load(json.loads(await request.body()))
        return Response(b"{}")

    async def settle(_: Request) -> Response:
        await store.settle()
        return Response(b"{}")

    async def tell_size(_: Request) -> Response:
        return Response(str(await store.size()))

    async def append(request: Request) -> Response:
        await store.append(await request.body())
        return Response(b"{}")

    async def ask(request: Request) -> Response:
        body = await store.ask(request.path_params["name"], dict(request.query_params))
        return Response(body, media_type="application/json")

    app = framework(lifespan=lifespan)
    app.add_route("/load", load, ["POST"])
    app.add_route("/settle", settle, ["POST"])
    app.add_route("/size", tell_size, ["GET"])
    app.add_route("/events", append, ["POST"])
    app.add_route("/questions/{name}", ask, ["GET"])
    return app


def create() -> Starlette:
    """The application that the environment names: each worker makes its own."""
    module = importlib.import_module(os.environ["BENCH_STORE"])
    return application(module.Store(Path(os.environ["BENCH_FOLDER"])), module.framework())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("module")
    parser.add_argument("--folder", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args()
    os.environ |= {"BENCH_STORE": options.module, "BENCH_FOLDER": options.folder}
    uvicorn.run(
        "bench.compare.app:create",
        factory=True,
        port=options.port,
        workers=importlib.import_module(options.module).WORKERS,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
