"""Reads what others changed in the ledger, and puts it into the inbox like any sender's deliveries.

A change is a delivery whose id follows from its record and version: told again, it is known. The cursor moves only once
all before it is committed, so nothing is lost in between.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

import structlog

from suture.connectors.port import Ledger, LedgerChange
from suture.core.clock import Clock
from suture.core.failure import Failure
from suture.core.ids import fact_id
from suture.ingest import ledger_change
from suture.store import cursors
from suture.store.database import DATABASE_AWAY, Database
from suture.store.gate import Gate
from suture.store.inbox import Inbox, InboxFull

log = structlog.get_logger()

_ALMOST = 0.9
_TOGETHER = 200
_HINTS_TOGETHER = 0.5
"""How long (seconds) to wait for more hints before a look."""


class Poller:
    """Polls one inbound interface until cancelled; `ledgers` are its companies' books, by name."""

    def __init__(
        self,
        *,
        database: Database,
        inbox: Inbox,
        interface: str,
        system: str,
        ledgers: Mapping[str, Ledger],
        every: float,
        clock: Clock,
        gates: Callable[[], tuple[Gate, ...]] = tuple,
    ) -> None:
        self._database = database
        self._inbox = inbox
        self._interface = interface
        self._system = system
        self._ledgers = ledgers
        self._every = every
        self._clock = clock
        self._gates = gates
        self._hinted = asyncio.Event()

    def hint(self) -> None:
        """Something may have changed: look now instead of at the next timer. Many hints in a moment are one look."""
        self._hinted.set()

    async def run(self) -> None:
        gap = timedelta(seconds=self._every * _ALMOST)
        while True:
            if all(gate.flowing for gate in self._gates()):
                await self._try(gap)
            self._hinted.clear()
            gap = timedelta(seconds=self._every * _ALMOST)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._hinted.wait()
                    await asyncio.sleep(_HINTS_TOGETHER)
                    gap = timedelta(seconds=_HINTS_TOGETHER / 2)

    async def _try(self, gap: timedelta) -> None:
        for company in self._ledgers:
            try:
                await self.poll(company, gap)
            except Failure as failure:  # its gate knows; the next look goes on from the same cursor
                log.warning("ledger_not_read", interface=self._interface, code=failure.code)
            except InboxFull:  # what is told already is known again; the next look goes on from the same page
                log.warning("inbox_full", interface=self._interface)
            except DATABASE_AWAY as error:
                log.warning("database_away", role="polling", error_type=type(error).__name__)

    async def poll(self, company: str, gap: timedelta = timedelta(0)) -> int:
        """One look at a company's books, unless another worker had one less than `gap` ago; answers how many changes
        it told. A look at much goes page by page, each committed before the cursor moves past it."""
        name = f"{self._interface}/{company}" if company else self._interface
        async with self._database.connection() as connection:
            before = await cursors.claim(connection, name, self._clock.now(), gap)
        told, more = 0, before is not None
        while more:
            page = await self._ledgers[company].changes(before or None)
            await self._deliver_all(page.changes)
            async with self._database.connection() as connection:
                moved = await cursors.advance(connection, name, before or "", page.cursor, self._clock.now())
            told += len(page.changes)
            before, more = page.cursor, page.more and moved
        return told

    async def _deliver_all(self, changes: Sequence[LedgerChange]) -> None:
        """A few at a time: the inbox is also the gateway's, and its room is bounded."""
        for first in range(0, len(changes), _TOGETHER):
            await asyncio.gather(*(self._deliver(change) for change in changes[first : first + _TOGETHER]))

    async def _deliver(self, change: LedgerChange) -> None:
        told = fact_id(f"{self._system}-change", change.kind, str(change.record), change.version)
        await self._inbox.accept(self._interface, str(told), ledger_change.encode(change), self._clock.now())
