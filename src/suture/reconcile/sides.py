"""Reads the outside systems themselves, a span of days or a few appointments at a time, into their books."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import date, datetime

from suture.canonical.records import JournalFact
from suture.connectors.port import Billing, Ledger, Scheduling, Span
from suture.core.clock import Clock
from suture.reconcile.books import MASTER_DATA, books_of, holding, master_holding
from suture.store import ledger_snapshot
from suture.store.database import Database
from suture.store.ledger_snapshot import Holding


class Sides:
    """The systems of both sides. `ledgers` are the books of every company, by name."""

    def __init__(
        self,
        database: Database,
        scheduling: Scheduling,
        billing: Billing,
        ledgers: Mapping[str | None, Ledger],
        clock: Clock,
    ) -> None:
        self._database = database
        self._scheduling = scheduling
        self._billing = billing
        self._ledgers = ledgers
        self._clock = clock

    async def read_days(self, first: date, last: date) -> int:
        """Read what every system holds of these days; answers how many documents. What is gone is forgotten."""
        span, now = Span(first, last), self._clock.now()
        read = await asyncio.gather(
            _all("scheduling", self._scheduling.facts(span), now),
            _all("billing", self._billing.facts(span), now),
            *(_all("ledger", ledger.facts(span), now) for ledger in self._ledgers.values()),
        )
        for side, found in _by_side(read):
            async with self._database.transaction() as connection:
                await ledger_snapshot.stage(connection, found)
                await ledger_snapshot.merge_days(connection, books_of(side), first, last)
        return sum(map(len, read))

    async def read_appointments(self, appointments: Sequence[str]) -> int:
        """Read what every system holds of these appointments now, their payments included."""
        wanted, now = [one for one in appointments if one], self._clock.now()
        if not wanted:
            return 0
        async with self._database.connection() as connection:
            known = set(await ledger_snapshot.payments_of(connection, wanted))
        billed = await _all("billing", self._billing.facts_of(wanted), now)
        payments = sorted(known | {one.key for one in billed if one.book == "billing.payment"})
        booked = [
            one
            for ledger in self._ledgers.values()
            for one in await _all("ledger", ledger.facts_of(wanted, payments), now)
        ]
        read = {"scheduling": await _all("scheduling", self._scheduling.facts_of(wanted), now), "billing": billed}
        for side, found in {**read, "ledger": booked}.items():
            async with self._database.transaction() as connection:
                await ledger_snapshot.stage(connection, found)
                await ledger_snapshot.merge_appointments(connection, books_of(side), [*wanted, *payments])
        return sum(map(len, read.values())) + len(booked)

    async def read_master_data(self) -> int:
        """Read contacts and products of every company's books."""
        now = self._clock.now()
        found: dict[str, Holding] = {}
        for ledger in self._ledgers.values():
            async for record in ledger.master_data():
                found[record.reference] = master_holding(record, now)
        async with self._database.transaction() as connection:
            await ledger_snapshot.stage(connection, found.values())
            await ledger_snapshot.merge_book(connection, MASTER_DATA)
        return len(found)


async def _all(side: str, facts: AsyncIterator[JournalFact], now: datetime) -> list[Holding]:
    return [one async for fact in facts if (one := holding(side, fact, now)) is not None]


def _by_side(read: Sequence[list[Holding]]) -> list[tuple[str, list[Holding]]]:
    """Scheduling first: it says where the others' documents belong; then billing, which knows whose a payment is."""
    scheduling, billing, *ledgers = read
    booked = [one for found in ledgers for one in found]
    return [("scheduling", scheduling), ("billing", billing), ("ledger", booked)]
