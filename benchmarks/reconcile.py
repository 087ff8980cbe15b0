"""Reconciling a million appointments: time and memory of a first run, of one broken off, and of the next.

Everything is ours: events folded from PostgreSQL, documents of all sides merged into it, rules asked, what differs
looked at again. The outside systems answer at once from this process (their own time is theirs: see the figures of the
Odoo benchmark); a day has 4,000 appointments with charge, claim, invoice, payment, stock move and accrual. In the first
run a hundred gaps of five kinds are planted. The ratio compares the second run, over the window, with the first.
"""

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import psutil
import uvloop

from suture.canonical.events import AppointmentCompleted, ChargeCaptured, InvoicePosted, PaymentPosted
from suture.canonical.records import Charge, JournalFact, Payment, PricedLine, ServiceLine, Visit
from suture.catalogue import parse
from suture.catalogue.reconciliation import ReconciliationPolicy
from suture.catalogue.write import template
from suture.connectors.port import MasterRecord, Span
from suture.core.clock import ManualClock
from suture.core.ids import fact_id
from suture.core.money import Money
from suture.processes.definitions import ROUTES
from suture.reconcile.discrepancy_recorder import DiscrepancyRecorder
from suture.reconcile.reconciler import Reconciler
from suture.reconcile.sides import Sides
from suture.store import discrepancies, reconciliations
from suture.store.database import Database
from suture.store.discrepancies import DiscrepancySelection
from suture.store.embedded import EmbeddedPostgres
from suture.store.reconciliations import Reconciliation as Run
from suture.store.recorder import Recorder
from suture.store.schema import migrate

APPOINTMENTS = int(os.environ.get("SUTURE_BENCH_APPOINTMENTS", "1000000"))
A_DAY = 4000
GAPS = 100
PRICE = Money(Decimal("120.00"), "USD")
SHARE = Money(Decimal("36.00"), "USD")
END = date(2026, 6, 30)
NOW = datetime(2026, 7, 2, 6, tzinfo=UTC)
_AT_ONCE = 50_000


def name_of(number: int) -> str:
    return f"A{number:08d}"


