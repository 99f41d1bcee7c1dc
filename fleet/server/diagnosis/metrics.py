"""Metrics for monitoring, in the text format of Prometheus, at `/metrics`.

Rules: read by this machine itself without a proxy between, or with a token that may view. Labels are route templates, methods,
states and parts; never names of people, stations or cards. What is counted is this process's; what comes from the store is the
same from every process, and read anew at most every ten seconds.

Example: `app.include_router(metrics_router(metrics))`
"""

import asyncio
import ipaddress
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fleet.server.alerts.model import Alerts
from fleet.server.diagnosis.health import ATTENTION, OK, Health
from fleet.server.live_feed.hub import Hub
from fleet.server.readings.model import Readings
from fleet.server.web.authorization import authenticator_of, needs
from fleet.server.web.roles import Right

FRESH = timedelta(seconds=10)
READY_FRESH_S = 1.0
_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_PROXIED = ("x-forwarded-for", "forwarded", "x-real-ip")


class FleetCollector(Collector):
    """Metrics of the store, the open pages and the parts of the server."""

    def __init__(
        self,
        readings: Readings,
        alerts: Alerts,
        hub: Hub,
        health: Health,
        clock: Callable[[], datetime],
        asks: Mapping[str, int] | None = None,
    ) -> None:
        """`asks`: how many there were of each kind, counted elsewhere."""
        self._readings, self._alerts, self._hub, self._health, self._clock = readings, alerts, hub, health, clock
        self._asks = asks if asks is not None else {}
        self._read: list[GaugeMetricFamily] = []
        self._until: datetime | None = None

    def collect(self) -> Iterable[Metric]:
        now = self._clock()
        if self._until is None or now >= self._until:
            self._read, self._until = [*self._from_store(now)], now + FRESH
        yield from self._read
        yield GaugeMetricFamily(
            "kortkiosk_pages_open", "Streams of open pages of this process", value=self._hub.readers
        )
        parts = GaugeMetricFamily("kortkiosk_part_ok", "Whether a part of this process works", labels=["part"])
        for name, state in self._health.look().items():
            parts.add_metric([name], 1.0 if state == OK else 0.0)
        yield parts
        yield from self._last_check()
        left = GaugeMetricFamily("kortkiosk_ends_seconds", "Until what ends first of its kind ends", labels=["what"])
        for kind, seconds in self._soonest(now).items():
            left.add_metric([kind], seconds)
        yield left
        asks = CounterMetricFamily("kortkiosk_asks", "Asks of stations by what came of them", labels=["outcome"])
        for outcome, count in sorted(self._asks.items()):
            asks.add_metric([outcome], count)
        yield asks

    def _last_check(self) -> Iterable[GaugeMetricFamily]:
        """Of the nightly check of the store; nothing before the first."""
        last = self._health.last_check()
        if last is not None:
            at, differences = last.at.timestamp(), last.count
            yield GaugeMetricFamily(
                "kortkiosk_store_verified_time_seconds", "When the store was last checked", value=at
            )
            yield GaugeMetricFamily("kortkiosk_store_differences", "What that check found", value=differences)

    def _soonest(self, now: datetime) -> dict[str, float]:
        """Certificates, keys and secrets by kind; stations' are in the alerts."""
        left: dict[str, float] = {}
        for end in self._health.ends():
            left[end.what] = min(left.get(end.what, float("inf")), (end.at - now).total_seconds())
        return left

    def _from_store(self, now: datetime) -> Iterable[GaugeMetricFamily]:
        summary = self._readings.summary(now)
        stations = GaugeMetricFamily("kortkiosk_stations", "Stations by connection", labels=["connection"])
        stations.add_metric(["online"], summary.stations_online)
        stations.add_metric(["silent"], summary.stations_silent)
        stations.add_metric(["offline"], summary.stations - summary.stations_online - summary.stations_silent)
        yield stations
        yield GaugeMetricFamily(
            "kortkiosk_stations_receiving_visitors",
            "Stations that are online, heard within three minutes and in service",
            value=summary.stations_receiving,
        )
        yield GaugeMetricFamily("kortkiosk_errands_today", "Errands begun today", value=summary.errands_today)
        yield GaugeMetricFamily("kortkiosk_orders_waiting", "Cards that lie in slots", value=summary.orders_waiting)
        _, is_open = self._alerts.list_alerts(is_open=True, limit=1)
        yield GaugeMetricFamily("kortkiosk_alerts_open", "Open alerts", value=is_open)
        unsent = sum(1 for queued_notice in self._alerts.queued_notices() if queued_notice.due is None)
        yield GaugeMetricFamily("kortkiosk_notices_given_up", "Words to people that were given up", value=unsent)


