"""A writer that falls behind: clients are told at once, and what was taken is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from birdhouse.http.app import create_app
from birdhouse.http.context import Services
from birdhouse.http.measured import Measured
from birdhouse.http.metrics import Metrics
from birdhouse.ingest import Ingestion, RemoteLimits
from birdhouse.server import open_services

ROW = b'{"n": 1}\n'


@pytest.fixture(scope="module")
def narrow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    """Services that let a kilobyte of rows wait."""
    folder = tmp_path_factory.mktemp("narrow")
    with open_services(folder / "data", RemoteLimits()) as services:
        services.deployer.build(
            services.workspaces.default,
            {"things.datasource": "SCHEMA >\n    n Int32 `json:$.n`\n"},
        )
        ingestion = Ingestion(services.engine, folder / "ingest", max_queued_bytes=1000)
        yield services._replace(ingestion=ingestion)
        ingestion.close()


async def send(http: httpx.AsyncClient, body: bytes) -> httpx.Response:
    return await http.post("/v0/events?name=things&wait=true", content=body)


async def taken_in(services: Services, request: asyncio.Task[httpx.Response]) -> None:
    """Wait until a request has room, and not for its answer."""
    while not services.ingestion.queued_bytes:
        done, _ = await asyncio.wait([request], timeout=0.01)
        assert not done, request.result().text


def client(services: Services) -> httpx.AsyncClient:
    metrics = Metrics(services)
    app = Measured(create_app(services, metrics), metrics)
    token = services.workspaces.default.admin_token
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://localhost",
        headers={"Authorization": f"Bearer {token}"},
    )


def test_what_does_not_fit_is_refused_and_what_waits_is_stored(narrow: Services) -> None:
    async def run() -> None:
        async with client(narrow) as http:
            with narrow.ingestion.hold():
                waiting = asyncio.create_task(send(http, ROW * 100))
                await taken_in(narrow, waiting)
                refused = [await send(http, ROW * 100) for _ in range(5)]
                assert not waiting.done()
                assert narrow.ingestion.queued_bytes == len(ROW) * 100
            for answer in refused:
                assert answer.status_code == 503
                assert answer.json()["error"] == (
                    "Too much data waits to be written: try again in a moment"
                )
                assert answer.headers["retry-after"] == "1"
            assert (await waiting).json() == {"successful_rows": 100, "quarantined_rows": 0}
            again = await send(http, ROW * 100)
            assert again.json() == {"successful_rows": 100, "quarantined_rows": 0}
            counted = await http.get("/v0/sql", params={"q": "SELECT count() AS n FROM things"})
            assert counted.json()["data"] == [{"n": 200}]
        assert narrow.ingestion.queued_bytes == 0

    asyncio.run(run())


def test_bodies_on_their_way_count(narrow: Services) -> None:
    """A client that sends slowly keeps room for what it has announced, and gives it back."""

    async def run() -> None:
        async with client(narrow) as http:
            go_on = asyncio.Event()

            async def slowly() -> AsyncIterator[bytes]:
                yield ROW
                await go_on.wait()
                yield ROW

            slow = asyncio.create_task(
                http.post(
                    "/v0/events?name=things&wait=true",
                    content=slowly(),
                    headers={"Content-Length": "900"},
                )
            )
            await taken_in(narrow, slow)
            assert (await send(http, ROW * 50)).status_code == 503
            go_on.set()
            assert (await slow).json() == {"successful_rows": 2, "quarantined_rows": 0}
            assert (await send(http, ROW * 50)).status_code == 200
        assert narrow.ingestion.queued_bytes == 0

    asyncio.run(run())
