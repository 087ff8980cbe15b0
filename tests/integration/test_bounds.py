"""What comes before anybody is known is bounded: how much, how many, how slowly. Over real sockets, byte by byte."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest
import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from suture.bootstrap.bounds import Bounds, Excess, RefusalCount
from suture.bootstrap.composition import Foundation
from suture.bootstrap.serving import DoorServer
from suture.bootstrap.settings import Secrets, Settings
from suture.catalogue import Catalogue
from suture.console.app import create_app as create_console
from suture.core.clock import ManualClock
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.telemetry import metrics

BOUNDS = Bounds(
    body_bytes=200_000,
    head_bytes=4096,
    headers=20,
    head_seconds=1.0,
    body_seconds=1.0,
    body_bytes_per_second=100_000,
    unread_seconds=1.0,
    waiting_requests=4,
    connections=5,
    parting_seconds=2.0,
)
ASK = b"GET /a HTTP/1.1\r\nhost: suture\r\n\r\n"
SEND = b"POST /a HTTP/1.1\r\nhost: suture\r\n"
CHUNKED = SEND + b"transfer-encoding: chunked\r\n\r\n"


class Application:
    """Reads what it is sent and says how long it was. `/early` answers at once, `/large` more than a socket holds,
    `/slow` by drops."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.broke: list[str] = []
        self.read = 0
        self.bodies: list[bytes] = []
        self.held = asyncio.Event()
        self.held.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.scopes.append(scope)
        await self.held.wait()
        size, more = 0, scope["path"] != "/early"
        self.bodies.append(b"")
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.broke.append(scope["path"])
                return
            size, more = size + len(message["body"]), message.get("more_body", False)
            self.read = max(self.read, size)
            self.bodies[-1] += message["body"]
        body = {"/large": b"x" * 20_000_000, "/slow": b"x" * 10}.get(scope["path"], b"%d" % size)
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while scope["path"] == "/slow" and body:
            await send({"type": "http.response.body", "body": body[:1], "more_body": True})
            body = body[1:]
            await asyncio.sleep(0.4)
        await send({"type": "http.response.body", "body": body})


class Line:
    """One connection, and what is said on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def says(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def says_no_more(self) -> None:
        """Its side is closed; it still listens."""
        self.writer.write_eof()

    async def hears(self) -> bytes:
        """All that is answered until the connection ends."""
        async with asyncio.timeout(10):
            return await self.reader.read()

    async def answer(self) -> bytes:
        """One answer's head and body, where the body is short."""
        async with asyncio.timeout(10):
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            return head + await self.reader.readexactly(length)


Dial = Callable[[], Awaitable[Line]]


@asynccontextmanager
async def running(app: ASGIApp, bounds: Bounds, idle_seconds: int = 5) -> AsyncIterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = DoorServer(app, bounds)
        server.config.timeout_keep_alive = idle_seconds
        task = asyncio.create_task(server.serve(sockets=[listener]))
        while not (server.started or task.done()):
            await asyncio.sleep(0.01)
        yield listener.getsockname()[1]
        server.should_exit = True
        await task


@pytest.fixture
def app() -> Application:
    return Application()


@pytest.fixture
async def dial(app: Application) -> AsyncIterator[Dial]:
    async with running(app, BOUNDS) as port:
        lines: list[Line] = []

        async def connect() -> Line:
            lines.append(Line(*await asyncio.open_connection("127.0.0.1", port)))
            return lines[-1]

        yield connect
        for line in lines:
            line.writer.close()


def refused(excess: Excess) -> float:
    name = "suture_requests_refused_total"
    return sum(value for one, labels, value in metrics.samples() if one == name and labels["reason"] == excess)


@asynccontextmanager
async def counted(excess: Excess) -> AsyncIterator[None]:
    """Once, by this reason."""
    before = refused(excess)
    yield
    assert refused(excess) == before + 1


