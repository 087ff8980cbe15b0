"""Traces by OpenTelemetry, where an address for them is set; else nothing is made, imported or kept.

Work is durable and may rest for days between two steps, so no context travels with it: the trace's id follows from the
journey (an appointment's id), and all that is ever done for one appointment is one trace, whoever does it. It is a
digest: the id itself stands in no trace but as the attribute that says so.
"""

import hashlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

_NOTHING: AbstractContextManager["TraceSpan | None"] = nullcontext()


class TraceSpan(Protocol):
    """As far as it is used here."""

    def set_attribute(self, key: str, value: Any) -> None: ...


class _Tracing:
    """This process's tracer; None is off."""

    def __init__(self) -> None:
        self.tracer: Any = None
        self.provider: TracerProvider | None = None


_now = _Tracing()


def configure(endpoint: str, ratio: float, role: str, version: str) -> None:
    """Send spans to an OTLP/HTTP receiver (`endpoint` is its base, such as ``http://127.0.0.1:4318``). `ratio` of all
    journeys are traced, each of them wholly or not at all."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    rule = TraceIdRatioBased(ratio)
    resource = Resource.create({"service.name": f"suture-{role}", "service.version": version})
    provider = TracerProvider(
        resource=resource, sampler=ParentBased(rule, remote_parent_sampled=rule, remote_parent_not_sampled=rule)
    )
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=5)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=1000))
    _now.provider, _now.tracer = provider, provider.get_tracer("suture", version)


def shutdown() -> None:
    """Send what is left, and turn tracing off."""
    if _now.provider is not None:
        _now.provider.shutdown()
    _now.provider = _now.tracer = None


def span(name: str, journey: str, **attributes: str | int) -> AbstractContextManager[TraceSpan | None]:
    """Around a piece of work for a journey. Free where tracing is off."""
    return _NOTHING if _now.tracer is None else _begun(name, journey, attributes)


def within(name: str, **attributes: str | int) -> AbstractContextManager[TraceSpan | None]:
    """Around a piece of work inside of a span; nothing where there is none."""
    return _NOTHING if _now.tracer is None else _nested(name, attributes)


@contextmanager
def _begun(name: str, journey: str, attributes: dict[str, str | int]) -> Iterator[TraceSpan]:
    from opentelemetry import trace

    digest = hashlib.sha256(journey.encode()).digest()
    parent = trace.SpanContext(
        trace_id=int.from_bytes(digest[:16]),
        span_id=int.from_bytes(digest[16:24]) or 1,
        is_remote=True,
        trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED),
    )
    context = trace.set_span_in_context(trace.NonRecordingSpan(parent))
    told = {"suture.journey": journey, **{f"suture.{key}": value for key, value in attributes.items()}}
    with _current(name, context=context, attributes=told) as begun:
        yield begun


@contextmanager
def _nested(name: str, attributes: dict[str, str | int]) -> Iterator[TraceSpan | None]:
    from opentelemetry import trace

    if not trace.get_current_span().get_span_context().is_valid:
        yield None
        return
    told = {f"suture.{key}": value for key, value in attributes.items()}
    with _current(name, attributes=told, kind=trace.SpanKind.CLIENT) as begun:
        yield begun


@contextmanager
def _current(name: str, **options: Any) -> Iterator[Any]:
    """A span that tells an error's type and never its text, which could carry patient data."""
    from opentelemetry.trace import StatusCode

    quiet = {"record_exception": False, "set_status_on_exception": False}
    with _now.tracer.start_as_current_span(name, **options, **quiet) as begun:
        try:
            yield begun
        except Exception as error:
            begun.set_attribute("error.type", type(error).__name__)
            begun.set_status(StatusCode.ERROR)
            raise
