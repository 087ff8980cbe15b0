"""Contract ``fhir-appointment.v1``: what a scheduling system tells of an appointment, as canonical events.

The delivery is Standard Webhooks' ``{type, timestamp, data}`` whose data is a FHIR R4 Bundle with the Appointment, the
people and place it names and, once completed, its Encounter, Coverage and ChargeItems. Appointment.meta.versionId
orders the events of one appointment.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from suture.canonical.events import (
    AppointmentArrived,
    AppointmentBooked,
    AppointmentCancelled,
    AppointmentCompleted,
    AppointmentNoShow,
    AppointmentRescheduled,
)
from suture.canonical.records import Identifier, Patient, Payer, Practitioner, ServiceLine, Visit
from suture.catalogue.days import Days
from suture.codecs import fhir
from suture.core.money import LARGEST, unusable
from suture.ingest.understanding import UNREADABLE, Context, NotUnderstood, Understood, make_event
from suture.store.parties import Party

_REMEDY = (
    "Ask the scheduling system's owner to send it as FHIR R4 with all that the contract names, then retry it or "
    "discard this."
)
_VERSION = re.compile("[0-9]{1,18}")
_CODE_TABLE = "services"


class _Webhook(msgspec.Struct, frozen=True):
    type: str
    timestamp: fhir.Instant
    data: fhir.Bundle


class _Told(msgspec.Struct, frozen=True):
    """A decoded delivery with what every kind of event needs from it."""

    context: Context
    contents: fhir.Contents
    appointment: fhir.Appointment
    actors: dict[str, str]
    facility: str


def decode(body: bytes, context: Context) -> Understood:
    """Raises `NotUnderstood`."""
    try:
        webhook = msgspec.json.decode(body, type=_Webhook)
        if webhook.type not in _EVENTS:
            raise NotUnderstood("unknown_type", "the webhook's type is not one of the contract's", _REMEDY)
        event_type, build = _EVENTS[webhook.type]
        told = _read(webhook.data, context)
        appointment = told.appointment
        if appointment.status not in _STATUSES[webhook.type]:
            raise NotUnderstood(
                "status_differs", "Appointment.status does not say what the webhook's type says", _REMEDY
            )
        event = make_event(
            context,
            event_type,
            _about(appointment, build, told),
            subject=f"Appointment/{appointment.id}",
            correlation_id=appointment.id,
            occurred_at=appointment.meta.last_updated or webhook.timestamp,
            facility=told.facility,
            sequence=int(appointment.meta.version_id),
        )
        return Understood(events=(event,), parties=tuple(_parties(told)), appointment_status=appointment.status)
    except UNREADABLE as error:
        raise NotUnderstood.invalid(error, _REMEDY) from error


def _about(appointment: fhir.Appointment, build: Callable[[_Told], msgspec.Struct], told: _Told) -> msgspec.Struct:
    """The event's data; what can't be understood of it is known to be about this appointment."""
    try:
        return build(told)
    except NotUnderstood as error:
        error.subject = f"Appointment/{appointment.id}"
        raise


def _read(bundle: fhir.Bundle, context: Context) -> _Told:
    contents = fhir.Contents(bundle)
    appointment = contents.first(fhir.Appointment)
    if appointment is None:
        raise NotUnderstood("no_appointment", "the bundle holds no Appointment", _REMEDY)
    if not _VERSION.fullmatch(appointment.meta.version_id):
        raise NotUnderstood("no_version", "Appointment.meta.versionId is not a number: its order is unknown", _REMEDY)
    actors = dict(_actors(appointment))
    if "Patient" not in actors:
        raise NotUnderstood("no_patient", "no participant of the Appointment is a Patient", _REMEDY)
    return _Told(context, contents, appointment, actors, _facility(contents, context))


def _actors(appointment: fhir.Appointment) -> Iterator[tuple[str, str]]:
    """The participants by kind; a reference such as ``Practitioner/7`` names both."""
    for participant in appointment.participant:
        kind, _, identity = participant.actor.reference.rpartition("/")
        if identity:
            yield kind.rpartition("/")[2], identity


def _facility(contents: fhir.Contents, context: Context) -> str:
    location = contents.first(fhir.Location)
    codes = [identifier.value for identifier in location.identifier] if location else []
    known = [code for code in codes if code in context.facilities]
    if not known:
        raise NotUnderstood(
            "facility_unknown",
            f"the Location's codes ({', '.join(codes) or 'none'}) name no facility of the catalogue",
            "Add the facility to the catalogue, or correct the Location at the scheduling system; restart the "
            "workers, then retry it.",
        )
    return known[0]


def _booked(told: _Told) -> AppointmentBooked:
    return AppointmentBooked(**_booking(told))


def _rescheduled(told: _Told) -> AppointmentRescheduled:
    return AppointmentRescheduled(**_booking(told))


def _booking(told: _Told) -> dict[str, Any]:
    if told.appointment.start is None:
        raise NotUnderstood("no_start", "a booked Appointment has no start", _REMEDY)
    practitioner = told.actors.get("Practitioner")
    return {
        "appointment": told.appointment.id,
        "patient": f"Patient/{told.actors['Patient']}",
        "practitioner": f"Practitioner/{practitioner}" if practitioner else None,
        "facility": told.facility,
        "start": told.appointment.start,
    }


def _completed(told: _Told) -> AppointmentCompleted:
    encounter = told.contents.first(fhir.Encounter)
    if encounter is None or encounter.status != "finished":
        raise NotUnderstood("no_encounter", "a completed Appointment came without its finished Encounter", _REMEDY)
    if "Practitioner" not in told.actors:
        raise NotUnderstood("no_practitioner", "a completed Appointment names no Practitioner", _REMEDY)
    payer = _payer(told.contents)
    visit = Visit(
        appointment=told.appointment.id,
        patient=f"Patient/{told.actors['Patient']}",
        practitioner=f"Practitioner/{told.actors['Practitioner']}",
        facility=told.facility,
        payer=payer.reference if payer else None,
        started_at=encounter.period.start,
        ended_at=encounter.period.end,
        lines=tuple(
            _service_line(item, told.context)
            for item in told.contents.each(fhir.ChargeItem)
            if item.status not in _NOT_CHARGED
        ),
    )
    return AppointmentCompleted(visit=Days(told.context.catalogue).dated(visit))


def _service_line(item: fhir.ChargeItem, context: Context) -> ServiceLine:
    rows = context.catalogue.code_tables[_CODE_TABLE].rows
    keys = [f"{coding.system}|{coding.code}" for coding in item.code.coding]
    keys += [coding.code for coding in item.code.coding]
    service = next((rows[key] for key in keys if key in rows), None)
    if service is None:
        raise NotUnderstood(
            "code_unmapped",
            f"the code table {_CODE_TABLE} has no row for {keys[0] if keys else 'a ChargeItem without a code'}",
            'Say what it means here: `suture exceptions edit NUMBER --map "system|code=SERVICE" --reason … --retry`.',
        )
    currency = context.catalogue.organisation.currency
    if item.price_override and item.price_override.currency not in ("", currency):
        raise NotUnderstood("currency_differs", f"a price in another currency than {currency}", _REMEDY)
    quantity, price = item.quantity.value, item.price_override.value if item.price_override else None
    if not quantity.is_finite() or not 0 < quantity < LARGEST:
        raise NotUnderstood("amount_invalid", "a ChargeItem's quantity is not a usable number", _REMEDY)
    why = "" if price is None else unusable(price, currency) or ("is less than nothing" if price < 0 else "")
    if why:
        raise NotUnderstood("amount_invalid", f"a ChargeItem's price {why}", _REMEDY)
    return ServiceLine(service=service, quantity=quantity, unit_price=price)


def _parties(told: _Told) -> Iterator[Party]:
    for patient in told.contents.each(fhir.Patient):
        yield _patient(patient)
    for practitioner in told.contents.each(fhir.Practitioner):
        yield Practitioner(
            reference=f"Practitioner/{practitioner.id}",
            identifiers=_identifiers(practitioner.identifier),
            name=_full_name(practitioner.name),
        )
    payer = _payer(told.contents)
    if payer:
        yield payer


def _patient(patient: fhir.Patient) -> Patient:
    name = patient.name[0] if patient.name else fhir.HumanName()
    address = patient.address[0] if patient.address else fhir.Address()
    spoken = patient.communication[0].language.coding if patient.communication else ()
    return Patient(
        reference=f"Patient/{patient.id}",
        identifiers=_identifiers(patient.identifier),
        family=name.family or name.text,
        given=" ".join(name.given),
        birth_date=patient.birth_date,
        language=spoken[0].code if spoken else None,
        address_line=", ".join(address.line) or None,
        city=address.city,
        postal_code=address.postal_code,
        country=address.country,
    )


def _payer(contents: fhir.Contents) -> Payer | None:
    """Who is billed: the first payor of the first Coverage that is an Organization; none means self-pay."""
    coverage = contents.first(fhir.Coverage)
    if coverage is None:
        return None
    for payor in coverage.payor:
        if payor.reference.rpartition("/")[0].endswith("Organization"):
            identity = fhir.reference_id(payor.reference)
            names = (o.name for o in contents.each(fhir.Organization) if o.id == identity)
            return Payer(reference=f"Payer/{identity}", name=next(names, "") or payor.display or identity)
    return None


def _identifiers(identifiers: tuple[fhir.Identifier, ...]) -> tuple[Identifier, ...]:
    return tuple(Identifier(identifier.system, identifier.value) for identifier in identifiers)


def _full_name(names: tuple[fhir.HumanName, ...]) -> str:
    if not names:
        return ""
    name = names[0]
    return name.text or " ".join((*name.prefix, *name.given, name.family)).strip()


_EVENTS = {
    "appointment.booked": ("suture.appointment.booked.v1", _booked),
    "appointment.rescheduled": ("suture.appointment.rescheduled.v1", _rescheduled),
    "appointment.arrived": (
        "suture.appointment.arrived.v1",
        lambda told: AppointmentArrived(appointment=told.appointment.id),
    ),
    "appointment.completed": ("suture.appointment.completed.v1", _completed),
    "appointment.cancelled": (
        "suture.appointment.cancelled.v1",
        lambda told: AppointmentCancelled(appointment=told.appointment.id),
    ),
    "appointment.noshow": (
        "suture.appointment.no_show.v1",
        lambda told: AppointmentNoShow(appointment=told.appointment.id),
    ),
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

_NOT_CHARGED = frozenset({"entered-in-error", "aborted", "not-billable"})
"""FHIR R4 ChargeItem.status of what isn't charged."""
