"""A receiver of OTLP over HTTP, as a collector is one."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from suture.telemetry import tracing
from suture_lab.simulators.serving import serving


class Collector:
    """What was received, decoded."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.raw: list[bytes] = []

    async def take(self, request: Request) -> Response:
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.raw.append(body)
        told = ExportTraceServiceRequest.FromString(body)
        self.spans += [span for one in told.resource_spans for scope in one.scope_spans for span in scope.spans]
        return Response(b"", media_type="application/x-protobuf")

    def of(self, journey: str) -> list[Span]:
        return [span for span in self.spans if attributes(span).get("suture.journey") == journey]


def attributes(span: Span) -> dict[str, str]:
    return {one.key: one.value.string_value or str(one.value.int_value) for one in span.attributes}


@asynccontextmanager
async def collecting(ratio: float = 1.0) -> AsyncIterator[Collector]:
    """Trace what this process does. On the way out everything is flushed, and tracing off."""
    collector = Collector()
    app = Starlette(routes=[Route("/v1/traces", collector.take, methods=["POST"])])
    async with serving(app) as url:
        tracing.configure(url, ratio, "test", "1")
        try:
            yield collector
        finally:
            await asyncio.to_thread(tracing.shutdown)
