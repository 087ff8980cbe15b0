"""From a delivery's bytes to the events of the appointments that it tells of."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from suture.canonical.events import (
    AppointmentArrived,
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentCompleted,
    AppointmentNoShow,
    AppointmentRescheduled,
    PatientLinked,
)
from suture.canonical.records import Patient, Practitioner, RelatedPerson, Visit
from suture.catalogue.days import Days
from suture.codecs import fhir
from suture.ingest.decoding import UNREADABLE, Context, NotUnderstood, Understood, make_event
from suture.ingest.fhir_appointment import charges, coverage, encounter, facility, participants, people
from suture.ingest.fhir_appointment.bundle import REMEDY, ToldDelivery, check_id
from suture.store.parties import Party

_NUMBER = re.compile("[0-9]{1,18}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_SERVERS = datetime(1990, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(days=2)
"""How far a source's clock may be ahead before its times are not believed."""

Data = msgspec.Struct
Parties = tuple[tuple[Party, ...], tuple[Party, ...]]


class _AppointmentWebhook(msgspec.Struct, frozen=True):
    type: str
    timestamp: str
    data: dict[str, Any]


class _Said(msgspec.Struct, frozen=True):
    """What an appointment's event says: its data, where it was, and who is in it: as told, and as only presumed."""

    data: Data
    facility: str | None
    named: tuple[Party, ...] = ()
    presumed: tuple[Party, ...] = ()


class _ToldOrder(msgspec.Struct, frozen=True):
    """The place of what is told among all that is told of the appointment. `changed_at` is when the source changed it,
    or where it doesn't say, told of it; `version` what tells two changes of one moment apart."""

    sequence: int
    changed_at: datetime | None
    version: str = ""


_WEBHOOK = fhir.decoder(_AppointmentWebhook)


def decode(body: bytes, context: Context) -> Understood:
    """Raises `NotUnderstood`."""
    try:
        webhook = _WEBHOOK.decode(body)
        contents = fhir.Contents(fhir.entries_of(webhook.data), about=fhir.Appointment)
        appointments = contents.held(fhir.Appointment)
    except UNREADABLE as error:
        raise NotUnderstood.invalid(error, REMEDY) from error
    if not appointments:
        raise _nothing(contents)
    read = [_read(webhook, contents, context, held, appointments) for held in _about(webhook, appointments)]
    understood = tuple(one for one in read if isinstance(one, Understood))
    refused = tuple(one for one in read if isinstance(one, NotUnderstood))
    if len(read) == 1:
        if refused:
            raise refused[0]
        return understood[0]
    return Understood(events=tuple(e for one in understood for e in one.events), parts=understood, refusals=refused)


def _nothing(contents: fhir.Contents) -> NotUnderstood:
    """Why nothing is told; about the appointment, where its deletion is all that is told."""
    gone = [one for one in contents.deleted(fhir.Appointment) if fhir.is_id(one.id) and not one.base]
    if len(gone) != 1:
        return NotUnderstood("no_appointment", "the bundle holds no Appointment", REMEDY)
    error = NotUnderstood(
        "no_appointment",
        "the bundle says that its Appointment was deleted, but not what should happen to the visit",
        "Ask the scheduling system's owner to send it as cancelled or entered-in-error if there was no visit, then "
        "discard this.",
    )
    error.subject = gone[0].reference
    return error


def _about(webhook: _AppointmentWebhook, appointments: list[fhir.HeldResource]) -> list[fhir.HeldResource]:
    """The appointments that a delivery tells of: where there are several, those that its type means and the others
    from whose status something follows, each version once."""
    if len(appointments) == 1:
        return appointments
    versions = {(one.reference, str(one.tree.get("meta")), str(one.tree.get("status"))): one for one in appointments}
    telling = [one for one in versions.values() if _kind(webhook, one)]
    return telling or list(versions.values())


def _kind(webhook: _AppointmentWebhook, held: fhir.HeldResource) -> str:
    """What is told of an appointment of several, as a webhook's type: the delivery's own, or what its status says."""
    status = str(held.tree.get("status"))
    return webhook.type if status in _STATUSES.get(webhook.type, ()) else _BY_STATUS.get(status, "")


def _read(
    webhook: _AppointmentWebhook,
    contents: fhir.Contents,
    context: Context,
    held: fhir.HeldResource,
    appointments: list[fhir.HeldResource],
) -> Understood | NotUnderstood:
    """What is told of one appointment, or why that isn't understood; either names the appointment."""
    alone = len({one.reference for one in appointments}) == 1
    try:
        _check_own_id(held)
        kind = webhook.type if len(appointments) == 1 else _kind(webhook, held) or webhook.type
        sent_at = fhir.moment(webhook.timestamp)
        if sent_at is None:
            raise NotUnderstood("invalid_payload", "the webhook's timestamp is not a time with its zone", REMEDY)
        read = contents.read(held, fhir.Appointment)
        return _understood(kind, ToldDelivery(context, contents, read, sent_at, alone))
    except UNREADABLE as error:
        refusal = NotUnderstood.invalid(error, REMEDY)
    except NotUnderstood as error:
        refusal = error
    status = str(held.tree.get("status"))
    refusal.subject, refusal.told = _subject(held), status if status in _BY_STATUS else None
    return refusal


