"""Serves an ASGI application over a real socket, for as long as a block lasts."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

GRACE_S = 2


class AbortableProtocol(HttpToolsProtocol):
    """Lets an application close its connection without an answer (`suture_lab.simulators.faults` does)."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {"suture.abort": {"call": self.transport.abort}}


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Signals are the business of whoever opened the block."""
        yield


@asynccontextmanager
async def serving(app: ASGIApp, *, host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[str]:
    """Serve `app` and give its URL; port 0 takes a free one. Leaving the block closes it."""
    listener = socket.create_server((host, port), backlog=512)
    # Connections inherit it. The event loop sets it only on sockets made with an explicit TCP protocol number, and
    # without it each answer waits 40 ms for the caller's delayed acknowledgement.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = _Server(_config(app))
    running = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        while not (server.started or running.done()):  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.005)
        if running.done():
            raise RuntimeError("the application did not start")
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running
        listener.close()


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=AbortableProtocol,
        ws="none",
        lifespan="on",
        access_log=False,
        log_config=None,
        log_level="critical",
        server_header=False,
        timeout_graceful_shutdown=GRACE_S,
    )
