"""The journeys that people look at: one row an appointment, projected from the backbone's events.

A subscriber like any other: idempotent, a little behind, and it can be rebuilt from the stream.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from suture.canonical import events as facts
from suture.canonical.events import Event
from suture.core.clock import Clock
from suture.core.failure import Rejected
from suture.core.trouble import Trouble
from suture.store import finding
from suture.store.database import Database
from suture.store.finding import KnownNumber
from suture.store.journeys import JourneyRow, upsert
from suture.store.recorder import Recorder


class JourneyChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one event changes of its journey. Unset fields stay."""

    milestone: str
    status: str | None = None
    start_at: datetime | None = None
    currency: str | None = None
    charge_total: Decimal | None = None
    invoice_number: str | None = None
    invoice_total: Decimal | None = None
    residual: Decimal | None = None
    payment_state: str | None = None
    payment: tuple[str, Decimal] | None = None
    day: date | None = None
    completes: bool = False


def _invoice_posted(data: facts.InvoicePosted) -> JourneyChange:
    return JourneyChange(
        milestone="posted",
        invoice_number=data.number,
        invoice_total=data.total.amount,
        residual=data.total.amount,
        payment_state="not_paid",
        currency=data.total.currency,
    )


def _invoice_paid(data: facts.InvoicePaid) -> JourneyChange:
    return JourneyChange(
        milestone="paid" if not data.residual else "part_paid",
        residual=data.residual.amount,
        payment_state=data.payment_state,
    )


def _charge_captured(data: facts.ChargeCaptured) -> JourneyChange:
    total = data.charge.total
    return JourneyChange(milestone="charged", charge_total=total.amount, currency=total.currency)


def _invoice_settled(data: facts.InvoiceSettled) -> JourneyChange:
    return JourneyChange(milestone="settled_by_person", residual=data.residual.amount, payment_state=data.payment_state)


def _payment_posted(data: facts.PaymentPosted) -> JourneyChange:
    return JourneyChange(milestone="payment_received", payment=(data.payment.payment, data.payment.amount.amount))


_EXCEPTION = "suture.exception.raised.v1"
_CHANGES: dict[str, Callable[[Any], JourneyChange]] = {
    "suture.appointment.booked.v1": lambda d: JourneyChange(milestone="booked", status="booked", start_at=d.start),
    "suture.appointment.rescheduled.v1": lambda d: JourneyChange(
        milestone="rescheduled", status="booked", start_at=d.start
    ),
    "suture.appointment.arrived.v1": lambda _: JourneyChange(milestone="arrived", status="arrived"),
    "suture.appointment.completed.v1": lambda d: JourneyChange(
        milestone="completed", status="fulfilled", day=d.visit.day, completes=True
    ),
    "suture.appointment.cancelled.v1": lambda _: JourneyChange(milestone="cancelled", status="cancelled"),
    "suture.appointment.no_show.v1": lambda _: JourneyChange(milestone="no_show", status="noshow"),
    "suture.eligibility.verified.v1": lambda _: JourneyChange(milestone="eligible"),
    "suture.eligibility.unknown.v1": lambda _: JourneyChange(milestone="eligibility_unknown"),
    "suture.charge.captured.v1": _charge_captured,
    "suture.charge.voided.v1": lambda _: JourneyChange(milestone="charge_voided"),
    "suture.invoice.drafted.v1": lambda _: JourneyChange(milestone="invoiced"),
    "suture.invoice.posted.v1": _invoice_posted,
    "suture.invoice.cancelled.v1": lambda _: JourneyChange(
        milestone="invoice_cancelled", payment_state="reversed", residual=Decimal(0)
    ),
    "suture.invoice.paid.v1": _invoice_paid,
    "suture.payment.posted.v1": _payment_posted,
    "suture.stock.consumed.v1": lambda _: JourneyChange(milestone="stocked"),
    "suture.stock.returned.v1": lambda _: JourneyChange(milestone="stock_returned"),
    "suture.compensation.accrued.v1": lambda _: JourneyChange(milestone="accrued"),
    "suture.compensation.reversed.v1": lambda _: JourneyChange(milestone="accrual_reversed"),
    "suture.invoice.changed_by_person.v1": lambda _: JourneyChange(milestone="changed_by_person"),
    "suture.invoice.settled.v1": _invoice_settled,
    _EXCEPTION: lambda _: JourneyChange(milestone="exception"),
}
"""Event type: what it changes. Types that aren't here concern no appointment."""


_NOT_OF_APPOINTMENTS = ("Invoice/", "Entry/")
_FORGED_AGAIN = timedelta(minutes=1)


