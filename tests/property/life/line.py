"""A worker's line to the outside: every call and every checkpoint on it meets the fate that the life's script names.

Real HTTP over the loopback; the simulators' applications stand behind one door, ``/<worker>/<system>/...``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from suture.catalogue.manifest import Role
from suture.engine.decide import Responsibility
from suture.engine.port import Checkpoint, Saved
from suture.store.checkpoints import ProcessStore
from suture.store.database import Database
from suture.store.recorder import Recorder

from .script import Fate

Work = Callable[[], Awaitable[object]]

_HANGING = frozenset({Fate.HANGS, Fate.HANGS_AFTER})
_KILLING = frozenset({Fate.KILLED, Fate.KILLED_AFTER, Fate.KILLED_LATE})
_NOT_AT_ALL = frozenset({Fate.UNAVAILABLE, Fate.THROTTLED, Fate.BROKEN, Fate.KILLED})
_LATER = frozenset({Fate.LATE, Fate.KILLED_LATE})
_STATUS = {
    Fate.UNAVAILABLE: 503,
    Fate.THROTTLED: 429,
    Fate.BROKEN: 500,
    Fate.BROKEN_AFTER: 500,
    Fate.TIMEOUT_AFTER: 504,
    Fate.LATE: 504,
}


class WorkerDied(Exception):
    """The line is a dead worker's: nobody listens any more."""


class Line:
    """`late` holds the work of calls that were given up. `meets` says what the next call meets, and waits if it must.

    A line without a script lets everything pass. One whose script is used up holds the next call until it is given
    a new one, so that a worker stops at an exact place.
    """

    def __init__(self, late: list[Work]) -> None:
        self.stopped = asyncio.Event()
        self.dead = False
        self.calls = 0
        self._late = late
        self._free = True
        self._allowed = 0
        self._fate: Fate | None = None
        self._go = asyncio.Event()

    def free(self) -> None:
        """No faults from here on."""
        self._free = True
        self._release()

    def script(self, calls: int, fate: Fate) -> None:
        """`calls` calls go well and the next meets `fate`; what was held goes on."""
        self._free, self._allowed, self._fate = False, calls, fate
        self._release()

    def kill(self) -> None:
        """Whoever waits on it waits in vain from here on."""
        self.dead = True
        self._release()
        self.stopped.set()

    def revive(self) -> None:
        self.dead = False
        self.stopped.clear()

    async def carry(self, work: Work) -> tuple[Fate, Any]:
        """Do `work` as the next fate says; answers both. Raises `WorkerDied`."""
        self.calls += 1
        fate = await self._next()
        if fate is Fate.HANGS:
            await self._hold()
        if fate in _LATER:
            self._late.append(work)
        result = await work() if fate not in _NOT_AT_ALL | _LATER else None
        if fate is Fate.HANGS_AFTER:
            await self._hold()
        if fate in _KILLING:
            self.kill()
            raise WorkerDied
        return (Fate.FINE if fate in _HANGING else fate), result

    async def _next(self) -> Fate:
        if self.dead:
            raise WorkerDied
        if self._free:
            return Fate.FINE
        if not self._allowed and self._fate is None:
            await self._hold()
            return await self._next()
        if self._allowed:
            self._allowed -= 1
            return Fate.FINE
        fate, self._fate = self._fate, None
        return fate or Fate.FINE

    async def _hold(self) -> None:
        self.stopped.set()
        await self._go.wait()
        if self.dead:
            raise WorkerDied

    def _release(self) -> None:
        self.stopped.clear()
        self._go.set()
        self._go = asyncio.Event()


class Door:
    """The ASGI application in front of the systems: takes each call along its worker's line."""

    def __init__(self, lines: Mapping[str, Line], systems: Mapping[str, ASGIApp]) -> None:
        self._lines = lines
        self._systems = systems

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._systems["billing"](scope, receive, send)
            return
        _, worker, system, path = scope["path"].split("/", 3)
        inside = {**scope, "path": f"/{path}", "raw_path": f"/{path}".encode()}
        body = await _whole_body(receive)

        async def work() -> list[Message]:
            return await _answers(self._systems[system], inside, body)

        try:
            fate, answer = await self._lines[worker].carry(work)
        except WorkerDied:
            await _hang_up(scope, receive)
            return
        if fate is Fate.DROPPED_AFTER:
            await _hang_up(scope, receive)
        else:
            for message in answer if fate is Fate.FINE else _refusal(_STATUS[fate]):
                await send(message)


async def _whole_body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _answers(app: ASGIApp, scope: Scope, body: bytes) -> list[Message]:
    """What an application says to one request."""
    said: list[Message] = []

    async def once() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def hear(message: Message) -> None:
        said.append(message)

    await app(scope, once, hear)
    return said


def _refusal(status: int) -> list[Message]:
    headers = [(b"content-type", b"application/json")]
    if status == 429:
        headers.append((b"retry-after", b"1"))
    return [
        {"type": "http.response.start", "status": status, "headers": headers},
        {"type": "http.response.body", "body": b'{"error": {"code": "fault", "message": "a fault was asked for"}}'},
    ]


async def _hang_up(scope: Scope, receive: Receive) -> None:
    scope["extensions"]["suture.abort"]["call"]()
    while (await receive())["type"] != "http.disconnect":
        pass


class LinedStore(ProcessStore):
    """The store, whose checkpoints travel on a worker's line too. `overruled` gathers those that a worker wrote over
    its successor's."""

    def __init__(
        self,
        database: Database,
        recorder: Recorder,
        responsible: Callable[[Role | None], Responsibility],
        line: Line,
        overruled: list[str],
    ) -> None:
        super().__init__(database, recorder, responsible)
        self._overruled = overruled
        self._line = line
        self._commits = self.save
        self.save = self._carried  # type: ignore[assignment]

    async def _carried(self, checkpoint: Checkpoint) -> Saved:
        try:
            fate, saved = await self._line.carry(lambda: self._commit_watched(checkpoint))
        except WorkerDied:
            await asyncio.Event().wait()  # until the worker's task is killed
        if fate is not Fate.FINE:
            raise ConnectionResetError
        answer: Saved = saved
        return answer

    async def _commit_watched(self, checkpoint: Checkpoint) -> Saved:
        async with self._database.connection() as connection:
            fence = await connection.fetchval("SELECT fence FROM process WHERE key = $1", checkpoint.process.key)
        saved = await self._commits(checkpoint)
        if saved.written and fence != checkpoint.process.fence:
            self._overruled.append(f"{checkpoint.process.key} at {checkpoint.process.step}")
        return saved
