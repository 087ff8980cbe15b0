"""The journeys that people look at: events may come twice and late, and the row is the same."""

import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from suture.canonical import events as facts
from suture.canonical.events import EVENT_TYPES, Event
from suture.canonical.records import Charge, Payment, Visit
from suture.core.clock import ManualClock, SystemClock
from suture.core.ids import fact_id
from suture.core.money import Money
from suture.core.trouble import Trouble
from suture.projection.journeys import JourneyProjection
from suture.store import exceptions, journeys
from suture.store.database import Database
from suture.store.journeys import FunnelStage, JourneyRow
from suture.store.recorder import Recorder

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
TYPES = {kind: name for name, kind in EVENT_TYPES.items()}


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def life(appointment: str) -> list[Event]:
    booking = {"appointment": appointment, "patient": "Patient/p1", "practitioner": None, "facility": "MAIN"}
    payment = Payment(
        payment="p1", charge="C1", appointment=appointment, amount=usd("200"), received_on=date(2026, 3, 2)
    )
    told: list[tuple[msgspec.Struct, int | None]] = [
        (facts.AppointmentBooked(**booking, start=START), 1),
        (facts.AppointmentRescheduled(**booking, start=START + timedelta(hours=1)), 2),
        (facts.AppointmentArrived(appointment=appointment), 3),
        (facts.InvoicePosted(appointment=appointment, invoice=7, number="INV/1", total=usd("200")), None),
        (facts.PaymentPosted(payment=payment), None),
        (_paid(appointment, "120", "80", "partial"), None),
        (_paid(appointment, "80", "0", "paid"), None),
    ]
    return [_event(appointment, data, version, number) for number, (data, version) in enumerate(told)]


def _paid(appointment: str, amount: str, residual: str, state: str) -> facts.InvoicePaid:
    return facts.InvoicePaid(
        appointment=appointment,
        payment=f"p-{amount}",
        number="INV/1",
        amount=usd(amount),
        residual=usd(residual),
        payment_state=state,
    )


def _event(appointment: str, data: msgspec.Struct, version: int | None, number: int) -> Event:
    at = START + timedelta(minutes=number)
    return Event(
        id=fact_id(appointment, str(number)),
        type=TYPES[type(data)],
        source="suture/test",
        subject=f"Appointment/{appointment}",
        organisation="test-clinics",
        facility="MAIN",
        occurred_at=at,
        recorded_at=at,
        correlation_id=appointment,
        sequence=version,
        data=msgspec.Raw(msgspec.json.encode(data)),
    )


async def row_of(database: Database, appointment: str = "a1") -> JourneyRow | None:
    async with database.connection() as connection:
        return await journeys.one(connection, appointment)