def day_of(number: int) -> date:
    return END - timedelta(days=number // A_DAY)


class Sources:
    """All sides, made up as they are asked. What a gap takes away is not there."""

    def __init__(self) -> None:
        step = max(APPOINTMENTS // GAPS, 1)
        kinds = ("charge", "claim", "invoice", "payment", "stock_move")
        self.gaps = {name_of(n * step): kinds[n % len(kinds)] for n in range(GAPS) if n * step < APPOINTMENTS}
        self.asked = 0

    def _numbers(self, span: Span) -> range:
        first, last = (END - span.last).days, (END - span.first).days
        return range(max(first, 0) * A_DAY, min((last + 1) * A_DAY, APPOINTMENTS))

    async def of(self, kinds: Sequence[str], numbers: Sequence[int]) -> AsyncIterator[JournalFact]:
        for number in numbers:
            for kind in kinds:
                fact = self._fact(kind, number)
                if fact is not None:
                    self.asked += 1
                    yield fact

    def _fact(self, kind: str, number: int) -> JournalFact | None:
        key, day = name_of(number), day_of(number)
        if self.gaps.get(key) == kind:
            return None
        about: dict[str, Any] = {"kind": kind, "number": f"{kind}/{number}", "day": day}
        match kind:
            case "appointment":
                return JournalFact(key=key, state="fulfilled", facility="MAIN", **about)
            case "charge":
                return JournalFact(key=key, state="captured", amount=PRICE, open=PRICE - PRICE, party=_PAYER, **about)
            case "claim":
                return JournalFact(key=key, state="paid", amount=PRICE, party=_PAYER, **about)
            case "invoice":
                return JournalFact(key=key, state="posted", amount=PRICE, open=PRICE - PRICE, party=_PAYER, **about)
            case "payment":
                return JournalFact(key=f"P{key}", of=key, state="posted", amount=PRICE, party=_PAYER, **about)
            case "stock_move":
                return JournalFact(key=key, state="done", quantity=Decimal(1), **about)
        return JournalFact(key=key, state="posted", amount=SHARE, **about)


_PAYER = "Payer/o1"


class Side:
    """One system, as a port."""

    def __init__(self, sources: Sources, *kinds: str) -> None:
        self.name = "bench"
        self._sources = sources
        self._kinds = kinds

    def facts(self, span: Span | None = None) -> AsyncIterator[JournalFact]:
        assert span is not None
        return self._sources.of(self._kinds, self._sources._numbers(span))

    def facts_of(self, appointments: Sequence[str], payments: Sequence[str] = ()) -> AsyncIterator[JournalFact]:
        return self._sources.of(self._kinds, [int(one[1:]) for one in appointments])

    async def master_data(self) -> AsyncIterator[MasterRecord]:
        for record in ():
            yield record


def measure() -> dict[str, object]:
    with tempfile.TemporaryDirectory(prefix="suture-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = EmbeddedPostgres(folder)
        url = server.start()
        try:
            asyncio.run(migrate(url))
            return uvloop.run(_measure(url))
        finally:
            server.stop()


async def _measure(url: str) -> dict[str, object]:
    database = await Database.connect(url)
    clock, sources = ManualClock(NOW), Sources()
    try:
        began = time.monotonic()
        await _record_events(url)
        recorded = time.monotonic() - began
        reconciler = _reconciler(database, sources, clock)
        before = _memory()
        first, broken = await _first_run(database, reconciler, clock)
        found = await _found(database)
        sources.gaps.clear()  # fixed
        clock.advance(timedelta(hours=1))
        began = time.monotonic()
        second = await _run(database, reconciler, clock)
        again = time.monotonic() - began
        return {
            "appointments": APPOINTMENTS,
            "events_written_s": round(recorded, 1),
            "first_run_s": round(first, 1),
            "documents": await _documents(database),
            "appointments_per_s": round(APPOINTMENTS / first),
            "gone_on_with_after_being_broken_off_at_day": broken,
            "found": found,
            "next_run_s": round(again, 1),
            "next_run_days": len(second.days),
            "ratio_next_to_first": round(again / first, 3),
            "cleared": second.cleared,
            "memory_before_mb": before,
            "memory_peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "database_gb": round(await _size(database) / 1e9, 2),
        }
    finally:
        await database.close()


def _reconciler(database: Database, sources: Sources, clock: ManualClock) -> Reconciler:
    catalogue = msgspec.structs.replace(
        parse(template(), "catalogue.yaml"), reconciliation=ReconciliationPolicy(every_hours=0)
    )
    scheduling, billing = Side(sources, "appointment"), Side(sources, "charge", "claim", "payment")
    ledger = Side(sources, "invoice", "payment", "stock_move", "accrual")
    return Reconciler(
        database=database,
        sides=Sides(database, scheduling, billing, {None: ledger}, clock),  # type: ignore[arg-type,dict-item]
        teller=DiscrepancyRecorder(Recorder(ROUTES, frozenset()), catalogue),
        catalogue=catalogue,
        clock=clock,
    )


async def _first_run(database: Database, reconciler: Reconciler, clock: ManualClock) -> tuple[float, int]:
    """Seconds of the whole first run, which is broken off once in its midst and gone on with."""
    run = await _request(database, clock)
    began, half = time.monotonic(), APPOINTMENTS // A_DAY // 2

    def break_off(told: Run) -> None:
        if told.state == "reading" and told.position >= half:
            raise InterruptedError

    with suppress(InterruptedError):
        await reconciler.run(run, break_off)
    async with database.connection() as connection:
        due = await reconciliations.due(connection)
    assert due is not None
    await reconciler.run(due, _show)
    return time.monotonic() - began, due.position


async def _run(database: Database, reconciler: Reconciler, clock: ManualClock) -> Run:
    return await reconciler.run(await _request(database, clock), _show)


async def _request(database: Database, clock: ManualClock) -> Run:
    last = clock.now().date()
    async with database.transaction() as connection:
        number = await reconciliations.request(connection, last - timedelta(days=39), last, by="bench", at=clock.now())
        run = await reconciliations.get(connection, number)
    assert run is not None
    return run


def _show(run: Run) -> None:
    sys.stderr.write(f"\r{run.state} {run.position}/{len(run.days)}   ")


async def _found(database: Database) -> dict[str, int]:
    async with database.connection() as connection:
        found = await discrepancies.select(connection, DiscrepancySelection(), 10_000)
    rules = [one.rule for one in found]
    return {rule: rules.count(rule) for rule in sorted(set(rules))}


async def _documents(database: Database) -> int:
    async with database.connection() as connection:
        count: int = await connection.fetchval("SELECT count(*) FROM holding")
    return count


async def _size(database: Database) -> int:
    async with database.connection() as connection:
        size: int = await connection.fetchval("SELECT pg_total_relation_size('holding')")
    return size


def _memory() -> int:
    return round(psutil.Process().memory_info().rss / 1024**2)


async def _record_events(url: str) -> None:
    """What Suture was told and told of each appointment, as if it had all flowed."""
    connection = await asyncpg.connect(url)
    columns = ["id", "type", "source", "subject", "organisation", "facility", "occurred_at", "recorded_at"]
    columns += ["correlation_id", "data"]
    try:
        for first in range(0, APPOINTMENTS, _AT_ONCE):
            numbers = range(first, min(first + _AT_ONCE, APPOINTMENTS))
            rows = [row for number in numbers for row in _events(number)]
            await connection.copy_records_to_table("event", records=rows, columns=columns)
    finally:
        await connection.close()


def _events(number: int) -> list[tuple[Any, ...]]:
    key, day = name_of(number), day_of(number)
    at = datetime(day.year, day.month, day.day, 15, tzinfo=UTC)
    visit = Visit(
        appointment=key,
        patient="Patient/p1",
        practitioner="Practitioner/d1",
        facility="MAIN",
        payer=_PAYER,
        started_at=at,
        ended_at=at,
        lines=(ServiceLine(service="OV-EST"),),
    )
    line = PricedLine(service="OV-EST", quantity=Decimal(1), unit_price=PRICE.amount)
    payment = Payment(payment=f"P{key}", charge=f"C{key}", appointment=key, amount=PRICE, received_on=day, payer=_PAYER)
    facts: tuple[tuple[str, str, msgspec.Struct], ...] = (
        ("suture.appointment.completed.v1", f"Appointment/{key}", AppointmentCompleted(visit=visit)),
        (
            "suture.charge.captured.v1",
            f"Appointment/{key}",
            ChargeCaptured(charge=Charge(number=f"C{key}", appointment=key, total=PRICE, lines=(line,))),
        ),
        (
            "suture.invoice.posted.v1",
            f"Appointment/{key}",
            InvoicePosted(appointment=key, invoice=number, number=f"INV/{number}", total=PRICE, facility="MAIN"),
        ),
        ("suture.payment.posted.v1", f"Payment/P{key}", PaymentPosted(payment=payment)),
    )
    return [
        (fact_id(told, subject), told, "bench", subject, "harbour-clinics", "MAIN", at, at, key, _json(data))
        for told, subject, data in facts
    ]


def _json(data: msgspec.Struct) -> str:
    return msgspec.json.encode(data).decode()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(measure(), indent=2) + "\n")