class TestHead:
    async def test_a_request_within_all_bounds_is_answered_and_the_next_one_too(
        self, dial: Dial, app: Application
    ) -> None:
        line = await dial()
        for _ in range(3):
            await line.says(ASK)
            assert (await line.answer()).endswith(b"\r\n\r\n0")
        assert len(app.scopes) == 3

    @pytest.mark.parametrize(
        "head",
        [
            b"GET /a HTTP/1.1\r\nx: " + b"a" * 50_000,
            b"GET /" + b"a" * 50_000,
            b"GET /a HTTP/1.1\r\n" + b"a" * 50_000,
            b"GET /a HTTP/1.1\r\nx: " + b"a" * 5000 + b"\r\n\r\n",
            b"GET /" + b"a" * 5000 + b" HTTP/1.1\r\n\r\n",
            b"GET /a HTTP/1.1\r\n" + b"".join(b"x%d: %s\r\n" % (n, b"a" * 600) for n in range(10)) + b"\r\n",
        ],
        ids=["header", "address", "name", "whole-header", "whole-address", "all-headers"],
    )
    async def test_is_refused_where_it_is_too_large_finished_or_not(
        self, dial: Dial, app: Application, head: bytes
    ) -> None:
        async with counted(Excess.HEAD_TOO_LARGE):
            line = await dial()
            await line.says(head)
            assert (await line.hears()).startswith(b"HTTP/1.1 431 ")
        assert app.scopes == []

    async def test_that_grows_by_drops_is_refused_as_well(self, dial: Dial, app: Application) -> None:
        line = await dial()
        await line.says(b"GET /a HTTP/1.1\r\nx: ")
        for _ in range(10):
            await line.says(b"a" * 1000)
        assert (await line.hears()).startswith(b"HTTP/1.1 431 ")
        assert app.scopes == []

    async def test_is_refused_where_it_has_too_many_headers(self, dial: Dial, app: Application) -> None:
        async with counted(Excess.TOO_MANY_HEADERS):
            line = await dial()
            await line.says(b"GET /a HTTP/1.1\r\n" + b"".join(b"x%d: a\r\n" % n for n in range(21)) + b"\r\n")
            assert (await line.hears()).startswith(b"HTTP/1.1 431 ")
        assert app.scopes == []

    async def test_that_is_never_finished_ends_the_connection(self, dial: Dial) -> None:
        async with counted(Excess.HEAD_TOO_SLOW):
            line = await dial()
            await line.says(b"GET /a HTTP/1.1\r\nhost: su")
            assert (await line.hears()).startswith(b"HTTP/1.1 408 ")

    async def test_that_drips_is_no_more_patient(self, dial: Dial) -> None:
        line = await dial()
        await line.says(b"GET /a HTTP/1.1\r\n")
        answer = asyncio.ensure_future(line.hears())
        for number in range(200):
            if answer.done():
                break
            line.writer.write(b"x%d: a\r\n" % (number % 10) if number < 15 else b"")
            await asyncio.sleep(0.05)
        assert (await answer).startswith(b"HTTP/1.1 408 ")

    async def test_who_says_nothing_or_nothing_but_empty_lines_is_not_waited_for(self, dial: Dial) -> None:
        silent, empty = await dial(), await dial()
        answer = asyncio.ensure_future(empty.hears())
        for _ in range(200):
            if answer.done():
                break
            empty.writer.write(b"\r\n")
            await asyncio.sleep(0.05)
        with suppress(ConnectionResetError):  # hung up on with a line still under way
            assert await answer == b""
        assert answer.done()
        assert await silent.hears() == b""

    async def test_what_is_no_http_is_said_to_be_none(self, dial: Dial) -> None:
        async with counted(Excess.NO_HTTP):
            line = await dial()
            await line.says(b"\x16\x03\x01 hello\r\n\r\n")
            assert (await line.hears()).startswith(b"HTTP/1.1 400 ")


