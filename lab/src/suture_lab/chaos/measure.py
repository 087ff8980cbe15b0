"""How long it takes until what was injured works again."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPException
from time import monotonic, time
from typing import Any

import asyncpg
import msgspec

from suture.backbone.names import STREAM
from suture.backbone.stream import BACKBONE_AWAY, connect
from suture.store.database import DATABASE_AWAY
from suture_lab.chaos.plan import Injury
from suture_lab.stage import Stage

AWAY = (*DATABASE_AWAY, asyncpg.InternalClientError, TimeoutError)
"""What asking raises while the database is away; the second where it goes away in the midst of a greeting."""

_LONGEST = 90.0
_POLL = 0.25
_AFTER_THE_DAY = 10.0
_ASK_SECONDS = 3.0

_HELD = """
SELECT key, fence FROM process WHERE worker = $1 AND NOT released AND state IN ('running', 'compensating')
"""
_STILL_HELD = """
SELECT count(*) FROM process JOIN unnest($1::text[], $2::bigint[]) AS held (key, fence) USING (key, fence)
WHERE NOT released AND state IN ('running', 'compensating')
"""
_NEW_CLAIMED = "SELECT EXISTS (SELECT FROM process WHERE started_at > $1 AND fence > 0)"
_PUBLISHED = """
SELECT EXISTS (
    SELECT FROM event WHERE recorded_at > $1 AND NOT EXISTS (SELECT FROM outbox WHERE outbox.seq = event.seq))
"""
_INVOICED = "SELECT EXISTS (SELECT FROM event WHERE type = 'suture.invoice.posted.v1' AND recorded_at > $1)"

Held = Sequence[tuple[str, int]]
Question = Callable[[], Awaitable[bool]]

_NEW_WORK, _FIRST_INVOICE, _EVENTS = "new work", "first invoice", "events flow"
_IF_ANY_COMES = (_NEW_WORK, _FIRST_INVOICE, _EVENTS)


class Recovery(msgspec.Struct, frozen=True, kw_only=True):
    """What works again, and after how many seconds; None where it did not within a minute and a half.

    `new work`, `first invoice` and `events flow` are left out where the day ended before any came.
    """

    what: str
    seconds: float | None


class RecoveryWatcher:
    """Asks what was injured, again and again, until it answers.

    Kills are measured from the blow; freezes and failures of outside systems from their end, for until then nothing can
    be expected, but for a frozen worker and a frozen node of three, whose work others take over.
    """

    def __init__(self, stage: Stage, day_seconds: float) -> None:
        self._stage = stage
        self._day_ends = stage.began + day_seconds

    def taken_over(self, injury: Injury) -> bool:
        """Whether others are expected to do the work of what is frozen."""
        return injury.what == "worker" or (injury.what == "nats" and len(self._stage.servers.pids) > 2)

    async def held_by(self, pid: int) -> Held:
        """The processes in a worker's hands, each with its fence."""
        try:
            rows = await self._ask("fetch", _HELD, f"{socket.gethostname()}:{pid}")
        except AWAY:
            return []
        return [(row["key"], row["fence"]) for row in rows]

    async def recovered(self, injury: Injury, at: float, held: Held) -> tuple[Recovery, ...]:
        """Wait until all that the injury hit works again. `at`: seconds since 1970."""
        since = datetime.fromtimestamp(at, UTC)
        found = await asyncio.gather(*(self._until(*asked, at) for asked in self._questions(injury, since, held)))
        return tuple(recovery for recovery in found if recovery is not None)

    def _questions(self, injury: Injury, since: datetime, held: Held) -> list[tuple[str, Question]]:
        if injury.what == "worker":
            return [("what it held", self._moved_on(held)), (_NEW_WORK, self._true(_NEW_CLAIMED, since))]
        if injury.what == "gateway":
            return [("answers", self._gateway)]
        if injury.what == "nats":
            return [("stream answers", self._stream), (_EVENTS, self._true(_PUBLISHED, since))]
        if injury.what == "outside":
            return [(_FIRST_INVOICE, self._true(_INVOICED, since))]
        return [("accepts a query", self._true("SELECT true"))]

    async def _until(self, what: str, question: Question, at: float) -> Recovery | None:
        """Ask until the answer is yes. None where the day left nothing to ask about."""
        deadline = monotonic() + _LONGEST
        while monotonic() < deadline:
            with suppress(*AWAY, *BACKBONE_AWAY):
                async with asyncio.timeout(_ASK_SECONDS):
                    if await question():
                        return Recovery(what=what, seconds=round(time() - at, 2))
            if what in _IF_ANY_COMES and monotonic() > self._day_ends + _AFTER_THE_DAY:
                return None
            await asyncio.sleep(_POLL)
        return Recovery(what=what, seconds=None)

    def _moved_on(self, held: Held) -> Question:
        async def question() -> bool:
            if not held:
                return True
            left = await self._ask("fetchval", _STILL_HELD, [key for key, _ in held], [fence for _, fence in held])
            return not left

        return question

    def _true(self, query: str, *arguments: object) -> Question:
        async def question() -> bool:
            return bool(await self._ask("fetchval", query, *arguments))

        return question

    async def _gateway(self) -> bool:
        return await asyncio.to_thread(_live, self._stage.settings.host, self._stage.settings.gateway_port)

    async def _stream(self) -> bool:
        client = await connect(self._stage.servers.nats_url, "suture-chaos")
        try:
            info = await client.jetstream(timeout=2).stream_info(STREAM)
        finally:
            await client.close()
        return info.cluster is None or info.cluster.name is None or bool(info.cluster.leader)

    async def _ask(self, how: str, query: str, *arguments: object) -> Any:
        """One question on a connection of its own: what counts is that a newcomer is served."""
        async with asyncio.timeout(_ASK_SECONDS):
            connection = await asyncpg.connect(self._stage.servers.database_url)
            try:
                return await getattr(connection, how)(query, *arguments)
            finally:
                connection.terminate()


def _live(host: str, port: int) -> bool:
    connection = HTTPConnection(host, port, timeout=1)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
