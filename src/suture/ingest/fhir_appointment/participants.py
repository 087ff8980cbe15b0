"""Who received and who gave care: FHIR R4 Appointment.participant, and what the Encounter says happened."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from suture.codecs import fhir
from suture.ingest.decoding import NotUnderstood
from suture.ingest.fhir_appointment.bundle import (
    REMEDY,
    SAY_WHICH,
    ToldDelivery,
    distinct,
    following,
    named,
    records_of,
    says,
)
from suture.ingest.fhir_appointment.charges import BILLED
from suture.ingest.fhir_appointment.encounter import is_within

_PRIMARY, _ATTENDER = "PPRF", "ATND"
"""v3-ParticipationType: who mainly performed, and who was responsible."""
_NOT_PERFORMING = frozenset({"SPRF", "REF", "ADM", "DIS", "CON", "ESC", "CALLBCK", "translator", "emergency"})
"""Encounter participants who did not do what is billed."""

Encounter = fhir.Read[fhir.Encounter] | None
_Performer = tuple[fhir.Target, frozenset[str]]


class _Actor(msgspec.Struct, frozen=True):
    target: fhir.Target
    participant: fhir.AppointmentParticipant


def patient(told: ToldDelivery, encounter: Encounter = None) -> str:
    """The one who received care: the Encounter's subject, or the only patient who was to come. Raises
    `NotUnderstood`."""
    actors, unclear = _actors(told, "Patient")
    subject = _subject(told, encounter)
    if subject is not None:
        declined = _declined(told, "Patient")
        others = {actor.target.reference for actor in actors}
        ours = records_of(told, subject.reference)
        if ours & declined or (others and not ours & others):
            raise NotUnderstood(
                "patient_unclear", "the Encounter's patient is not a participant of the Appointment", SAY_WHICH
            )
        return named(subject, "patient_unclear")
    found = _narrowed(actors, (_is_needed, _accepted))
    if len(found) > 1:
        found = _charged(told, encounter, found)
    if len(found) > 1:
        raise NotUnderstood(
            "patient_unclear",
            f"the Appointment has {len(found)} patients, and the delivery does not say whose visit it is",
            SAY_WHICH,
        )
    if found:
        return named(found[0], "patient_unclear")
    if unclear:
        raise NotUnderstood(
            "patient_unclear",
            "the Appointment names a patient that the delivery does not contain",
            SAY_WHICH,
        )
    raise NotUnderstood("no_patient", "no participant of the Appointment is a Patient", REMEDY)


def practitioner(told: ToldDelivery, encounter: Encounter = None) -> str:
    """The one whose work is billed: the Encounter's primary performer; else who took part and performed what is
    charged; where nothing says who did, the practitioner who was to come. Who declined is never the one. Raises
    `NotUnderstood`."""
    actors, unclear = _actors(told, "Practitioner")
    found = _performed(told, encounter, actors)
    if len(found) > 1:
        raise NotUnderstood(
            "practitioner_unclear",
            f"{len(found)} practitioners could have performed the visit, and the delivery does not say which did",
            SAY_WHICH,
        )
    if found:
        return _willing(found[0], _declined(told, "Practitioner"))
    if unclear:
        raise NotUnderstood(
            "practitioner_unclear",
            "the Appointment names a practitioner that the delivery does not contain",
            SAY_WHICH,
        )
    raise NotUnderstood("no_practitioner", "a completed Appointment names no participating Practitioner", REMEDY)


def _performed(told: ToldDelivery, encounter: Encounter, actors: Sequence[_Actor]) -> list[fhir.Target]:
    """Those who may have performed. Raises `NotUnderstood` where nobody can tell whom the Encounter or a charge names,
    unless another says it."""
    there, lost = _performers(told, encounter)
    primary = distinct(target for target, roles in there if _PRIMARY in roles)
    if primary:
        return _planned(primary, actors) or primary
    charged, lost_charge = _charge_performers(told, encounter)
    taking_part = [one for one in there if not one[1] & _NOT_PERFORMING]
    unnamed = not taking_part and not charged and (lost or lost_charge)
    if unnamed or any(_PRIMARY in roles for roles in lost):
        raise NotUnderstood(
            "practitioner_unclear",
            "the Encounter or a ChargeItem names a performer that the delivery does not contain",
            SAY_WHICH,
        )
    if taking_part:
        return _took_part(actors, taking_part, charged)
    return _foremost(_coming(actors, charged) or ([] if charged else actors)) or charged


def _took_part(
    actors: Sequence[_Actor], taking_part: list[_Performer], charged: list[fhir.Target]
) -> list[fhir.Target]:
    """Of those who took part: who was to come, the attender first; else who came in their place. Raises `NotUnderstood`
    where what is charged is another's work, or may be: an attender who was not to come is responsible, and need not be
    whoever worked."""
    attending = distinct(target for target, roles in taking_part if _ATTENDER in roles)
    working = distinct(target for target, roles in taking_part if _ATTENDER not in roles)
    coming = _coming(actors, [*attending, *working])
    if coming:
        found = _planned(attending, coming) or _foremost(coming)
    else:
        found = working if actors and working else attending or working
    charging = {one.reference for one in charged}
    if charged:
        found = [one for one in found if one.reference in charging]
    if not found or (actors and not coming and not working and not charged):
        raise NotUnderstood(
            "practitioner_unclear",
            "neither the booked nor the participating practitioners are known to have performed the charged services",
            SAY_WHICH,
        )
    return found


def _planned(found: Iterable[fhir.Target], actors: Sequence[_Actor]) -> list[fhir.Target]:
    """Those of `found` who were to come."""
    planned = {actor.target.reference for actor in actors}
    return [one for one in found if one.reference in planned]


def _coming(actors: Sequence[_Actor], found: Iterable[fhir.Target]) -> list[_Actor]:
    """Those who were to come and are among `found`."""
    references = {one.reference for one in found}
    return [actor for actor in actors if actor.target.reference in references]


def _foremost(actors: Sequence[_Actor]) -> list[fhir.Target]:
    return _narrowed(actors, (_is_needed, _accepted, _typed_primary))


def planned_practitioner(told: ToldDelivery) -> str | None:
    """The practitioner of a booking, where there is one who can be told: nothing is billed by it."""
    try:
        return practitioner(told)
    except NotUnderstood:
        return None


def _willing(target: fhir.Target, declined: frozenset[str]) -> str:
    if target.reference in declined:
        raise NotUnderstood(
            "practitioner_unclear",
            f"{named(target, 'practitioner_unclear')} declined the Appointment but is named by the Encounter",
            SAY_WHICH,
        )
    return named(target, "practitioner_unclear")


def _actors(told: ToldDelivery, kind: str) -> tuple[list[_Actor], bool]:
    """The participants of a kind who didn't decline, and whether one is named in a way that can't be followed."""
    found, unclear = [], False
    for participant in told.appointment.participant:
        if participant.status == "declined" or participant.actor == fhir.Reference():
            continue
        target = _person(told, told.follow(participant.actor, told.read.held), kind)
        if target is not None and target.kind == kind:
            found.append(_Actor(target, participant))
        unclear = unclear or (target is None and _may_be(participant.actor, kind))
    return found, unclear


def _may_be(actor: fhir.Reference, kind: str) -> bool:
    """Whether a reference that can't be followed may mean someone of a kind."""
    said = actor.type.rpartition("/")[2]
    return said == kind or (not said and bool(actor.reference or actor.identifier))


