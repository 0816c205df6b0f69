"""Metrics in Prometheus' text form."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from birdhouse.http.context import Services, caller, run
from birdhouse.http.headers import foreign

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Seconds."""


disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """What is counted while requests are answered. Used from the event loop alone."""

    def __init__(self, services: Services) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(_State(services))
        self._requests = Counter(
            "birdhouse_requests",
            "Requests answered, by route family and status.",
            ("family", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "birdhouse_request_seconds",
            "Time from a request to the end of its answer.",
            ("family",),
            buckets=_BUCKETS,
            registry=self.registry,
        )

    def count(self, family: str, status: int, seconds: float) -> None:
        self._requests.labels(family, str(status)).inc()
        self._seconds.labels(family).observe(seconds)


class _State(Collector):
    """What is looked up when somebody asks."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[Metric]:
        found = self._services
        ingestion, totals = found.ingestion, found.ingestion.totals
        info = GaugeMetricFamily("birdhouse_info", "The running version.", labels=["version"])
        info.add_metric([found.version], 1)
        yield info
        yield CounterMetricFamily(
            "birdhouse_rows_ingested", "Rows stored in data sources.", totals.successful_rows
        )
        yield CounterMetricFamily(
            "birdhouse_rows_quarantined", "Rows stored in quarantine.", totals.quarantined_rows
        )
        yield GaugeMetricFamily(
            "birdhouse_queue_bytes", "Rows accepted and not committed.", ingestion.queued_bytes
        )
        yield GaugeMetricFamily(
            "birdhouse_engine_memory_bytes", "Memory of ClickHouse.", found.engine.memory()
        )
        yield GaugeMetricFamily(
            "birdhouse_disk_free_bytes",
            "Free space where the data dir is.",
            shutil.disk_usage(found.engine.folder).free,
        )


async def show_metrics(request: Request) -> Response:
    """For programs on this machine, and for whoever has an admin token."""
    if foreign(request.scope):
        caller(request).access.require_admin()
    encode, content_type = choose_encoder(request.headers.get("accept", ""))
    metrics: Metrics = request.app.state.metrics
    return Response(await run(request, encode, metrics.registry), media_type=content_type)


routes = [Route("/metrics", show_metrics)]
