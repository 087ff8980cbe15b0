"""What comes before anybody is known is bounded: how much, how many, how slowly. Over real sockets, byte by byte."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
import structlog
from starlette.types import ASGIApp, Receive, Scope, Send

from suture.bootstrap.bounds import Bounds, Excess, Tally
from suture.bootstrap.serving import Server
from suture.bootstrap.settings import Secrets, Settings
from suture.bootstrap.wiring import Foundation
from suture.catalogue import Catalogue
from suture.console.app import create_app as create_console
from suture.core.clock import ManualClock
from suture.store.database import Database
from suture.store.vault import Vault
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
)
ASK = b"GET /a HTTP/1.1\r\nhost: suture\r\n\r\n"
SEND = b"POST /a HTTP/1.1\r\nhost: suture\r\n"
CHUNKED = SEND + b"transfer-encoding: chunked\r\n\r\n"


class Application:
    """Reads what it is sent and says how long it was. `/early` answers at once, `/large` more than a socket holds."""

    def __init__(self) -> None:
        self.scopes: list[Scope] = []
        self.broke: list[str] = []
        self.read = 0
        self.held = asyncio.Event()
        self.held.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.scopes.append(scope)
        await self.held.wait()
        size, more = 0, scope["path"] != "/early"
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.broke.append(scope["path"])
                return
            size, more = size + len(message["body"]), message.get("more_body", False)
            self.read = max(self.read, size)
        body = b"%d" % size if scope["path"] != "/large" else b"x" * 20_000_000
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Line:
    """One connection, and what is said on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def says(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

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
async def running(app: ASGIApp, bounds: Bounds) -> AsyncIterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(app, bounds)
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
        assert await answer == b""
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
    tally = Tally()
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