def _subject(held: fhir.HeldResource) -> str | None:
    """How an appointment may be called where nothing is understood of it: by an id that holds beyond this delivery, or
    by a number that only its underscores keep from being one."""
    numbered = any(letter.isdigit() for letter in held.id) and fhir.is_id(held.id.replace("_", "-"))
    shown = (fhir.is_id(held.id) or numbered) and not held.transient and not held.base
    return f"Appointment/{held.id}" if shown else None


def _check_own_id(held: fhir.HeldResource) -> None:
    if _subject(held) is not None and not fhir.is_id(held.id):
        raise NotUnderstood(
            "id_invalid",
            "the id of the Appointment is not a valid FHIR id (letters, digits, - and ., at most 64)",
            REMEDY,
        )
    check_id(held.id, "Appointment")
    if held.base:
        raise NotUnderstood(
            "id_invalid", "the delivery contains Appointments from several servers, whose ids may collide", REMEDY
        )
    if held.transient:
        raise NotUnderstood(
            "id_invalid", "the Appointment has no permanent id, only one that is valid within this delivery", REMEDY
        )


def _understood(kind: str, told: ToldDelivery) -> Understood:
    if kind not in _EVENTS:
        raise NotUnderstood("unknown_type", "the webhook's type is not in the contract", REMEDY)
    event_type, build = _EVENTS[kind]
    if told.appointment.status not in _STATUSES[kind]:
        raise NotUnderstood("status_differs", "Appointment.status contradicts the webhook's type", REMEDY)
    order = _order(told)
    said = build(told)
    occurred_at = order.changed_at or told.sent_at
    event = make_event(
        told.context,
        event_type,
        said.data,
        subject=f"Appointment/{told.id}",
        correlation_id=told.id,
        occurred_at=occurred_at,
        facility=said.facility,
        sequence=order.sequence,
        part=order.version,
    )
    links = tuple(
        make_event(
            told.context,
            "suture.patient.linked.v1",
            link,
            subject=link.patient,
            correlation_id=told.id,
            occurred_at=occurred_at,
            part=f"{link.other} {link.link}",
        )
        for link in _links(told)
    )
    return Understood(
        events=(event,),
        beside=links,
        parties=tuple({one.reference: one for one in (*_people(told), *said.named)}.values()),
        presumed=said.presumed,
        appointment_status=told.appointment.status,
        changed_at=order.changed_at,
    )


