"""What other systems ask for at once: that a visit be billed, whether a reference is usable, how a payment stands."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import msgspec

from suture.canonical.events import AppointmentCompleted, Event, InvoicePaid, PaymentPosted, as_told
from suture.canonical.records import AppointmentStatus, Visit
from suture.catalogue.days import Days
from suture.core.ids import fact_id
from suture.core.money import Money, unusable
from suture.operate.actor import Actor, NotPossible
from suture.operate.context import CommandContext
from suture.store import appointments, events, steering
from suture.store.appointments import State
from suture.store.parties import Parties

Kind = Literal["patient", "practitioner", "payer", "facility", "service"]
_COMPLETED = "suture.appointment.completed.v1"
_FIRST = 1


class NotBillable(NotPossible):
    """A visit can't be billed as told; `problems` say where in it and why."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{where}: {why}" for where, why in problems))
        self.problems = tuple(problems)


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Whether something may be named in a visit, and why not."""

    kind: Kind
    id: str
    usable: bool
    reason: str = ""


class PaymentStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A payment as billing posted it, and whether it is applied in the ledger."""

    payment: str
    appointment: str
    amount: Money
    received_on: str
    state: Literal["posted", "applied"]
    invoice_number: str | None = None
    residual: Money | None = None
    applied_at: datetime | None = None


async def bill(desk: CommandContext, actor: Actor, visit: Visit) -> bool:
    """Have a completed visit billed, as if its scheduling system had told; answers whether it is new. Raises
    `NotBillable` where it names what is not known, or was told by another with other content."""
    problems = await _problems(desk, visit)
    if problems:
        raise NotBillable(problems)
    event = _event(desk, actor, visit)
    async with desk.database.transaction() as connection:
        before = (await appointments.lock(connection, [event.subject]))[event.subject]
        if before.sequence >= 0:
            told = (await events.latest_of_type(connection, _COMPLETED, [visit.appointment])).get(visit.appointment)
            if not isinstance(told, AppointmentCompleted) or as_told(told.visit) != as_told(visit):
                raise NotBillable([("/appointment", "this appointment is known, with other content")])
            return False
        await actor.sign(connection, desk, "visit.bill", event.subject)
        await appointments.advance(connection, {event.subject: State(AppointmentStatus.FULFILLED, _FIRST)})
        await desk.recorder.record(connection, [event])
    return True


async def _problems(desk: CommandContext, visit: Visit) -> list[tuple[str, str]]:
    """Where a visit names what can't be billed, as JSON pointers."""
    asked: list[tuple[str, Kind, str]] = [
        ("/patient", "patient", visit.patient.rpartition("/")[2]),
        ("/practitioner", "practitioner", visit.practitioner.rpartition("/")[2]),
        ("/facility", "facility", visit.facility),
        *((f"/lines/{n}/service", "service", line.service) for n, line in enumerate(visit.lines)),
    ]
    if visit.payer is not None:
        asked.append(("/payer", "payer", visit.payer.rpartition("/")[2]))
    verdicts = await validate(desk, [(kind, name) for _, kind, name in asked])
    problems = [
        (where, verdict.reason) for (where, _, _), verdict in zip(asked, verdicts, strict=True) if not verdict.usable
    ]
    currency = desk.catalogue.organisation.currency
    prices = ((f"/lines/{n}/unit_price", line.unit_price) for n, line in enumerate(visit.lines))
    problems += [(at, f"it {why}") for at, price in prices if price is not None and (why := unusable(price, currency))]
    if visit.ended_at < visit.started_at:
        problems.append(("/ended_at", "it is before the start"))
    if visit.ended_at > desk.clock.now():
        problems.append(("/ended_at", "it is yet to come"))
    return problems


async def validate(desk: CommandContext, asked: Sequence[tuple[Kind, str]]) -> list[Verdict]:
    """Whether each may be named in a visit."""
    references = [f"{kind.title()}/{name}" for kind, name in asked if kind in ("patient", "practitioner", "payer")]
    known = await Parties(desk.database, desk.vault).known(references)
    places = {facility.code for facility in desk.catalogue.facilities}
    services = {service.code for service in desk.catalogue.services}

    def verdict(kind: Kind, name: str) -> Verdict:
        match kind:
            case "facility":
                usable, reason = name in places, "the catalogue has no such facility"
            case "service":
                usable, reason = name in services, "the catalogue has no such service"
            case _:
                usable, reason = f"{kind.title()}/{name}" in known, "no system has told of it"
        return Verdict(kind=kind, id=name, usable=usable, reason="" if usable else reason)

    return [verdict(kind, name) for kind, name in asked]


async def payment(desk: CommandContext, number: str) -> PaymentStatus | None:
    """How a payment stands; None where nobody told of it."""
    async with desk.database.connection() as connection:
        process = await steering.one(connection, f"posted_payment:{number}")
        if process is None:
            return None
        told = await events.of_journey(connection, process.correlation_id)
    posted = [
        one.payment
        for event in told
        if event.type == "suture.payment.posted.v1"
        and (one := msgspec.json.decode(event.data, type=PaymentPosted)).payment.payment == number
    ]
    applied = [
        (paid_now, event.occurred_at)
        for event in told
        if event.type == "suture.invoice.paid.v1"
        and (paid_now := msgspec.json.decode(event.data, type=InvoicePaid)).payment == number
    ]
    if not posted:
        return None
    paid, at = applied[-1] if applied else (None, None)
    return PaymentStatus(
        payment=number,
        appointment=posted[-1].appointment,
        amount=posted[-1].amount,
        received_on=posted[-1].received_on.isoformat(),
        state="applied" if paid else "posted",
        invoice_number=paid.number if paid else None,
        residual=paid.residual if paid else None,
        applied_at=at,
    )


def _event(desk: CommandContext, actor: Actor, visit: Visit) -> Event:
    now, subject = desk.clock.now(), f"Appointment/{visit.appointment}"
    return Event(
        id=fact_id("api", _COMPLETED, subject),
        type=_COMPLETED,
        source=f"suture/api/{actor.name}",
        subject=subject,
        organisation=desk.catalogue.organisation.id,
        facility=visit.facility,
        occurred_at=now,
        recorded_at=now,
        correlation_id=visit.appointment,
        sequence=_FIRST,
        data=msgspec.Raw(msgspec.json.encode(AppointmentCompleted(visit=Days(desk.catalogue).dated(visit)))),
    )