class Metrics:
    """The registry of one application, and its middleware."""

    def __init__(self, collector: Collector) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(collector)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        labels = ("method", "route", "status")
        self.requests = Counter("kortkiosk_http_requests", "Requests answered", labels, registry=self.registry)
        self.seconds = Histogram(
            "kortkiosk_http_seconds", "Until the answer begins", ("route",), registry=self.registry, buckets=_BUCKETS
        )

    def note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", None) or "none"
        self.requests.labels(scope["method"] if scope.get("route") else "any", route, str(status)).inc()
        self.seconds.labels(route).observe(seconds)


class Counting:
    """Pure ASGI: notes when each answer begins."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.note(scope, message["status"], time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, send_and_note)


def metrics_router(metrics: Metrics) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/metrics", dependencies=needs(Right.PUBLIC))
    async def read(request: Request) -> Response:
        if not is_near(request) and not await run_in_threadpool(_may, request):
            return PlainTextResponse("from elsewhere this takes a token", 401, {"www-authenticate": "Bearer"})
        body = await run_in_threadpool(generate_latest, metrics.registry)
        return Response(body, media_type=CONTENT_TYPE_LATEST)

    return router


class Readiness:
    """Answers of the parts, asked for once at a time and at most once in `READY_FRESH_S`, however many strangers want to know."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._asking: asyncio.Task[tuple[dict[str, str], str]] | None = None
        self._at = float("-inf")

    async def report(self) -> tuple[dict[str, str], str]:
        """The parts by name: `ok`, or why not; and what came of the store's last check."""
        now_s = time.monotonic()
        if self._asking is None or (self._asking.done() and now_s - self._at >= READY_FRESH_S):
            self._at = now_s
            self._asking = asyncio.create_task(
                run_in_threadpool(lambda: (self._health.look(), self._health.store_verified()))
            )
        return await asyncio.shield(self._asking)


def health_router(health: Health) -> APIRouter:
    router = APIRouter(prefix="/health", include_in_schema=False)

    @router.get("/live", dependencies=needs(Right.PUBLIC))
    async def live() -> dict[str, str]:
        return {"status": OK}

    readiness = Readiness(health)

    @router.get("/ready", dependencies=needs(Right.PUBLIC))
    async def ready(response: Response) -> dict[str, object]:
        parts, store_verified = await readiness.report()
        is_ready = all(state == OK or name in ATTENTION for name, state in parts.items())
        response.status_code = 200 if is_ready else 503
        return {"status": OK if is_ready else "not ready", "parts": parts, "store_verified": store_verified}

    return router


def is_near(request: Request) -> bool:
    """Return whether a program of this machine asks, and not a proxy for somebody."""
    if request.client is None or any(name in request.headers for name in _PROXIED):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _may(request: Request) -> bool:
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    caller = authenticator_of(request).by_token(value.strip()) if scheme.lower() == "bearer" else None
    return caller is not None and caller.scope(Right.VIEW).everywhere


def add_metrics(app: FastAPI, collector: Collector, health: Health) -> Metrics:
    """Routes and counting, for an application that is being put together."""
    metrics = Metrics(collector)
    app.include_router(metrics_router(metrics))
    app.include_router(health_router(health))
    return metrics
