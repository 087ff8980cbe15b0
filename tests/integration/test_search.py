"""The numbers by which journeys are found."""

from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import msgspec
from tests.integration.recovery import rows

from suture.acting.context import CommandContext
from suture.canonical.events import EVENT_TYPES
from suture.canonical.examples import example
from suture.catalogue import Catalogue
from suture.core.clock import ManualClock
from suture.projection.journeys import JourneyProjection, numbers_of
from suture.store import discrepancies, ledger_snapshot
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture.store.ledger_snapshot import Holding
from suture.store.migrations.versions import s0006_people
from suture.store.recorder import Recorder
from suture.views.search import find

_BACKFILLED = {"charge", "invoice", "payment", "stock move", "accrual", "patient"}


async def test_what_was_told_before_is_found_like_what_is_told_now(database: Database) -> None:
    """The migration reads the numbers of what happened before it as the projection does of what happens after."""
    told = [
        msgspec.structs.replace(example(kind), id=uuid4(), correlation_id=f"A-{kind}") for kind in sorted(EVENT_TYPES)
    ]
    told = [event for event in told if not event.type.endswith("completed.v1")]  # its patient was booked before
    async with database.transaction() as connection:
        await Recorder(()).record(connection, told)
    (backfill,) = (one for one in s0006_people._STATEMENTS.split(";\n") if "INSERT INTO journey_number" in one)
    async with database.connection() as connection:
        await connection.execute(backfill)
    found = set(await rows(database, "SELECT number, kind, appointment FROM journey_number"))
    expected = {(one.number, one.kind, one.appointment) for one in numbers_of(told) if one.kind in _BACKFILLED}
    assert found == expected
    assert {kind for _, kind, _ in found} == _BACKFILLED


async def test_a_number_that_is_told_twice_stands_once(database: Database) -> None:
    event = example("suture.charge.captured.v1")
    async with database.transaction() as connection:
        await Recorder(()).record(connection, [event])
    projection = JourneyProjection(database, Recorder(()), ManualClock(datetime(2026, 3, 2, tzinfo=UTC)))
    await projection.apply([event])
    await projection.apply([event])
    assert len(await rows(database, "SELECT 1 FROM journey_number")) == 1


async def test_the_ledgers_own_numbers_lead_to_the_journey(
    database: Database, vault: Vault, clock: ManualClock, catalogue: Catalogue
) -> None:
    """Bank entries, and credit notes that no event told of (a repair's, a person's), as Odoo was last read."""
    seen = clock.now()

    def held(book: str, key: str, number: str, appointment: str, amount: int) -> Holding:
        return Holding(
            book=book, key=key, number=number, state="posted", appointment=appointment, amount=Decimal(amount),
            currency="USD", seen_at=seen,
        )  # fmt: skip

    documents = [
        held("ledger.payment", "PMT-1", "BNK1/2026/00042", "A-1", 200),
        held("ledger.invoice", "A-1", "RINV/2026/00007", "A-1", -25),
        held("ledger.by_hand", "INV/2026/00099", "INV/2026/00099", "", 80),
        held("billing.payment", "PMT-1", "BNK1/other", "A-2", 200),
    ]
    difference = discrepancies.FoundDifference(
        rule="entered_by_hand", what="by_hand", key="INV/2026/00099", appointment="", facility=None, party="", day=None,
        owner="finance", money=None, currency=None, repair="by_hand", evidence="{}", fingerprint="p",
    )  # fmt: skip
    async with database.transaction() as connection:
        await ledger_snapshot.stage(connection, documents)
        await ledger_snapshot.merge(connection)
        await discrepancies.put(connection, [difference], seen, seen)
    desk = CommandContext(database=database, vault=vault, catalogue=catalogue, clock=clock, recorder=Recorder(()))

    async def leads(asked: str) -> list[tuple[str, str]]:
        return [(one.path, one.kind) for one in await find(desk, asked)]

    assert await leads("BNK1/2026/00042") == [("/journeys/A-1", "bank entry")]
    assert await leads("RINV/2026/00007") == [("/journeys/A-1", "credit note")]
    assert await leads("INV/2026/00099") == [("/reconciliation/1", "in the ledger alone")]
    assert await leads("BNK1/2026") == [("/journeys/A-1", "bank entry")]
    assert await leads("BNK1/other") == []