async def test_a_journey_becomes_one_row(database: Database) -> None:
    await JourneyProjection(database, Recorder(()), SystemClock()).apply(life("a1"))
    row = await row_of(database)
    assert row is not None
    assert (row.status, row.start_at) == ("arrived", START + timedelta(hours=1))
    assert (row.invoice_number, row.invoice_total, row.residual) == ("INV/1", Decimal(200), Decimal(0))
    assert (row.payment_state, row.payments, row.facility) == ("paid", {"p1": Decimal(200)}, "MAIN")
    assert list(sorted(row.milestones, key=row.milestones.__getitem__)) == [
        *("booked", "rescheduled", "arrived", "posted", "payment_received", "part_paid", "paid")
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
async def test_batches_of_any_size_end_the_same(database: Database, size: int) -> None:
    projection, events = JourneyProjection(database, Recorder(()), SystemClock()), life("a1")
    await JourneyProjection(database, Recorder(()), SystemClock()).apply(life("whole"))
    for start in range(0, len(events), size):
        await projection.apply(events[start : start + size])
    assert _content(await row_of(database)) == _content(await row_of(database, "whole"))


@pytest.mark.parametrize("again", [*itertools.combinations(range(7), 1), (0, 1, 2), (3, 4), (3, 4, 5)])
async def test_events_that_come_again_change_nothing(database: Database, again: tuple[int, ...]) -> None:
    projection, events = JourneyProjection(database, Recorder(()), SystemClock()), life("a1")
    await projection.apply(events)
    before = await row_of(database)
    await projection.apply([events[number] for number in again])
    assert await row_of(database) == before


async def test_a_payment_that_came_back_opens_the_invoice_again(database: Database) -> None:
    projection, events = JourneyProjection(database, Recorder(()), SystemClock()), life("a1")
    returned = _event("a1", _paid("a1", "-80", "80", "partial"), None, 9)
    await projection.apply(events)
    await projection.apply([returned])
    await projection.apply(events)
    row = await row_of(database)
    assert row is not None
    assert (row.residual, row.payment_state) == (Decimal(80), "partial")
    await JourneyProjection(database, Recorder(()), SystemClock()).apply(
        [_event("a2", one, None, number) for number, one in enumerate(_three_in_a_batch())]
    )
    together = await row_of(database, "a2")
    assert together is not None
    assert (together.residual, together.payment_state) == (Decimal(80), "partial")


def _three_in_a_batch() -> list[msgspec.Struct]:
    posted = facts.InvoicePosted(appointment="a2", invoice=8, number="INV/2", total=usd("200"))
    return [posted, _paid("a2", "200", "0", "paid"), _paid("a2", "-80", "80", "partial")]


async def test_a_reversed_invoice_stays_reversed(database: Database) -> None:
    projection, events = JourneyProjection(database, Recorder(()), SystemClock()), life("a1")
    gone = facts.InvoiceCancelled(appointment="a1", invoice=7, number="RINV/1")
    await projection.apply([*events, _event("a1", gone, None, 8)])
    await projection.apply(events)
    row = await row_of(database)
    assert row is not None
    assert row.payment_state == "reversed"


async def test_any_appointment_is_shown_and_a_delivery_is_none(database: Database) -> None:
    raised = facts.ExceptionRaised(
        exception="e1", code="invalid_payload", reason="the payload does not match the contract"
    )
    about_a_delivery = msgspec.structs.replace(_event("delivery-9", raised, None, 1), subject="Delivery/9")
    await JourneyProjection(database, Recorder(()), SystemClock()).apply([*life("delivery-7"), about_a_delivery])
    assert await row_of(database, "delivery-7") is not None
    assert await row_of(database, "delivery-9") is None


async def test_what_was_told_as_completed_and_not_understood_is_completed_and_unbilled(database: Database) -> None:
    charge = Charge(number="C1", appointment="a3", total=usd("120.00"), lines=())
    visits = [
        *(_event(f"a{n}", facts.AppointmentArrived(appointment=f"a{n}"), 1, n) for n in range(3)),
        _event("a3", facts.AppointmentCompleted(visit=_visit("a3")), 1, 3),
        _event("a3", facts.ChargeCaptured(charge=charge), None, 4),
    ]
    await JourneyProjection(database, Recorder(()), SystemClock()).apply(visits)
    told = {"a0": "fulfilled", "a1": "arrived"}
    async with database.transaction() as connection:
        for number, (appointment, status) in enumerate(told.items()):
            trouble = Trouble(
                code="code_unmapped",
                outcome="rejected",
                reason="no row",
                remedy="add it",
                owner="clinic operations",
                delivery=number + 1,
                subject=f"Appointment/{appointment}",
                told=status,
            )
            await exceptions.put(connection, trouble, START)
        funnel = await journeys.funnel(connection, START - timedelta(days=1))
        unbilled = await journeys.of_stage(connection, START - timedelta(days=1), FunnelStage.UNBILLED, 10)
        assert (funnel.seen, funnel.to_come, funnel.completed, funnel.charged, funnel.unbilled) == (4, 2, 2, 1, 1)
        assert funnel.unbilled_total == Decimal("120.00"), "as much as recent visits came to"
        assert [row.appointment for row in unbilled] == ["a0"]
        await exceptions.resolve_deliveries(connection, [1], START, "replayed")
        assert (await journeys.funnel(connection, START - timedelta(days=1))).to_come == 3


@pytest.mark.parametrize(("late", "known"), [(9, 9), (-1, 0)])
async def test_a_visit_is_known_from_its_receipt_or_from_its_own_time_where_that_is_later(
    database: Database, late: int, known: int
) -> None:
    event = _event("a1", facts.AppointmentCompleted(visit=_visit("a1")), 1, 0)
    projection = JourneyProjection(database, Recorder(()), SystemClock())
    await projection.apply([msgspec.structs.replace(event, recorded_at=START + timedelta(hours=late))])
    await projection.apply([msgspec.structs.replace(event, sequence=2, recorded_at=START + timedelta(days=1))])
    row = await row_of(database)
    assert row is not None
    assert (row.known_at, row.day) == (START + timedelta(hours=known), date(2026, 3, 1))


async def test_a_day_counts_its_own_visits_whenever_they_were_told(database: Database) -> None:
    visit = _event("a1", facts.AppointmentCompleted(visit=_visit("a1")), 1, 0)
    await JourneyProjection(database, Recorder(()), SystemClock()).apply([visit])
    first = date(2026, 3, 1)
    async with database.connection() as connection:
        counted = await journeys.days(connection, first, first + timedelta(days=1), "UTC", START - timedelta(days=2))
    assert [(one.day, one.completed) for one in counted] == [(first, 1), (date(2026, 3, 2), 0)]


def _visit(appointment: str) -> Visit:
    return Visit(
        appointment=appointment,
        patient="Patient/p1",
        practitioner="Practitioner/d1",
        facility="MAIN",
        payer=None,
        started_at=START,
        ended_at=START,
        lines=(),
        day=date(2026, 3, 1),
    )


def _content(row: JourneyRow | None) -> JourneyRow:
    assert row is not None
    return msgspec.structs.replace(row, appointment="")


async def test_forged_messages_are_one_exception_told_once_a_minute(database: Database, clock: ManualClock) -> None:
    projection = JourneyProjection(database, Recorder(()), clock)
    for number in range(1, 100):
        await projection.forged("journeys", number)
    clock.advance(timedelta(minutes=2))
    await projection.forged("journeys", 100)
    async with database.connection() as connection:
        assert [row["code"] for row in await connection.fetch("SELECT code FROM exception")] == ["not_recorded"]
        told = await connection.fetchval("SELECT count(*) FROM event WHERE type = 'suture.exception.raised.v1'")
    assert told == 2