def _declined(told: ToldDelivery, kind: str) -> frozenset[str]:
    """Those who declined, and didn't accept too."""
    accepted = {actor.target.reference for actor in _actors(told, kind)[0]}
    refused = [
        (participant.actor, told.read.held, "")
        for participant in told.appointment.participant
        if participant.status == "declined"
    ]
    people = (_person(told, target, kind) for target in following(told, refused))
    return frozenset(one.reference for one in people if one is not None) - accepted


def _person(told: ToldDelivery, target: fhir.Target | None, kind: str) -> fhir.Target | None:
    """Whom a target is or stands for: a PractitionerRole stands for its Practitioner."""
    if target is None or target.kind != "PractitionerRole" or kind != "Practitioner":
        return target
    role = told.resource(target, fhir.PractitionerRole)
    return None if role is None else told.follow(role.resource.practitioner, role.held, "Practitioner")


def _subject(told: ToldDelivery, encounter: Encounter) -> fhir.Target | None:
    """The Encounter's patient; None where it names none, or a group. Raises `NotUnderstood` where it names somebody
    whom nobody can tell: the one who was to come may be another."""
    if encounter is None or not says(encounter.resource.subject):
        return None
    target = told.follow(encounter.resource.subject, encounter.held)
    if target is None or (target.kind == "Patient" and not target.id):
        raise NotUnderstood(
            "patient_unclear",
            "the Encounter names a patient that the delivery does not contain",
            SAY_WHICH,
        )
    return target if target.kind == "Patient" else None


