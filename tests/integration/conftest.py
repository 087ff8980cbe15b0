"""What integration tests share: a line to the database that can be cut."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from urllib.parse import urlsplit

import pytest


class Line:
    """A TCP line to a server. Cut, it drops every connection and takes no new one."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def mend(self) -> None:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(*self._target)
        self._writers |= {writer, far_writer}
        with suppress(OSError):
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        for end in (writer, far_writer):
            end.transport.abort()
        self._writers -= {writer, far_writer}


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.transport.abort()


@pytest.fixture
async def line(database_url: str) -> AsyncIterator[tuple[Line, str]]:
    """A line to the fresh database, and the database's URL over it."""
    parts = urlsplit(database_url)
    line = Line(parts.hostname or "", parts.port or 0)
    await line.mend()
    yield line, database_url.replace(f":{parts.port}/", f":{line.port}/")
    await line.cut()


@pytest.fixture
def eventually() -> Callable[..., Awaitable[None]]:
    """Waits until a question is answered with yes, at most `seconds`."""

    async def wait(question: Callable[[], Awaitable[object]], seconds: float = 15) -> None:
        async with asyncio.timeout(seconds):
            while not await question():
                await asyncio.sleep(0.02)

    return wait
