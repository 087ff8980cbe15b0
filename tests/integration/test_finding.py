"""The numbers by which journeys are found."""

from datetime import UTC, datetime
from uuid import uuid4

import msgspec
from tests.integration.recovery import rows

from suture.canonical.events import EVENT_TYPES
from suture.canonical.examples import example
from suture.core.clock import ManualClock
from suture.operate.projection import JourneyProjection, numbers_of
from suture.store.database import Database
from suture.store.migrations.versions import s0006_people
from suture.store.recorder import Recorder

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