class JourneyProjection:
    """The subscriber's handler."""

    def __init__(self, database: Database, recorder: Recorder, clock: Clock) -> None:
        self._database = database
        self._recorder = recorder
        self._clock = clock
        self._forged_told: datetime | None = None

    async def apply(self, events: Sequence[Event]) -> None:
        """Apply a batch; applying it again changes nothing."""
        rows = merge(events)
        if rows:
            async with self._database.transaction() as connection:
                await upsert(connection, rows)
                await finding.put(connection, numbers_of(events))

    async def unreadable(self, subscriber: str, sequence: int) -> None:
        """A message that is no event is shown as an exception."""
        async with self._database.transaction() as connection:
            await self._recorder.open_exception(connection, _not_an_event(subscriber, sequence), self._clock.now())

    async def forged(self, subscriber: str, sequence: int) -> None:
        """A message that tells what was never recorded is shown as an exception: one for however many there are, told
        again at most once a minute."""
        now = self._clock.now()
        if self._forged_told is not None and now - self._forged_told < _FORGED_AGAIN:
            return
        async with self._database.transaction() as connection:
            await self._recorder.open_exception(connection, _not_recorded(subscriber, sequence), now)
        self._forged_told = now

    async def put_aside(self, event: Event, error: Exception) -> None:
        """An event that the projection can't take is shown as an exception."""
        trouble = Trouble(
            code="projection_broke",
            outcome=Rejected.outcome,
            reason=f"{event.type} could not be shown ({type(error).__name__})",
            remedy="The ledger is not affected. Report it; after the fix, rebuild the projection.",
            owner="integration",
            process=f"projection:{event.id}",
            subject=event.subject,
        )
        async with self._database.transaction() as connection:
            await self._recorder.open_exception(
                connection, trouble, event.recorded_at, correlation_id=event.correlation_id
            )


def _not_an_event(subscriber: str, sequence: int) -> Trouble:
    return Trouble(
        code="not_an_event",
        outcome=Rejected.outcome,
        reason=f"message {sequence} of the stream is not an event that {subscriber} can read",
        remedy="Another publisher or a newer release of Suture published it. Find out which; no other work waits for"
        " it.",
        owner="integration",
        process=f"message:{sequence}",
        step=subscriber,
    )


def _not_recorded(subscriber: str, sequence: int) -> Trouble:
    return Trouble(
        code="not_recorded",
        outcome=Rejected.outcome,
        reason=f"message {sequence} of the stream is an event that Suture never recorded; it had no effect",
        remedy="Someone else publishes to the backbone under Suture's subjects. Find out who has its credentials, "
        "and change them.",
        owner="integration",
        process="stream:not_recorded",
        step=subscriber,
    )


_NUMBERS: dict[str, Callable[[Any], tuple[tuple[str, str], ...]]] = {
    "suture.appointment.booked.v1": lambda d: (("patient", d.patient),),
    "suture.appointment.completed.v1": lambda d: (("patient", d.visit.patient),),
    "suture.charge.captured.v1": lambda d: (("charge", d.charge.number),),
    "suture.invoice.posted.v1": lambda d: (("invoice", d.number),),
    "suture.invoice.cancelled.v1": lambda d: (("credit note", d.number),),
    "suture.payment.posted.v1": lambda d: (("payment", d.payment.payment),),
    "suture.stock.consumed.v1": lambda d: (("stock move", d.number),),
    "suture.compensation.accrued.v1": lambda d: (("accrual", d.number),),
}
"""Event type: the numbers that it tells, by which people look for its journey. A patient's is a reference."""


def numbers_of(events: Sequence[Event]) -> list[KnownNumber]:
    """The numbers that events tell of their appointments."""
    return [
        KnownNumber(number, kind, event.correlation_id)
        for event in events
        if event.type in _NUMBERS
        for kind, number in _NUMBERS[event.type](event.payload())
        if number
    ]


def _is_of_an_appointment(event: Event) -> bool:
    """An exception may be about anything, a remittance for example, and makes no appointment of that."""
    if event.type == _EXCEPTION:
        return event.subject.startswith("Appointment/")
    return not event.subject.startswith(_NOT_OF_APPOINTMENTS)


def merge(events: Sequence[Event]) -> list[JourneyRow]:
    """One row an appointment from a batch of events, in an order that can't deadlock."""
    rows: dict[str, JourneyRow] = {}
    for event in events:
        build = _CHANGES.get(event.type)
        if build is None or not _is_of_an_appointment(event):
            continue
        key = event.correlation_id
        rows[key] = _apply(rows.get(key) or JourneyRow(appointment=key), event, build(event.payload()))
    return [rows[key] for key in sorted(rows)]


def _apply(row: JourneyRow, event: Event, change: JourneyChange) -> JourneyRow:
    newest = change.status is not None and (event.sequence or 0) >= row.sequence
    told: dict[str, Any] = {
        name: value
        for name in ("currency", "charge_total", "invoice_number", "invoice_total", "residual", "payment_state")
        if (value := getattr(change, name)) is not None
    }
    if change.residual is not None:
        told["residual_at"] = event.recorded_at
    if newest:
        told |= {"status": change.status, "sequence": event.sequence or 0}
        told |= {name: value for name in ("start_at", "day") if (value := getattr(change, name)) is not None}
    if change.completes:
        could_know = max(event.recorded_at, event.occurred_at)
        told["known_at"] = min(could_know, row.known_at) if row.known_at else could_know
    payments = row.payments if change.payment is None else row.payments | {change.payment[0]: change.payment[1]}
    return msgspec.structs.replace(
        row,
        facility=event.facility or row.facility,
        milestones={change.milestone: event.occurred_at} | row.milestones,
        payments=payments,
        updated_at=max(event.recorded_at, row.updated_at) if row.updated_at else event.recorded_at,
        **told,
    )
