"""Counts deliveries that were turned away, many in one write: a flood of forgeries costs the database little."""

import asyncio
from collections import Counter

import structlog

from suture.core.clock import Clock
from suture.store.database import DATABASE_AWAY
from suture.store.inbox import Inbox

log = structlog.get_logger()

_GATHERING_SECONDS = 0.5


class Refusals:
    """Counts by interface and reason, written within a second; what can't be written waits."""

    def __init__(self, inbox: Inbox, clock: Clock) -> None:
        self._inbox = inbox
        self._clock = clock
        self._counts: Counter[tuple[str, str]] = Counter()
        self._writing: asyncio.Task[None] | None = None

    def count(self, interface: str, reason: str) -> None:
        self._counts[interface, reason] += 1
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while self._counts:
            await asyncio.sleep(_GATHERING_SECONDS)
            counts, self._counts = self._counts, Counter()
            try:
                await self._inbox.count_refusals(counts, self._clock.now())
            except DATABASE_AWAY as error:
                log.warning("database_away", role="refusals", error_type=type(error).__name__)
                self._counts.update(counts)
