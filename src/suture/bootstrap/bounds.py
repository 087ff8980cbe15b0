"""What anybody may send before it is known who they are: how much, how many, and how slowly.

The server knows nothing of accounts and signatures, so these bounds hold for everybody and are far above what an honest
client needs. Who passes one is answered (RFC 9110: 408, 413, 431, 503), hears no more, and is counted. What was asked
for before is answered first, also where the client says no more.
"""

import asyncio
from collections import Counter
from enum import StrEnum
from http import HTTPStatus
from typing import Any, ClassVar

import httptools
import msgspec
import structlog
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from suture.telemetry import metrics

log = structlog.get_logger()

_TELLING_SECONDS = 60.0
_LINGERING_SECONDS = 2.0
"""How long a refused client's rest is thrown away, so that it reads the answer instead of a broken connection."""


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Of each connection, but for `connections`, which is of the process. A body may take `body_seconds`, and a second
    more for each `body_bytes_per_second` that have come."""

    body_bytes: int
    head_bytes: int = 32 * 1024
    headers: int = 100
    head_seconds: float = 10.0
    body_seconds: float = 20.0
    body_bytes_per_second: int = 16 * 1024
    unread_seconds: float = 60.0
    parting_seconds: float = 30.0
    """Until an answer begins that is due to a client of whom no more is heard: it may be gone."""
    waiting_requests: int = 32
    connections: int = 800


class Excess(StrEnum):
    """Which bound was passed; what metric and log call it."""

    HEAD_TOO_LARGE = "head_too_large"
    TOO_MANY_HEADERS = "too_many_headers"
    BODY_TOO_LARGE = "body_too_large"
    HEAD_TOO_SLOW = "head_too_slow"
    BODY_TOO_SLOW = "body_too_slow"
    ANSWER_NOT_READ = "answer_not_read"
    TOO_MANY_REQUESTS = "too_many_requests"
    TOO_MANY_CONNECTIONS = "too_many_connections"
    NO_HTTP = "no_http"
    NO_TUNNEL = "no_tunnel"


_ANSWERS: dict[Excess, tuple[HTTPStatus, str]] = {
    Excess.HEAD_TOO_LARGE: (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "The address and the headers of a request are at most {0.head_bytes} bytes.",
    ),
    Excess.TOO_MANY_HEADERS: (
        HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "A request has at most {0.headers} headers.",
    ),
    Excess.BODY_TOO_LARGE: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "A body is at most {0.body_bytes} bytes."),
    Excess.HEAD_TOO_SLOW: (
        HTTPStatus.REQUEST_TIMEOUT,
        "The headers were not complete in {0.head_seconds:.0f} seconds.",
    ),
    Excess.BODY_TOO_SLOW: (HTTPStatus.REQUEST_TIMEOUT, "The body came too slowly; send it again."),
    Excess.TOO_MANY_CONNECTIONS: (HTTPStatus.SERVICE_UNAVAILABLE, "Too many connections are open; try again."),
    Excess.NO_HTTP: (HTTPStatus.BAD_REQUEST, "The HTTP request can't be read."),
    Excess.NO_TUNNEL: (HTTPStatus.NOT_IMPLEMENTED, "CONNECT is not supported."),
}
"""What is said, where it can be: in the midst of an answer the connection just ends."""


class RefusalCount:
    """Counts what was refused, and says it in the log: each reason at once, then at most once a minute."""

    def __init__(self) -> None:
        self._untold: Counter[Excess] = Counter()
        self._told_at: dict[Excess, float] = {}

    def count(self, excess: Excess) -> None:
        metrics.count("suture_requests_refused_total", excess)
        self._untold[excess] += 1

    def tell(self, now: float) -> None:
        """`now` in seconds of the event loop's clock."""
        for excess, times in list(self._untold.items()):
            if now - self._told_at.get(excess, -_TELLING_SECONDS) >= _TELLING_SECONDS:
                log.warning("requests_refused", reason=str(excess), times=times)
                self._told_at[excess] = now
                del self._untold[excess]


