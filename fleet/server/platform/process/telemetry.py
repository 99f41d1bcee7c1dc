"""Tracing by OpenTelemetry, sent over OTLP/HTTP. The one file that imports it, and only where the environment switches it on.

Rules: the standard variables say whether and where to: `OTEL_EXPORTER_OTLP_ENDPOINT` or `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`
switches on, `OTEL_SDK_DISABLED=true` or `OTEL_TRACES_EXPORTER=none` off; the SDK reads the others itself. The provider is ours,
never the process's: libraries that would trace by themselves, with addresses and queries, find none. Without the extra
`telemetry` the log says so, and the server runs.

>>> tracing_of({}) is OFF
True
"""

import importlib.util
import logging
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from fleet.server.platform.process.tracing import ALLOWED, OFF, Attributes, Span, Tracing

if TYPE_CHECKING:
    from opentelemetry import trace
    from opentelemetry.sdk.trace import SpanProcessor

SERVICE = "kortkiosk-fleet"
SWITCHES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_EXPORTER = "opentelemetry.exporter.otlp.proto.http"

_log = logging.getLogger(__name__)


def tracing_of(environment: Mapping[str, str]) -> Tracing:
    """What the environment asks for."""
    if not is_wanted(environment):
        return OFF
    if not _installed():
        _log.warning("traces are asked for, and OpenTelemetry is not installed: pip install 'kortkiosk[telemetry]'")
        return OFF
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return Telemetry(BatchSpanProcessor(OTLPSpanExporter()))


def is_wanted(environment: Mapping[str, str]) -> bool:
    """Whether the variables switch it on."""
    off = environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
    exporter = environment.get("OTEL_TRACES_EXPORTER", "otlp").strip() or "otlp"
    return not off and exporter == "otlp" and any(environment.get(name, "").strip() for name in SWITCHES)


def _installed() -> bool:
    try:
        return importlib.util.find_spec(_EXPORTER) is not None
    except ModuleNotFoundError:
        return False


class Telemetry:
    """Implements `Tracing`: hands spans to that processor."""

    def __init__(self, processor: "SpanProcessor") -> None:
        from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider

        said = OTELResourceDetector().detect()  # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
        self._provider = TracerProvider(resource=Resource({SERVICE_NAME: SERVICE}).merge(said), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("kortkiosk.fleet.server")

    def span(self, name: str, attributes: Attributes | None = None) -> AbstractContextManager[Span]:
        """See `Tracing`."""
        return self._spanning(name, attributes)

    @contextmanager
    def _spanning(self, name: str, attributes: Attributes | None) -> Iterator[Span]:
        from opentelemetry.trace import StatusCode

        # An exception's own text may quote what was sent: it is not recorded.
        with self._tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False) as inner:
            span = _Kept(inner)
            span.note(attributes or {})
            try:
                yield span
            except BaseException as error:
                span.note({"error.type": type(error).__name__})
                inner.set_status(StatusCode.ERROR)
                raise

    def close(self) -> None:
        """See `Tracing`."""
        self._provider.shutdown()


class _Kept:
    def __init__(self, span: "trace.Span") -> None:
        self._span = span

    def note(self, attributes: Attributes) -> None:
        if strange := attributes.keys() - ALLOWED:
            raise KeyError(", ".join(sorted(strange)))
        self._span.set_attributes(dict(attributes))

    def rename(self, name: str) -> None:
        self._span.update_name(name)