class TestBody:
    @pytest.mark.parametrize("path", [b"/a", b"/early"])
    @pytest.mark.parametrize("method", [b"POST", b"GET", b"DELETE", b"PATCH", b"PUT", b"OPTIONS"])
    async def test_in_chunks_is_read_no_further_than_the_bound(
        self, dial: Dial, app: Application, method: bytes, path: bytes
    ) -> None:
        async with counted(Excess.BODY_TOO_LARGE):
            line = await dial()
            await line.says(CHUNKED.replace(b"POST /a", method + b" " + path))
            with suppress(ConnectionError):
                for _ in range(100):
                    await line.says(b"10000\r\n" + b"a" * 0x10000 + b"\r\n")
            with suppress(ConnectionError):
                await line.hears()
        assert app.read <= BOUNDS.body_bytes

    async def test_that_is_too_large_is_answered_so(self, dial: Dial, app: Application) -> None:
        line = await dial()
        await line.says(SEND + b"content-length: 300000\r\n\r\n" + b"a" * 300_000)
        assert (await line.hears()).startswith(b"HTTP/1.1 413 ")
        assert app.broke == ["/a"]

    async def test_that_is_never_finished_ends_the_connection(self, dial: Dial, app: Application) -> None:
        async with counted(Excess.BODY_TOO_SLOW):
            line = await dial()
            await line.says(SEND + b"content-length: 1000\r\n\r\nabc")
            assert (await line.hears()).startswith(b"HTTP/1.1 408 ")
        assert app.broke == ["/a"]

    async def test_that_comes_slowly_but_comes_is_waited_for(self, dial: Dial) -> None:
        line = await dial()
        await line.says(SEND + b"content-length: 200000\r\n\r\n")
        for _ in range(20):
            await line.says(b"a" * 10_000)
            await asyncio.sleep(0.1)
        assert (await line.answer()).endswith(b"200000")

    async def test_which_the_application_does_not_read_is_not_the_clients_delay(
        self, dial: Dial, app: Application
    ) -> None:
        app.held.clear()
        line = await dial()
        await line.says(SEND + b"content-length: 190000\r\n\r\n" + b"a" * 180_000)
        await asyncio.sleep(2.5)
        app.held.set()
        await line.says(b"a" * 10_000)
        assert (await line.answer()).endswith(b"190000")

    async def test_a_chunk_whose_extension_never_ends_is_not_waited_for(self, dial: Dial) -> None:
        line = await dial()
        await line.says(CHUNKED + b"1;")
        answer = asyncio.ensure_future(line.hears())
        for _ in range(200):
            if answer.done():
                break
            line.writer.write(b"a" * 1000)
            await asyncio.sleep(0.05)
        assert not (await answer).startswith(b"HTTP/1.1 200 ")

    async def test_fields_after_it_are_no_headers(self, dial: Dial, app: Application) -> None:
        line = await dial()
        await line.says(CHUNKED + b"3\r\nabc\r\n0\r\nauthorization: Bearer stolen\r\n\r\n")
        assert (await line.answer()).endswith(b"3")
        assert [name for name, _ in app.scopes[0]["headers"]] == [b"host", b"transfer-encoding"]

    async def test_fields_after_it_are_bounded_like_headers(self, dial: Dial) -> None:
        async with counted(Excess.HEAD_TOO_LARGE):
            line = await dial()
            await line.says(CHUNKED + b"3\r\nabc\r\n0\r\n" + b"".join(b"x: %s\r\n" % (b"a" * 500) for _ in range(20)))
            assert not (await line.hears()).startswith(b"HTTP/1.1 200 ")


UPGRADES = {
    "h2c": b"connection: Upgrade, HTTP2-Settings\r\nupgrade: h2c\r\nhttp2-settings: AAEAAEAA\r\n",
    "websocket": b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n",
    "tls": b"connection: keep-alive\r\nUPGRADE: TLS/1.2\r\nconnection: upgrade\r\n",
    "several": b"connection: upgrade\r\nupgrade: h2c, websocket\r\nupgrade: x\r\n",
    "unmeant": b"upgrade: h2c\r\n",
    "nameless": b"connection: upgrade\r\nupgrade:\r\n",
}
HIDDEN = b"GET /hidden HTTP/1.1\r\nhost: suture\r\n\r\n"
BODIES = {
    "length": b"content-length: %d\r\n\r\n%s" % (len(HIDDEN), HIDDEN),
    "chunks": b"transfer-encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN),
}


