"""An HTTP server that stops without waiting for what its pages keep open."""

import socket

import uvicorn


class Server(uvicorn.Server):
    """Told to stop, it first has an application end its streams (`state.leave`, where it has one): they would be waited
    for otherwise."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        leave = getattr(getattr(self.config.app, "state", None), "leave", None)
        if leave is not None:
            leave()
        await super().shutdown(sockets)