def _performers(told: ToldDelivery, encounter: Encounter) -> tuple[list[_Performer], list[frozenset[str]]]:
    """The practitioners of the Encounter with the codes of their roles, and the roles of those who may have performed
    and are named in a way that can't be followed."""
    found: list[_Performer] = []
    lost: list[frozenset[str]] = []
    if encounter is None:
        return found, lost
    for one in encounter.resource.participant:
        target = _person(told, told.follow(one.individual, encounter.held), "Practitioner")
        roles = frozenset(coding.code for concept in one.type for coding in concept.coding)
        if target is not None and target.kind == "Practitioner":
            found.append((target, roles))
        elif target is None and _may_be(one.individual, "Practitioner") and not roles & _NOT_PERFORMING:
            lost.append(roles)
    return found, lost


def _charges(told: ToldDelivery, encounter: Encounter) -> list[fhir.Read[fhir.ChargeItem]]:
    """The charge items of the Encounter; one that names none is where the delivery tells of no other visit."""
    if encounter is None:
        return []
    items = told.contents.of(fhir.ChargeItem)
    return [item for item in items if _is_of(told, item, encounter)]


def _is_of(told: ToldDelivery, item: fhir.Read[fhir.ChargeItem], encounter: fhir.Read[fhir.Encounter]) -> bool:
    target = told.follow(item.resource.context, item.held, "Encounter")
    if target is not None and target.kind == "Encounter":
        return is_within(told, target, encounter)
    return told.alone and not says(item.resource.context)


def _charged(told: ToldDelivery, encounter: Encounter, found: list[fhir.Target]) -> list[fhir.Target]:
    """Of several patients the one to whom everything is charged."""
    subjects = [(item.resource.subject, item.held, "Patient") for item in _charges(told, encounter)]
    return _among(found, following(told, subjects))


def _charge_performers(told: ToldDelivery, encounter: Encounter) -> tuple[list[fhir.Target], bool]:
    """The practitioners who performed what is billed, and whether one is named in a way that can't be followed."""
    found, lost = [], False
    for item in _charges(told, encounter):
        for performer in item.resource.performer if item.resource.status == BILLED else ():
            target = _person(told, told.follow(performer.actor, item.held), "Practitioner")
            if target is not None and target.kind == "Practitioner":
                found.append(target)
            lost = lost or (target is None and _may_be(performer.actor, "Practitioner"))
    return distinct(found), lost


def _among(found: list[fhir.Target], wanted: Iterable[fhir.Target]) -> list[fhir.Target]:
    """The one of `found` that all of `wanted` are; `found` where there is none."""
    references = {one.reference for one in wanted}
    return [one for one in found if {one.reference} == references] or found


def _narrowed(actors: Sequence[_Actor], tests: Iterable[Callable[[_Actor], bool]]) -> list[fhir.Target]:
    """Those that pass each test, where any does."""
    for test in tests:
        actors = [actor for actor in actors if test(actor)] or actors
    return distinct(actor.target for actor in actors)


def _is_needed(actor: _Actor) -> bool:
    return actor.participant.required not in ("optional", "information-only")


def _accepted(actor: _Actor) -> bool:
    return actor.participant.status in ("accepted", "")


def _typed_primary(actor: _Actor) -> bool:
    return any(concept.has(_PRIMARY) for concept in actor.participant.type)