class TestUpgrades:
    """None is taken, and none changes where a request ends: a body is never read as a request."""

    @pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
    @pytest.mark.parametrize("upgrade", UPGRADES.values(), ids=UPGRADES)
    @pytest.mark.parametrize("method", [b"POST", b"GET", b"PUT", b"DELETE", b"OPTIONS"])
    async def test_a_request_that_asks_for_one_is_answered_with_its_body_and_so_is_the_next(
        self, dial: Dial, app: Application, method: bytes, upgrade: bytes, body: bytes
    ) -> None:
        line = await dial()
        await line.says((SEND.replace(b"POST", method) + upgrade + body) * 2 + ASK)
        answers = [await line.answer() for _ in range(3)]
        assert [answer[-3:].split()[-1] for answer in answers] == [b"%d" % len(HIDDEN)] * 2 + [b"0"]
        assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in answers)
        assert app.bodies == [HIDDEN, HIDDEN, b""]
        assert [(scope["method"], scope["path"]) for scope in app.scopes] == [(method.decode(), "/a")] * 2 + [
            ("GET", "/a")
        ]

    async def test_it_may_come_in_any_pieces(self, dial: Dial, app: Application) -> None:
        whole = SEND + UPGRADES["h2c"] + BODIES["length"]
        line = await dial()
        for cut in range(1, len(whole)):
            for piece in (whole[:cut], whole[cut:]):
                await line.says(piece)
                await asyncio.sleep(0.001)
            assert (await line.answer()).startswith(b"HTTP/1.1 200 ")
        assert set(app.bodies) == {HIDDEN}

    async def test_headers_are_told_as_they_came_but_for_the_upgrade(self, dial: Dial, app: Application) -> None:
        line = await dial()
        await line.says(SEND + UPGRADES["h2c"] + b"x-odd: \xe4 : b\r\nx-none:\r\ncontent-length: 3\r\n\r\nabc")
        assert (await line.answer()).endswith(b"3")
        assert app.scopes[0]["headers"] == [
            (b"host", b"suture"),
            (b"connection", b"Upgrade, HTTP2-Settings"),
            (b"http2-settings", b"AAEAAEAA"),
            (b"x-odd", b"\xe4 : b"),
            (b"x-none", b""),
            (b"content-length", b"3"),
        ]

    @pytest.mark.parametrize(
        "head",
        [SEND.replace(b"1.1", b"1.0") + UPGRADES["h2c"], SEND + b"connection: close, upgrade\r\nupgrade: h2c\r\n"],
    )
    async def test_where_it_is_the_last_request_the_connection_ends_with_its_answer(
        self, dial: Dial, app: Application, head: bytes
    ) -> None:
        line = await dial()
        await line.says(head + BODIES["length"])
        told = await line.hears()
        assert told.startswith(b"HTTP/1.1 200 ")
        assert told.count(b"HTTP/1.1 ") == 1
        assert app.bodies == [HIDDEN]

    async def test_its_body_is_bounded_like_any(self, dial: Dial, app: Application) -> None:
        async with counted(Excess.BODY_TOO_LARGE):
            line = await dial()
            await line.says(SEND + UPGRADES["h2c"] + b"content-length: 300000\r\n\r\n" + b"a" * 300_000)
            assert (await line.hears()).startswith(b"HTTP/1.1 413 ")
        assert app.broke == ["/a"]

    @pytest.mark.parametrize(
        "framing",
        [
            b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
            b"content-length: 3\r\ncontent-length: 4\r\n\r\n",
            b"transfer-encoding: gzip\r\n\r\n",
            b"transfer-encoding: chunked, gzip\r\n\r\n",
            b"x: a\r\n y: b\r\n\r\n",
        ],
    )
    async def test_whose_end_could_be_read_in_two_ways_is_refused(
        self, dial: Dial, app: Application, framing: bytes
    ) -> None:
        async with counted(Excess.NO_HTTP):
            line = await dial()
            await line.says(SEND + UPGRADES["h2c"] + framing + HIDDEN)
            told = await line.hears()
        assert told.startswith(b"HTTP/1.1 400 ")
        assert told.count(b"HTTP/1.1 ") == 1
        assert not any(app.bodies)

    async def test_fields_after_a_body_ask_for_none(self, dial: Dial, app: Application) -> None:
        line = await dial()
        await line.says(CHUNKED + b"3\r\nabc\r\n0\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n" + ASK)
        assert [(await line.answer())[-1:] for _ in range(2)] == [b"3", b"0"]

    @pytest.mark.parametrize("target", [b"/a", b"suture:443", b"http://suture/a"])
    @pytest.mark.parametrize("more", [b"", UPGRADES["h2c"], b"content-length: 3\r\n"])
    async def test_nothing_is_tunnelled(self, dial: Dial, app: Application, target: bytes, more: bytes) -> None:
        async with counted(Excess.NO_TUNNEL):
            line = await dial()
            await line.says(b"CONNECT %s HTTP/1.1\r\nhost: suture\r\n%s\r\n" % (target, more) + HIDDEN)
            told = await line.hears()
        assert told.startswith(b"HTTP/1.1 501 ")
        assert told.count(b"HTTP/1.1 ") == 1
        assert app.scopes == []

    async def test_http_2_by_prior_knowledge_is_refused(self, dial: Dial, app: Application) -> None:
        async with counted(Excess.NO_HTTP):
            line = await dial()
            await line.says(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
            assert (await line.hears()).startswith(b"HTTP/1.1 400 ")
        assert app.scopes == []


class TestWhoSaysNoMore:
    """A client that closed its side after a whole request is answered, as long as that doesn't take too long."""

    @pytest.mark.parametrize(
        "request_", [ASK, SEND + b"content-length: 3\r\n\r\nabc", CHUNKED + b"1\r\na\r\n0\r\n\r\n"]
    )
    async def test_is_answered(self, dial: Dial, app: Application, request_: bytes) -> None:
        app.held.clear()
        line = await dial()
        await line.says(request_)
        line.says_no_more()
        await asyncio.sleep(0.2)
        app.held.set()
        told = await line.hears()
        assert told.startswith(b"HTTP/1.1 200 ")
        assert app.broke == []

    async def test_is_told_all_of_an_answer_that_has_begun(self, dial: Dial) -> None:
        line = await dial()
        await line.says(ASK.replace(b"/a", b"/slow"))
        line.says_no_more()
        assert (await line.hears()).endswith(b"x" * 10)

    @pytest.mark.parametrize(
        "unfinished", [b"", b"GET /b HTTP/1.1\r\nhost: su", SEND + b"content-length: 9\r\n\r\nabc"]
    )
    async def test_is_answered_all_that_was_asked_in_whole(
        self, dial: Dial, app: Application, unfinished: bytes
    ) -> None:
        app.held.clear()
        line = await dial()
        await line.says(ASK * 3 + unfinished)
        line.says_no_more()
        await asyncio.sleep(0.2)
        app.held.set()
        assert (await line.hears()).count(b"HTTP/1.1 200 ") == 3
        assert len(app.scopes) == 3

    async def test_is_not_waited_for_without_end(self, dial: Dial, app: Application) -> None:
        app.held.clear()
        line = await dial()
        await line.says(ASK)
        line.says_no_more()
        with suppress(ConnectionError):
            assert await line.hears() == b""
        app.held.set()
        await asyncio.sleep(0.1)
        assert app.broke == ["/a"]

    @pytest.mark.parametrize("unfit", [b"", b"\x16\x03\x01 hello\r\n\r\n"])
    async def test_may_take_its_time_to_read(self, app: Application, unfit: bytes) -> None:
        async with running(app, msgspec.structs.replace(BOUNDS, unread_seconds=10.0)) as port:
            line = Line(*await asyncio.open_connection("127.0.0.1", port))
            line.writer.transport.pause_reading()
            await line.says(ASK.replace(b"/a", b"/large") + unfit)
            line.says_no_more()
            await asyncio.sleep(4)
            line.writer.transport.resume_reading()
            told = await line.hears()
            line.writer.close()
        assert told.count(b"x") == 20_000_000

    async def test_in_the_midst_of_a_body_is_gone(self, dial: Dial, app: Application) -> None:
        line = await dial()
        await line.says(SEND + b"content-length: 1000\r\n\r\nabc")
        line.says_no_more()
        assert await line.hears() == b""
        assert app.broke == ["/a"]

    async def test_and_had_its_answer_is_not_kept(self, dial: Dial) -> None:
        line = await dial()
        await line.says(ASK)
        await line.answer()
        line.says_no_more()
        async with asyncio.timeout(0.5):
            assert await line.hears() == b""


class TestRefusedBehindAnother:
    """A refusal waits for the answers that are due before it."""

    @pytest.mark.parametrize(
        ("unfit", "excess", "status"),
        [
            (b"GET /b HTTP/1.1\r\nhost: su", Excess.HEAD_TOO_SLOW, b"408"),
            (SEND + b"content-length: 9\r\n\r\nabc", Excess.BODY_TOO_SLOW, b"408"),
            (SEND + b"x: " + b"a" * 5000 + b"\r\n\r\n", Excess.HEAD_TOO_LARGE, b"431"),
            (SEND + b"content-length: 300000\r\n\r\n" + b"a" * 300_000, Excess.BODY_TOO_LARGE, b"413"),
            (b"\x16\x03\x01 hello\r\n\r\n", Excess.NO_HTTP, b"400"),
            (b"CONNECT suture:443 HTTP/1.1\r\n\r\n", Excess.NO_TUNNEL, b"501"),
        ],
        ids=lambda value: str(value) if isinstance(value, Excess) else "",
    )
    @pytest.mark.parametrize("before", [1, 3])
    async def test_what_was_asked_before_is_answered_first(
        self, dial: Dial, app: Application, before: int, unfit: bytes, excess: Excess, status: bytes
    ) -> None:
        app.held.clear()
        async with counted(excess):
            line = await dial()
            saying = asyncio.create_task(line.says(ASK * before + unfit))
            await asyncio.sleep(2.5 if excess in (Excess.HEAD_TOO_SLOW, Excess.BODY_TOO_SLOW) else 0.3)
            app.held.set()
            told = await line.hears()
            await saying
        assert [piece[:3] for piece in told.split(b"HTTP/1.1 ")[1:]] == [b"200"] * before + [status]

    async def test_an_answer_that_has_begun_is_not_mixed_with_it(self, dial: Dial, app: Application) -> None:
        async with counted(Excess.NO_HTTP):
            line = await dial()
            line.writer.transport.pause_reading()
            await line.says(ASK.replace(b"/a", b"/large") + b"\x16\x03\x01 hello\r\n\r\n")
            await asyncio.sleep(0.3)
            line.writer.transport.resume_reading()
            head, _, rest = (await line.hears()).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 ")
        assert rest[:20_000_000] == b"x" * 20_000_000
        assert rest[20_000_000:].startswith(b"HTTP/1.1 400 ")

    async def test_a_head_that_was_begun_is_no_idle_connection(self, app: Application) -> None:
        async with counted(Excess.HEAD_TOO_SLOW), running(app, BOUNDS, idle_seconds=0) as port:
            line = Line(*await asyncio.open_connection("127.0.0.1", port))
            await line.says(ASK + b"GET /b HTTP/1.1\r\nhost: su")
            told = await line.hears()
            line.writer.close()
        assert [piece[:3] for piece in told.split(b"HTTP/1.1 ")[1:]] == [b"200", b"408"]

    async def test_nothing_is_waited_for_without_end(self, dial: Dial, app: Application) -> None:
        app.held.clear()
        line = await dial()
        await line.says(ASK + b"\x16\x03\x01 hello\r\n\r\n")
        with suppress(ConnectionError):
            assert await line.hears() == b""
        app.held.set()
        await asyncio.sleep(0.1)
        assert app.broke == ["/a"]


class TestConnections:
    async def test_of_more_than_there_may_be_the_last_one_comes_again(self, dial: Dial) -> None:
        async with counted(Excess.TOO_MANY_CONNECTIONS):
            lines = [await dial() for _ in range(6)]
            assert (await lines[-1].hears()).startswith(b"HTTP/1.1 503 ")
        await lines[0].says(ASK)
        assert (await lines[0].answer()).startswith(b"HTTP/1.1 200 ")

    async def test_many_requests_at_once_are_not_queued_without_end(
        self, dial: Dial, app: Application, caplog: pytest.LogCaptureFixture
    ) -> None:
        async with counted(Excess.TOO_MANY_REQUESTS):
            app.held.clear()
            line = await dial()
            await line.says(ASK * 100)
            assert await line.hears() == b""
        app.held.set()
        await asyncio.sleep(0.2)
        assert not caplog.records, "who answers finds the client gone, and nothing breaks"

    async def test_a_few_requests_at_once_are_answered_in_their_order(self, dial: Dial) -> None:
        line = await dial()
        sizes = (3, 0, 5)
        await line.says(b"".join(SEND + b"content-length: %d\r\n\r\n" % n + b"a" * n for n in sizes))
        assert [(await line.answer())[-1:] for _ in sizes] == [b"3", b"0", b"5"]

    async def test_an_answer_that_nobody_reads_is_given_up(self, dial: Dial) -> None:
        async with counted(Excess.ANSWER_NOT_READ):
            line = await dial()
            line.writer.transport.pause_reading()
            await line.says(ASK.replace(b"/a", b"/large"))
            await asyncio.sleep(3.5)
            line.writer.transport.resume_reading()
            with suppress(ConnectionError):
                assert len(await line.hears()) < 20_000_000


def test_what_was_refused_is_said_at_once_and_then_by_the_minute() -> None:
    tally = RefusalCount()
    with structlog.testing.capture_logs() as said:
        for now in (0.0, 1.0, 2.0, 59.0, 61.0):
            tally.count(Excess.HEAD_TOO_SLOW)
            tally.tell(now)
    assert [(line["reason"], line["times"]) for line in said] == [("head_too_slow", 1), ("head_too_slow", 4)]


class TestForms:
    """The console's, before sign-in."""

    @pytest.fixture
    async def console(
        self, tmp_path: Path, database: Database, vault: Vault, catalogue: Catalogue, clock: ManualClock
    ) -> AsyncIterator[int]:
        secrets = Secrets({}, tmp_path)
        base = Foundation(Settings(data_dir=tmp_path), secrets, catalogue, clock, database, vault, nats_url="")
        async with running(create_console(base), Bounds(body_bytes=2_000_000)) as port:
            yield port

    async def says(self, port: int, head: bytes, body: bytes) -> bytes:
        line = Line(*await asyncio.open_connection("127.0.0.1", port))
        await line.says(b"POST /sign-in HTTP/1.1\r\nhost: suture\r\nconnection: close\r\n" + head + b"\r\n" + body)
        told = await line.hears()
        line.writer.close()
        return told

    async def test_that_does_not_say_its_length_is_not_read(self, console: int) -> None:
        told = await self.says(
            console,
            b"transfer-encoding: chunked\r\ncontent-type: application/x-www-form-urlencoded\r\n",
            b"3\r\na=b\r\n0\r\n\r\n",
        )
        assert told.startswith(b"HTTP/1.1 411 ")

    async def test_that_is_large_is_not_read(self, console: int) -> None:
        told = await self.says(
            console,
            b"content-length: 100000\r\ncontent-type: application/x-www-form-urlencoded\r\n",
            b"a=" + b"b" * 99_998,
        )
        assert told.startswith(b"HTTP/1.1 413 ")

    async def test_takes_no_file(self, console: int) -> None:
        body = b'--x\r\ncontent-disposition: form-data; name="a"; filename="b"\r\n\r\nc\r\n--x--\r\n'
        head = b"content-length: %d\r\ncontent-type: multipart/form-data; boundary=x\r\n" % len(body)
        assert (await self.says(console, head, body)).startswith(b"HTTP/1.1 400 ")

    async def test_that_is_cut_off_leaves_no_traceback(self, console: int, capfd: pytest.CaptureFixture[str]) -> None:
        _, writer = await asyncio.open_connection("127.0.0.1", console)
        head = b"content-length: 1000\r\ncontent-type: application/x-www-form-urlencoded\r\n"
        writer.write(b"POST /sign-in HTTP/1.1\r\nhost: suture\r\n" + head + b"\r\na=")
        await writer.drain()
        await asyncio.sleep(0.2)
        writer.close()
        await asyncio.sleep(0.3)
        told = capfd.readouterr()
        assert "Traceback" not in told.out + told.err
        assert "page_broke" not in told.out + told.err