class _Phase(StrEnum):
    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    PARTING = "parting"  # nothing more is taken; answers are due
    PARTED = "parted"  # nothing more is said either


_DEAF = (_Phase.PARTING, _Phase.PARTED)


class _Refused(Exception):
    """A callback of the parser found that a bound was passed."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection under `bounds`. Fields of a trailer are dropped: nobody checked them as headers. No upgrade is
    taken (RFC 9110, 7.8): who asks for one is read as if it didn't."""

    bounds: ClassVar[Bounds]
    tally: ClassVar[RefusalCount]

    def __init__(self, *args: Any, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._phase = _Phase.IDLE
        self._since = self.loop.time()
        self._unread_since: float | None = None
        self._requests = 0
        self._received = 0
        self._head = 0
        self._body = 0
        self._excess: Excess | None = None
        self._under_way: RequestResponseCycle | None = None
        self._plain_head = b""
        self._last_words = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > self.bounds.connections:
            self._refuse(Excess.TOO_MANY_CONNECTIONS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._hang_up()
        super().connection_lost(exc)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._under_way = cycle
        super()._start_asgi_task(cycle, app)

    def _hang_up(self) -> None:
        """Whoever answers one of the requests finds the client gone: the newest, and the one that is under way."""
        for cycle in (self.cycle, self._under_way):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    def data_received(self, data: bytes) -> None:
        if self._phase in _DEAF:
            return
        before, request = self._phase, self._requests
        self._unset_keepalive_if_required()
        try:
            self._read(data)
        except httptools.HttpParserError:
            self._refuse(self._excess or Excess.NO_HTTP)
        if self._phase is _Phase.HEAD and self._requests == request + (before is _Phase.IDLE):
            self._unfinished(len(data))

    def _read(self, data: bytes) -> None:
        """The parser stops after the head of an upgrade, as if what follows were no HTTP. A new one reads that head
        again, without the upgrade, and then the rest; a body stays a body."""
        while True:
            try:
                return self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as stopped:
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as of the first one
                data, self._plain_head = self._plain_head + data[stopped.args[0] :], b""

    def _unfinished(self, more: int) -> None:
        """The parser tells a header once it is complete; one that never is counts by what was received."""
        self._received += more
        if self._received > self.bounds.head_bytes:
            self._refuse(Excess.HEAD_TOO_LARGE)

    def eof_received(self) -> bool:  # type: ignore[override]
        """A client that says no more may still listen: what it asked for is answered."""
        if self._phase not in _DEAF:
            self._give_up_body()
            self._part()
        return self._phase is _Phase.PARTING

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._phase, self._since = _Phase.HEAD, self.loop.time()
        self._requests += 1
        self._received = self._head = self._body = 0

    def on_url(self, url: bytes) -> None:
        self._head += len(url)
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._head += len(name) + len(value)
        if self._head > self.bounds.head_bytes:
            self._stop(Excess.HEAD_TOO_LARGE)
        if self._phase is _Phase.HEAD:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.headers) > self.bounds.headers:
            self._stop(Excess.TOO_MANY_HEADERS)
        if self._head > self.bounds.head_bytes:
            self._stop(Excess.HEAD_TOO_LARGE)
        if len(self.pipeline) >= self.bounds.waiting_requests:
            self._stop(Excess.TOO_MANY_REQUESTS)
        if self.parser.should_upgrade():
            self._plain_head = self._without_upgrade()
            return
        super().on_headers_complete()
        self._phase = _Phase.BODY

    def _without_upgrade(self) -> bytes:
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        if method == b"CONNECT":
            self._stop(Excess.NO_TUNNEL)
        headers = [b"%s: %s" % (name, value) for name, value in self.headers if name != b"upgrade"]
        return b"\r\n".join([b"%s %s HTTP/%s" % (method, self.url, version), *headers, b"", b""])

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        if self._body > self.bounds.body_bytes:
            self._stop(Excess.BODY_TOO_LARGE)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._plain_head:
            return
        super().on_message_complete()
        self._phase, self._since = _Phase.IDLE, self.loop.time()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._phase is _Phase.IDLE:
            self._since = self.loop.time()
        else:
            self._unset_keepalive_if_required()  # the next request has begun: its own bounds hold
        if self._phase is _Phase.PARTING and not self._answering():
            self._say_last()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._unread_since = self.loop.time()

    def resume_writing(self) -> None:
        super().resume_writing()
        self._unread_since = None

    def look(self, now: float) -> None:
        """What took too long by now. Asked about once a second."""
        if self._unread_since is not None and now - self._unread_since > self.bounds.unread_seconds:
            self.tally.count(Excess.ANSWER_NOT_READ)
            self.transport.abort()
        elif self._phase in _DEAF:
            self._wait_for_parting(now)
        elif self.flow.read_paused:
            self._since = now  # we are the slow ones: nothing is read until the application asks
        elif now - self._since > self._patience():
            self._overdue()

    def _wait_for_parting(self, now: float) -> None:
        patience = self.bounds.parting_seconds
        if self._phase is _Phase.PARTED:
            patience = self.bounds.unread_seconds if self.transport.get_write_buffer_size() else _LINGERING_SECONDS
        elif self._under_way is not None and self._under_way.response_started:
            self._since = now  # who is gone refuses it, and who doesn't read it is given up
        if now - self._since > patience:
            self.transport.abort()

    def _patience(self) -> float:
        if self._phase is _Phase.BODY:
            return self.bounds.body_seconds + self._body / self.bounds.body_bytes_per_second
        return self.bounds.head_seconds

    def _overdue(self) -> None:
        if self._phase is _Phase.HEAD:
            self._refuse(Excess.HEAD_TOO_SLOW)
        elif self._phase is _Phase.BODY:
            self._refuse(Excess.BODY_TOO_SLOW)
        elif not self._answering():
            self.transport.close()  # nothing was asked for

    def _answering(self) -> bool:
        cycle = self._under_way
        return bool(self.pipeline) or (cycle is not None and not (cycle.response_complete or cycle.disconnected))

    def _stop(self, excess: Excess) -> None:
        self._excess = excess
        raise _Refused

    def _refuse(self, excess: Excess) -> None:
        """Take no more, and say so where it can be told apart from another answer: after those that are due."""
        self.tally.count(excess)
        unanswered = self._give_up_body()
        if excess not in _ANSWERS:
            self.pipeline.clear()
            self._hang_up()
        elif unanswered:
            self._last_words = _answer(*_ANSWERS[excess], self.bounds)
        self._part()

    def _give_up_body(self) -> bool:
        """Of a request whose body stays unfinished, whoever reads it finds the client gone. Whether no answer to it has
        begun."""
        if self._phase is not _Phase.BODY:
            return True
        if self.pipeline:
            self.pipeline.popleft()  # the newest, that nobody reads yet
            return True
        self._hang_up()
        return not self.cycle.response_started

    def _part(self) -> None:
        self._phase, self._since = _Phase.PARTING, self.loop.time()
        self.flow.resume_reading()
        if not self._answering():
            self._say_last()

    def _say_last(self) -> None:
        self._phase, self._since = _Phase.PARTED, self.loop.time()
        if self.transport.is_closing():
            return
        if not self._last_words:
            self.transport.close()
            return
        self.transport.write(self._last_words)
        self.transport.write_eof()


def _answer(status: HTTPStatus, words: str, bounds: Bounds) -> bytes:
    """An RFC 9457 problem, as bytes for the wire."""
    title = status.phrase.lower().replace(" ", "_")
    body = msgspec.json.encode(
        {"type": f"urn:suture:problem:{title}", "status": status, "title": title, "detail": words.format(bounds)}
    )
    head = f"HTTP/1.1 {status} {status.phrase}\r\ncontent-type: application/problem+json\r\ncontent-length: {len(body)}"
    return f"{head}\r\nconnection: close\r\n\r\n".encode() + body


def bounded(bounds: Bounds, tally: RefusalCount) -> type[BoundedProtocol]:
    """The protocol of a server whose connections all have these bounds."""
    return type("Bounded", (BoundedProtocol,), {"bounds": bounds, "tally": tally})