def _order(told: ToldDelivery) -> _ToldOrder:
    """By version number; where the source's versions are no numbers by the time of the change, else by when it was
    sent. Raises `NotUnderstood`."""
    meta = told.appointment.meta
    at = _believed(told, fhir.moment(meta.last_updated)) or _believed(told, told.sent_at)
    if _NUMBER.fullmatch(meta.version_id):
        return _ToldOrder(int(meta.version_id), at)
    if at is None:
        raise NotUnderstood(
            "no_version",
            "neither Appointment.meta (versionId, lastUpdated) nor the webhook's timestamp gives the version",
            REMEDY,
        )
    return _ToldOrder((at - _EPOCH) // timedelta(microseconds=1), at, meta.version_id or "unversioned")


def _believed(told: ToldDelivery, when: datetime | None) -> datetime | None:
    plausible = when is not None and _FIRST_SERVERS <= when <= told.context.received_at + _AHEAD
    return when if plausible else None


def _booked(told: ToldDelivery) -> _Said:
    return _booking(told, AppointmentBooked)


def _rescheduled(told: ToldDelivery) -> _Said:
    return _booking(told, AppointmentRescheduled)


def _booking(told: ToldDelivery, kind: type[AppointmentBooked]) -> _Said:
    place = facility.facility(told)
    data = kind(
        appointment=told.id,
        patient=participants.patient(told),
        practitioner=participants.planned_practitioner(told),
        facility=place,
        start=encounter.start(told),
    )
    return _Said(data, place, tuple(_named(told, data.patient)))


def _completed(told: ToldDelivery) -> _Said:
    finished = encounter.encounter(told)
    place = facility.facility(told, finished)
    told = msgspec.structs.replace(told, place=place)
    patient = participants.patient(told, finished)
    practitioner = participants.practitioner(told, finished)
    began, ended = encounter.times(told, finished)
    days = Days(told.context.catalogue)
    bill = coverage.billed(told, patient, finished, days.on(ended, place))
    visit = Visit(
        appointment=told.id,
        patient=patient,
        practitioner=practitioner,
        facility=place,
        payer=bill.payer,
        guarantor=bill.guarantor.reference if bill.guarantor else None,
        started_at=began,
        ended_at=ended,
        lines=charges.service_lines(told, patient, finished),
    )
    named = [bill.told] if bill.told else []
    presumed: list[Party] = [bill.presumed] if bill.presumed else []
    presumed += _presumed_practitioner(told, finished, practitioner)
    return _Said(
        AppointmentCompleted(visit=days.dated(visit)),
        place,
        (*named, *_named(told, patient), *_billed_person(told, visit)),
        tuple(presumed),
    )


def _billed_person(told: ToldDelivery, visit: Visit) -> Iterator[Party]:
    """The record of whoever gets the bill without a payer, who needs a name for it. Raises `NotUnderstood`."""
    reference = visit.guarantor or visit.patient
    if visit.payer is not None:
        return
    for record in _named(told, reference):
        if isinstance(record, Patient | RelatedPerson) and not (record.family or record.given):
            raise NotUnderstood("no_name", f"{reference} is to be billed but has no name", REMEDY)
        yield record


def _presumed_practitioner(
    told: ToldDelivery, finished: fhir.Read[fhir.Encounter], reference: str
) -> Iterator[Practitioner]:
    """A practitioner of whom the delivery has no record, by what Appointment or Encounter call them: to be used as long
    as no record was told."""
    named = [(one.actor, told.read.held) for one in told.appointment.participant]
    named += [(one.individual, finished.held) for one in finished.resource.participant]
    for actor, within in named:
        target = told.follow(actor, within)
        if target is not None and target.held is None and target.reference == reference and actor.display:
            yield Practitioner(reference=reference, identifiers=(), name=actor.display)
            return


def _named(told: ToldDelivery, reference: str) -> Iterator[Party]:
    """The record of someone whom an event names, where the delivery has it. Raises `msgspec.ValidationError`."""
    resource, record = _PEOPLE[reference.partition("/")[0]]
    same = [held for held in told.contents.held(resource) if held.reference == reference]
    if same:
        yield record(told, told.contents.read(fhir.newest(same), resource))


def _people(told: ToldDelivery) -> Iterator[Party]:
    """Everyone of whom the delivery has a record that can be named and read: what is told beside the visit."""
    for kind in ("Patient", "Practitioner"):
        ours = [one for one in told.contents.held(_PEOPLE[kind][0]) if not one.transient and not one.base]
        for reference in {one.reference: None for one in ours if fhir.is_id(one.id)}:
            with suppress(msgspec.ValidationError):
                yield from _named(told, reference)


def _links(told: ToldDelivery) -> Iterator[PatientLinked]:
    """What patients' records say of other records of the same person (FHIR R4 Patient.link)."""
    for read in told.contents.readable(fhir.Patient):
        for link in fhir.soft(fhir.Link, read.resource.link):
            other = told.follow(link.other, read.held, "Patient")
            kinds = ("replaced-by", "replaces", "refer", "seealso")
            lasting = other is not None and other.lasting and not read.held.transient and not read.held.base
            if other is None or not lasting or link.type not in kinds:
                continue
            if fhir.is_id(other.id) and fhir.is_id(read.id):
                yield PatientLinked(patient=f"Patient/{read.id}", other=other.reference, link=link.type)


def _only_named(kind: type[Any]) -> Callable[[ToldDelivery], _Said]:
    """What undoes or precedes a visit needs no more than the appointment."""
    return lambda told: _Said(kind(appointment=told.id), facility.facility_or_none(told))


_PEOPLE: dict[str, tuple[type[Any], Callable[[ToldDelivery, fhir.Read[Any]], Party]]] = {
    "Patient": (fhir.Patient, people.patient),
    "Practitioner": (fhir.Practitioner, people.practitioner),
    "RelatedPerson": (fhir.RelatedPerson, people.related_person),
}

_EVENTS: dict[str, tuple[str, Callable[[ToldDelivery], _Said]]] = {
    "appointment.booked": ("suture.appointment.booked.v1", _booked),
    "appointment.rescheduled": ("suture.appointment.rescheduled.v1", _rescheduled),
    "appointment.arrived": ("suture.appointment.arrived.v1", _only_named(AppointmentArrived)),
    "appointment.completed": ("suture.appointment.completed.v1", _completed),
    "appointment.cancelled": ("suture.appointment.cancelled.v1", _only_named(AppointmentCancelled)),
    "appointment.noshow": ("suture.appointment.no_show.v1", _only_named(AppointmentNoShow)),
}
"""Webhook type: event type, and how its data is read."""

_STATUSES = {
    "appointment.booked": {"booked", "pending", "proposed"},
    "appointment.rescheduled": {"booked", "pending", "proposed"},
    "appointment.arrived": {"arrived", "checked-in"},
    "appointment.completed": {"fulfilled"},
    "appointment.cancelled": {"cancelled", "entered-in-error"},
    "appointment.noshow": {"noshow"},
}
"""Webhook type: the FHIR R4 Appointment.status that goes with it."""

_BY_STATUS = {
    status: kind for kind, statuses in _STATUSES.items() if kind != "appointment.rescheduled" for status in statuses
}
"""Appointment.status: what is told of an appointment that stands beside those of the webhook's type."""
