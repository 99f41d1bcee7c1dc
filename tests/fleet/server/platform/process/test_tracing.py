"""Where time goes, told to whoever collects it: what is traced, what never is, and that it is off unless it is asked for."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from fleet.messages.link import EnvelopeAsk, OrderAsk, encode
from fleet.server.accounts.sign_in.service import Access
from fleet.server.app import create_app
from fleet.server.asks.answers import Answers
from fleet.server.commands.dispatcher import CommandDispatcher
from fleet.server.ingest.write import Writer
from fleet.server.platform.database.database import Database
from fleet.server.platform.live_feed.hub import Hub
from fleet.server.platform.process import telemetry
from fleet.server.platform.process.telemetry import Telemetry, is_wanted, tracing_of
from fleet.server.platform.process.tracing import ALLOWED, OFF
from fleet.server.platform.signing import Signer
from fleet.server.stations.alarms import AlarmRecorder
from tests.docs.pages import DOCS
from tests.fakes.server.alerts import FakeAlerts
from tests.fakes.server.commands import SIGNER, desk_of, ready
from tests.fakes.server.ingesting import ingesting, message
from tests.fakes.server.readings import demo_readings
from tests.fakes.server.scripted_verifier import KEY, ScriptedVerifier
from tests.fakes.server.visitors import COOKIE, session
from tests.fleet.server.app.asgi import ask, get
from tests.fleet.server.conftest import NOW, KeptChanges, MemoryTransport, SealingStation

CANARIES = ("9752269875", "TEST000000-0001", "KANARI", "48151623", "tove")
ON = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


class Kept:
    """Spans in memory."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self.tracing = Telemetry(SimpleSpanProcessor(self._exporter))

    def spans(self) -> list[tuple[str, dict[str, Any]]]:
        """Names and attributes; each holds nothing that it must not."""
        found = list(self._exporter.get_finished_spans())
        for span in found:
            assert set(span.attributes or {}) <= ALLOWED
            assert not span.events
            assert not span.status.description
            assert not [canary for canary in CANARIES if canary in span.to_json()]
        return [(span.name, dict(span.attributes or {})) for span in found]

    def last(self) -> ReadableSpan:
        return self._exporter.get_finished_spans()[-1]


@pytest.fixture
def kept() -> Kept:
    return Kept()


async def test_a_batch_is_one_span_however_many_events_are_in_it(
    writer: Writer, station: SealingStation, kept: Kept
) -> None:
    async with ingesting(writer, kept.tracing) as bench:
        await bench.send(*(message(event) for event in station.pickup(errand="KANARI")))
    spans = kept.spans()
    assert {name for name, _ in spans} == {"batch"}
    assert sum(told["batch.size"] for _, told in spans) == 5


async def test_an_answer_says_what_was_asked_and_nothing_of_whom(database: Database, kept: Kept) -> None:
    verifier = ScriptedVerifier()
    answers = Answers(
        database, Signer(KEY), verifier, AlarmRecorder(database), lambda: NOW, even_s=0, tracing=kept.tracing
    )
    await answers.answer("entre-a", encode(OrderAsk(hsa_id="TEST000000-0001")))
    await answers.answer("entre-a", encode(EnvelopeAsk(order="KANARI", nonce="0" * 32, sealed="48151623")))
    await answers.answer("entre-a", b'{"ask":"KANARI"}')
    assert [(name, told["ask.kind"]) for name, told in kept.spans()] == [
        ("answer", "order.find"),
        ("answer", "envelope.verify"),
    ]


def test_commands_are_a_span_only_where_some_go_out(database: Database, kept: Kept) -> None:
    service = CommandDispatcher(database, MemoryTransport(), SIGNER, KeptChanges(), lambda: NOW, kept.tracing)
    service.step()
    assert kept.spans() == []
    ready(desk_of(database, lambda: NOW))
    service.step()
    assert kept.spans() == [("commands", {"commands.sent": 1, "commands.expired": 0})]


@pytest.fixture
def app(database: Database, kept: Kept) -> FastAPI:
    access = Access(database, lambda: NOW)
    desk = desk_of(database, lambda: NOW)
    app = create_app(demo_readings(), Hub(), access, FakeAlerts([]), desk, clock=lambda: NOW, tracing=kept.tracing)
    app.state.visitor = f"{COOKIE}={session(access)}"
    return app


async def test_requests_are_named_by_their_route_without_what_was_looked_for(app: FastAPI, kept: Kept) -> None:
    for path in ("/orders?q=KANARI", "/api/v1/cards/9752269875", "/api/v1/people?search=TEST000000-0001", "/KANARI"):
        await get(app, path)
    await ask(app, "KANARI", "/api/v1/me")
    assert [(name, told["http.response.status_code"]) for name, told in kept.spans()] == [
        ("GET /orders", 200),
        ("GET /api/v1/cards/{number}", 200),
        ("GET /api/v1/people", 200),
        ("request", 404),
        ("_OTHER /api/v1/me", 405),
    ]


async def test_feed_files_and_probes_are_not_traced(app: FastAPI, kept: Kept) -> None:
    for path in ("/static/live.js", "/health/live", "/metrics"):
        assert (await get(app, path)).status == 200
    assert kept.spans() == []


def test_an_error_is_told_by_its_type_alone(kept: Kept) -> None:
    with pytest.raises(ValueError, match="KANARI"), kept.tracing.span("batch", {"batch.size": 1}):
        raise ValueError("KANARI")
    assert kept.spans() == [("batch", {"batch.size": 1, "error.type": "ValueError"})]
    assert kept.last().status.status_code is StatusCode.ERROR


def test_what_is_not_allowed_cannot_be_told(kept: Kept) -> None:
    with kept.tracing.span("answer") as span, pytest.raises(KeyError, match=r"card\.number"):
        span.note({"card.number": "9752269875"})


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        (ON, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        ({**ON, "OTEL_SDK_DISABLED": "true"}, False),
        ({**ON, "OTEL_TRACES_EXPORTER": "none"}, False),
        ({**ON, "OTEL_TRACES_EXPORTER": "console"}, False),
        ({**ON, "OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "false"}, True),
    ],
)
def test_the_standard_variables_switch_it(environment: dict[str, str], wanted: bool) -> None:
    assert is_wanted(environment) is wanted


def test_without_the_extra_the_log_says_so_and_the_server_runs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(telemetry, "_EXPORTER", "opentelemetry.not_there.at_all")
    assert tracing_of(ON) is OFF
    assert "kortkiosk[telemetry]" in caplog.text


def test_off_nothing_is_imported_for_it() -> None:
    program = (
        "import sys, os; from fleet.server.platform.process.telemetry import tracing_of; tracing_of({});"
        "sys.exit(any(name.startswith('opentelemetry') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@contextmanager
def collector() -> Iterator[tuple[str, list[tuple[str, bytes]]]]:
    """A made-up collector: what it was sent, by path."""
    came: list[tuple[str, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", came
        server.shutdown()
        thread.join()


def test_spans_reach_a_collector_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    with collector() as (address, came):
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": address, "OTEL_SERVICE_NAME": "made-up"}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        tracing = tracing_of(environment)
        with tracing.span("batch", {"batch.size": 3}):
            pass
        tracing.close()
    ((path, body),) = came
    assert path == "/v1/traces"
    assert all(word in body for word in (b"made-up", b"batch.size"))


def test_what_is_told_is_documented() -> None:
    page = (DOCS / "operations.md").read_text()
    assert all(f"`{name}`" in page for name in (*ALLOWED, telemetry.SWITCHES[0]))
    assert f"{telemetry.SWITCHES[1]}=http" in page
