"""What other systems ask to have done: that a visit be billed."""

from collections.abc import Sequence

import msgspec

from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext
from suture.canonical.events import AppointmentCompleted, Event, as_told
from suture.canonical.records import AppointmentStatus, Visit
from suture.catalogue.days import Days
from suture.core.ids import fact_id
from suture.core.money import unusable
from suture.store import appointments, events
from suture.store.appointments import State
from suture.views.billing import Kind, validate

_COMPLETED = "suture.appointment.completed.v1"
_FIRST = 1


class NotBillable(NotPossible):
    """A visit can't be billed as told; `problems` say where in it and why."""

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{where}: {why}" for where, why in problems))
        self.problems = tuple(problems)


async def bill(context: CommandContext, actor: Actor, visit: Visit) -> bool:
    """Have a completed visit billed, as if its scheduling system had told; answers whether it is new. Raises
    `NotBillable` where it names what is not known, or was told by another with other content."""
    problems = await _problems(context, visit)
    if problems:
        raise NotBillable(problems)
    event = _event(context, actor, visit)
    async with context.database.transaction() as connection:
        before = (await appointments.lock(connection, [event.subject]))[event.subject]
        if before.sequence >= 0:
            told = (await events.latest_of_type(connection, _COMPLETED, [visit.appointment])).get(visit.appointment)
            if not isinstance(told, AppointmentCompleted) or as_told(told.visit) != as_told(visit):
                raise NotBillable([("/appointment", "this appointment is known, with other content")])
            return False
        await actor.sign(connection, context, "visit.bill", event.subject)
        await appointments.advance(connection, {event.subject: State(AppointmentStatus.FULFILLED, _FIRST)})
        await context.recorder.record(connection, [event])
    return True


async def _problems(context: CommandContext, visit: Visit) -> list[tuple[str, str]]:
    """Where a visit names what can't be billed, as JSON pointers."""
    asked: list[tuple[str, Kind, str]] = [
        ("/patient", "patient", visit.patient.rpartition("/")[2]),
        ("/practitioner", "practitioner", visit.practitioner.rpartition("/")[2]),
        ("/facility", "facility", visit.facility),
        *((f"/lines/{n}/service", "service", line.service) for n, line in enumerate(visit.lines)),
    ]
    if visit.payer is not None:
        asked.append(("/payer", "payer", visit.payer.rpartition("/")[2]))
    verdicts = await validate(context, [(kind, name) for _, kind, name in asked])
    problems = [
        (where, verdict.reason) for (where, _, _), verdict in zip(asked, verdicts, strict=True) if not verdict.usable
    ]
    currency = context.catalogue.organisation.currency
    prices = ((f"/lines/{n}/unit_price", line.unit_price) for n, line in enumerate(visit.lines))
    problems += [(at, f"it {why}") for at, price in prices if price is not None and (why := unusable(price, currency))]
    if visit.ended_at < visit.started_at:
        problems.append(("/ended_at", "it is before the start"))
    if visit.ended_at > context.clock.now():
        problems.append(("/ended_at", "it is yet to come"))
    return problems


def _event(context: CommandContext, actor: Actor, visit: Visit) -> Event:
    now, subject = context.clock.now(), f"Appointment/{visit.appointment}"
    return Event(
        id=fact_id("api", _COMPLETED, subject),
        type=_COMPLETED,
        source=f"suture/api/{actor.name}",
        subject=subject,
        organisation=context.catalogue.organisation.id,
        facility=visit.facility,
        occurred_at=now,
        recorded_at=now,
        correlation_id=visit.appointment,
        sequence=_FIRST,
        data=msgspec.Raw(msgspec.json.encode(AppointmentCompleted(visit=Days(context.catalogue).dated(visit)))),
    )
