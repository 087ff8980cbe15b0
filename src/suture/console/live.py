"""Pages that stay current: one look a second at a mark of everything, told to every open page when it changes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from starlette.responses import StreamingResponse

from suture.console.pages.page import Page
from suture.console.request import PageRequest
from suture.store.database import CONNECTION_LOST, Database
from suture.views.change_marker import pulse

_EVERY_SECONDS = 1.0
_KEEP_ALIVE_SECONDS = 15.0


class ChangeListener:
    """Looks while somebody listens, however many."""

    def __init__(self, database: Database, leaving: asyncio.Event) -> None:
        self._database = database
        self._leaving = leaving
        self._changed = asyncio.Condition()
        self._beat = 0
        self._listening = 0
        self._looking: asyncio.Task[None] | None = None
        self.page = Page("/live", self._stream)

    async def _stream(self, _: PageRequest) -> StreamingResponse:
        """Server-sent events: ``changed`` when a page should be looked at again."""
        response = StreamingResponse(self._events(), media_type="text/event-stream")
        response.headers["X-Accel-Buffering"] = "no"  # a proxy that buffers would make it late
        return response

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            with suppress(asyncio.CancelledError):
                await self._looking

    async def _events(self) -> AsyncIterator[bytes]:
        self._listening += 1
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            yield b"retry: 2000\n\n"
            seen = self._beat
            while not self._leaving.is_set():
                yield b": alive\n\n" if (beat := await self._next(seen)) == seen else b"event: changed\ndata:\n\n"
                seen = beat
        finally:
            self._listening -= 1

    async def _next(self, seen: int) -> int:
        with suppress(TimeoutError):
            async with asyncio.timeout(_KEEP_ALIVE_SECONDS), self._changed:
                await self._changed.wait_for(lambda: self._beat != seen or self._leaving.is_set())
        return self._beat

    async def _look(self) -> None:
        mark = await self._read()
        while self._listening and not self._leaving.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), _EVERY_SECONDS)
            found = await self._read()
            async with self._changed:
                self._beat += found != mark
                self._changed.notify_all()
            mark = found
        async with self._changed:
            self._changed.notify_all()

    async def _read(self) -> str:
        """A database that is away, or back, is a change, too."""
        try:
            return await pulse(self._database)
        except (*CONNECTION_LOST, TimeoutError):
            return "away"
