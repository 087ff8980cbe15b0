"""A run of reconciliation: fold what was told, read all sides day by day, compare, look again before anything is said.

A part is a few days. Each is finished before the next begins, and how far a run is stands in the database: one that was
broken off goes on where it was, and memory is bounded by a part.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import date, timedelta

import msgspec
import structlog

from suture.canonical.events import ReconciliationFinished
from suture.catalogue import Catalogue
from suture.catalogue.days import Days
from suture.catalogue.model import ServiceIndex
from suture.catalogue.reconciliation import Rule
from suture.core.clock import Clock
from suture.reconcile import evidence
from suture.reconcile.differences import Difference
from suture.reconcile.discrepancy_recorder import DiscrepancyRecorder
from suture.reconcile.event_projection import EventProjection, prices
from suture.reconcile.rule_engine import Compared, compare, suspects
from suture.reconcile.sides import Sides
from suture.store import discrepancies, events, ledger_snapshot, reconciliations
from suture.store.database import Connection, Database
from suture.store.reconciliations import Reconciliation, RunProgress

log = structlog.get_logger()

_PART_DOCUMENTS = 20_000
_PART_DAYS = 7
_EVENTS_AT_ONCE = 5_000
_TAIL = 20_000
"""Events before the last that was folded are folded again: their numbers were given before they were committed."""
_ANALYZED_EVERY = 50
_ON_ITS_WAY = timedelta(days=1)
_LOOKED_AT_ONCE = 200

Tell = Callable[[Reconciliation], None]


class Reconciler:
    """Does runs, one at a time."""

    def __init__(
        self, *, database: Database, sides: Sides, teller: DiscrepancyRecorder, catalogue: Catalogue, clock: Clock
    ) -> None:
        self._database = database
        self._sides = sides
        self._teller = teller
        self._catalogue = catalogue
        self._clock = clock
        self._rules = catalogue.reconciliation.standing
        self._folded = 0
        self._days = Days(catalogue)
        self._fold = EventProjection(ServiceIndex(catalogue), self._days)

    async def run(self, run: Reconciliation, tell: Tell = lambda _: None) -> Reconciliation:
        """Do a run to its end, or go on with it. Raises what reading raises; it can be gone on with then."""
        if run.state == "requested":
            await self.fold(run.id, tell)
            await self._plan(run)
            run = await self._told(run.id, tell)
        if run.state == "reading":
            await self._read(run, tell)
            run = await self._told(run.id, tell)
        if run.state == "comparing":
            await self._compare(run, tell)
        return await self._told(run.id, tell)

    async def look(self, keys: Sequence[str], appointments: Sequence[str], day: date | None = None) -> RunProgress:
        """Look at a few keys again, on all sides, now: what differs no more is closed, what does is told. What is of no
        appointment is found by its `day`, or is master data."""
        await self.fold(None)
        if day is not None and not appointments:
            await self._sides.read_days(day, day)
            return await self._compare_part((day, day), self._rules)
        await self._sides.read_appointments(appointments)
        if not appointments:
            await self._sides.read_master_data()
        async with self._database.transaction() as connection:
            await ledger_snapshot.total_days_of(connection, appointments, self._clock.now())
            await ledger_snapshot.scope_keys(connection, [*keys, *appointments])
            compared = await self._differences(connection, None, self._rules)
            return await self._tell(connection, compared, None)

    async def fold(self, run: int | None, tell: Tell = lambda _: None) -> None:
        """Bring Suture's own books up to what was recorded; how far that is stands in the run, where there is one."""
        async with self._database.connection() as connection:
            last = await reconciliations.folded_until(connection)
        at, batches = self._from(last, run), 0
        while True:
            if batches % _ANALYZED_EVERY == 1 and run is not None:
                await self._analyze()
                await self._told(run, tell)
            batches += 1
            async with self._database.transaction() as connection:
                some = await events.after(connection, at, self._fold.types, _EVENTS_AT_ONCE)
                if not some:
                    break
                await ledger_snapshot.stage(connection, self._fold.fold(one.event for one in some))
                await ledger_snapshot.merge_told(connection)
                await ledger_snapshot.keep_prices(connection, prices(some))
                at = self._folded = some[-1].seq
                if run is not None:
                    await reconciliations.folded(connection, run, max(at, last))

    def _from(self, last: int, run: int | None) -> int:
        """After which event to fold: a run, and the first look, begin some way before the last one that was."""
        if run is None and self._folded >= last:
            return self._folded
        return max(last - _TAIL, 0)

    async def _analyze(self) -> None:
        async with self._database.connection() as connection:
            await ledger_snapshot.analyze(connection)

    async def _plan(self, run: Reconciliation) -> None:
        """Which days: those asked for, and older ones in which something differs or of which something was told since.
        The first run reads everything since Suture was first told anything."""
        async with self._database.transaction() as connection:
            first = await ledger_snapshot.first_day(connection)
            since = await reconciliations.done_until(connection)
            days = set(_days(run.first if since is not None else first or run.last, run.last))
            days |= await discrepancies.open_days(connection)
            days |= await ledger_snapshot.touched_days(connection, since) if since is not None else set()
            planned = sorted(day for day in days if first is not None and first <= day <= run.last)
            await reconciliations.begin(connection, run.id, planned, self._clock.now())

    async def _read(self, run: Reconciliation, tell: Tell) -> None:
        position = run.position
        async for part in self._parts(run.days, position):
            documents = await self._sides.read_days(part[0], part[-1])
            position += len(part)
            async with self._database.transaction() as connection:
                await ledger_snapshot.total_days(connection, part[0], part[-1], self._clock.now())
                await reconciliations.advance(connection, run.id, "reading", position, RunProgress(documents=documents))
            await self._told(run.id, tell)
        documents = await self._sides.read_master_data()
        await self._analyze()
        async with self._database.transaction() as connection:
            await reconciliations.advance(connection, run.id, "comparing", 0, RunProgress(documents=documents))

    async def _compare(self, run: Reconciliation, tell: Tell) -> None:
        position, rules = run.position, [at_once(rule) if run.at_once else rule for rule in self._rules]
        async for part in self._parts(run.days, position):
            progress = await self._compare_part((part[0], part[-1]), rules)
            position += len(part)
            async with self._database.transaction() as connection:
                await reconciliations.advance(connection, run.id, "comparing", position, progress)
            await self._told(run.id, tell)
        async with self._database.transaction() as connection:
            await ledger_snapshot.scope_undated(connection)
            compared = await self._differences(connection, None, rules)
            progress = await self._tell(connection, compared, None)
            await reconciliations.advance(connection, run.id, "comparing", position, progress)
            await self._finish(connection, run.id)

    async def _compare_part(self, span: tuple[date, date], rules: Sequence[Rule]) -> RunProgress:
        """First what is dated together, which is quick; then the keys that seem to differ, or did, wherever they are
        dated; then, since work goes on while sides are read, what still differs once more from all sides.

        The first look misses nothing: where each day's documents of a key agree, so do their sums."""
        async with self._database.transaction() as connection:
            await ledger_snapshot.scope_days(connection, *span)
            known, now = await discrepancies.in_scope(connection, span), self._clock.now()
            doubted = await suspects(connection, rules, now, span, self._days.westernmost(now))
            keys = sorted(doubted | {key for one in known for key in (one.key, one.appointment) if key})
        if not keys:
            return RunProgress()
        async with self._database.transaction() as connection:
            await ledger_snapshot.scope_keys(connection, keys)
            compared = await self._differences(connection, span, rules)
            if not compared.told:
                return await self._tell(connection, compared, span)
        await self._read_again(compared.told)
        async with self._database.transaction() as connection:
            await ledger_snapshot.scope_keys(connection, keys)
            return await self._tell(connection, await self._differences(connection, span, rules), span)

    async def _differences(
        self, connection: Connection, span: tuple[date, date] | None, rules: Sequence[Rule]
    ) -> Compared:
        now = self._clock.now()
        return await compare(connection, rules, now, span, self._days.westernmost(now))

    async def _read_again(self, told: Sequence[Difference]) -> None:
        appointments = sorted({one.appointment for one in told if one.appointment})
        if appointments:
            await self.fold(None)
        for first in range(0, len(appointments), _LOOKED_AT_ONCE):
            await self._sides.read_appointments(appointments[first : first + _LOOKED_AT_ONCE])

    async def _tell(self, connection: Connection, compared: Compared, span: tuple[date, date] | None) -> RunProgress:
        """Open what differs and nobody knows of, close what differs no more."""
        now = self._clock.now()
        known = await self._teller.explained(connection, compared.told, now - _ON_ITS_WAY)
        told = [one for one in compared.told if one.key not in known]
        keys = sorted({key for one in compared.told for key in (one.key, one.appointment) if key})
        documents = evidence.by_key(await ledger_snapshot.documents(connection, keys))
        opened = await self._teller.open(connection, told, documents, now)
        cleared = await self._teller.close(connection, compared.raw, span, now)
        return RunProgress(found=opened, cleared=cleared, explained=len(compared.told) - len(told))

    async def _finish(self, connection: Connection, number: int) -> None:
        now = self._clock.now()
        await reconciliations.finish(connection, number, "done", now)
        run = await reconciliations.get(connection, number)
        if run is not None:
            fact = ReconciliationFinished(
                run=run.id, first=run.first, last=run.last, found=run.found, cleared=run.cleared
            )
            await self._teller.finished(connection, fact, run.correlation_id, now)

    async def _parts(self, days: Sequence[date], position: int) -> AsyncIterator[list[date]]:
        async with self._database.connection() as connection:
            sizes = await ledger_snapshot.sizes(connection, days)
        for part in parts(days[position:], sizes):
            yield part

    async def _told(self, number: int, tell: Tell) -> Reconciliation:
        async with self._database.connection() as connection:
            run = await reconciliations.get(connection, number)
        if run is None:
            raise LookupError(f"run {number} is gone")
        tell(run)
        return run


def at_once(rule: Rule) -> Rule:
    """Without its waiting time. Where there is one side only, how long something stands is the question itself."""
    return msgspec.structs.replace(rule, after_hours=0.0) if rule.right is not None else rule


def _days(first: date, last: date) -> Iterable[date]:
    return (first + timedelta(days=number) for number in range((last - first).days + 1))


def parts(days: Sequence[date], sizes: dict[date, int]) -> Iterable[list[date]]:
    """Days that follow each other, a few at a time: at most a week, and at most so many documents unless a day has
    more."""
    part: list[date] = []
    size = 0
    for day in days:
        follows = bool(part) and day == part[-1] + timedelta(days=1)
        if part and (not follows or len(part) == _PART_DAYS or size + sizes.get(day, 0) > _PART_DOCUMENTS):
            yield part
            part, size = [], 0
        part.append(day)
        size += sizes.get(day, 0)
    if part:
        yield part
