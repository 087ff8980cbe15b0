"""The HTTP server of every role that is asked something: bounded, and quick to stop."""

import asyncio
import socket

import uvicorn
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from suture.bootstrap.bounds import BoundedProtocol, Bounds, RefusalCount, bounded

_TICKS_A_LOOK = 10
"""The server ticks ten times a second."""


class DoorServer(uvicorn.Server):
    """Told to stop, it first has an application end its streams (`state.leave`, where it has one): they would be waited
    for otherwise. Once a second it ends what took longer than `bounds` allow."""

    def __init__(self, app: ASGIApp, bounds: Bounds) -> None:
        self._tally = RefusalCount()
        self._leave = getattr(getattr(app, "state", None), "leave", None)
        super().__init__(_config(app, bounded(bounds, self._tally)))

    async def on_tick(self, counter: int) -> bool:
        if counter % _TICKS_A_LOOK == 0:
            now = asyncio.get_running_loop().time()
            for connection in list(self.server_state.connections):
                if isinstance(connection, BoundedProtocol):
                    connection.look(now)
            self._tally.tell(now)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._leave is not None:
            self._leave()
        await super().shutdown(sockets)


def _config(app: ASGIApp, protocol: type[BoundedProtocol]) -> uvicorn.Config:
    return uvicorn.Config(
        _unmoved(app),
        http=protocol,
        ws="none",
        access_log=False,
        log_level="error",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=10,
    )


def _unmoved(app: ASGIApp) -> ASGIApp:
    """`app`, for which a client that went away in mid-request is no error."""

    async def answered(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except ClientDisconnect:
            return

    return answered
