"""Who received and who gave care: FHIR R4 Appointment.participant, and what the Encounter says happened."""

from collections.abc import Callable, Iterable, Sequence

import msgspec

from suture.codecs import fhir
from suture.ingest.fhir_appointment.told import REMEDY, SAY_WHICH, Told, distinct, following, named, records_of, says
from suture.ingest.understanding import NotUnderstood

_PRIMARY, _ATTENDER = "PPRF", "ATND"
"""v3-ParticipationType: who mainly performed, and who was responsible."""
_NOT_PERFORMING = frozenset({"SPRF", "REF", "ADM", "DIS", "CON", "ESC", "CALLBCK", "translator", "emergency"})
"""Encounter participants who did not do what is billed."""

Encounter = fhir.Read[fhir.Encounter] | None


class _Actor(msgspec.Struct, frozen=True):
    target: fhir.Target
    participant: fhir.AppointmentParticipant


def patient(told: Told, encounter: Encounter = None) -> str:
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
                "patient_unclear", "the Encounter's patient is not one of the Appointment's participants", SAY_WHICH
            )
        return named(subject, "patient_unclear")
    found = _narrowed(actors, (_is_needed, _accepted))
    if len(found) > 1:
        found = _charged(told, encounter, found)
    if len(found) > 1:
        raise NotUnderstood(
            "patient_unclear",
            f"the Appointment has {len(found)} patients, and nothing says whose visit it is",
            SAY_WHICH,
        )
    if found:
        return named(found[0], "patient_unclear")
    if unclear:
        raise NotUnderstood(
            "patient_unclear",
            "the Appointment names its patient in a way that nothing in the delivery answers",
            SAY_WHICH,
        )
    raise NotUnderstood("no_patient", "no participant of the Appointment is a Patient", REMEDY)


def practitioner(told: Told, encounter: Encounter = None) -> str:
    """The one whose work is billed: the Encounter's primary performer, or the practitioner who accepted and is
    required. Who declined is never the one. Raises `NotUnderstood`."""
    actors, unclear = _actors(told, "Practitioner")
    performers = _performers(told, encounter)
    found = _responsible(performers, {actor.target.reference for actor in actors})
    found = found or _planned(told, encounter, actors, performers)
    found = found or distinct(target for target, roles in performers if not roles & _NOT_PERFORMING)
    if len(found) > 1:
        raise NotUnderstood(
            "practitioner_unclear",
            f"{len(found)} practitioners may have performed the visit, and nothing says whose work it is",
            SAY_WHICH,
        )
    if found:
        return _willing(found[0], _declined(told, "Practitioner"))
    if unclear:
        raise NotUnderstood(
            "practitioner_unclear",
            "the Appointment names its practitioner in a way that nothing in the delivery answers",
            SAY_WHICH,
        )
    raise NotUnderstood("no_practitioner", "a completed Appointment names no Practitioner who took part", REMEDY)


def _responsible(performers: list[tuple[fhir.Target, frozenset[str]]], planned: set[str]) -> list[fhir.Target]:
    """Whom the Encounter has as its primary performer; else the attender, where that is one who was to come (or nobody
    was named): whoever is responsible need not be whoever works."""
    primary = distinct(target for target, roles in performers if _PRIMARY in roles)
    if primary:
        return [one for one in primary if one.reference in planned] or primary
    attending = distinct(target for target, roles in performers if _ATTENDER in roles)
    return [one for one in attending if one.reference in planned or not planned]


def _planned(
    told: Told,
    encounter: Encounter,
    actors: Sequence[_Actor],
    performers: list[tuple[fhir.Target, frozenset[str]]],
) -> list[fhir.Target]:
    """Who was to come: required, accepted; of several those who took part, then the one who performed what is
    charged."""
    found = _narrowed(actors, (_is_needed, _accepted, _typed_primary))
    if len(found) > 1:
        took_part = {target.reference for target, _ in performers}
        found = [one for one in found if one.reference in took_part] or found
    return _among(found, _charge_performers(told, encounter)) if len(found) > 1 else found


def planned_practitioner(told: Told) -> str | None:
    """The practitioner of a booking, where there is one who can be told: nothing is billed by it."""
    try:
        return practitioner(told)
    except NotUnderstood:
        return None


def _willing(target: fhir.Target, declined: frozenset[str]) -> str:
    if target.reference in declined:
        raise NotUnderstood(
            "practitioner_unclear",
            f"{named(target, 'practitioner_unclear')} declined the Appointment, and is whom the Encounter names",
            SAY_WHICH,
        )
    return named(target, "practitioner_unclear")


def _actors(told: Told, kind: str) -> tuple[list[_Actor], bool]:
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


def _declined(told: Told, kind: str) -> frozenset[str]:
    """Those who declined, and didn't accept too."""
    accepted = {actor.target.reference for actor in _actors(told, kind)[0]}
    refused = [
        (participant.actor, told.read.held, "")
        for participant in told.appointment.participant
        if participant.status == "declined"
    ]
    people = (_person(told, target, kind) for target in following(told, refused))
    return frozenset(one.reference for one in people if one is not None) - accepted


def _person(told: Told, target: fhir.Target | None, kind: str) -> fhir.Target | None:
    """Whom a target is or stands for: a PractitionerRole stands for its Practitioner."""
    if target is None or target.kind != "PractitionerRole" or kind != "Practitioner":
        return target
    role = told.resource(target, fhir.PractitionerRole)
    return None if role is None else told.follow(role.resource.practitioner, role.held, "Practitioner")


def _subject(told: Told, encounter: Encounter) -> fhir.Target | None:
    """The Encounter's patient; None where it names none, or a group. Raises `NotUnderstood` where it names somebody
    whom nobody can tell: the one who was to come may be another."""
    if encounter is None or not says(encounter.resource.subject):
        return None
    target = told.follow(encounter.resource.subject, encounter.held)
    if target is None or (target.kind == "Patient" and not target.id):
        raise NotUnderstood(
            "patient_unclear",
            "the Encounter names its patient in a way that nothing in the delivery answers",
            SAY_WHICH,
        )
    return target if target.kind == "Patient" else None


def _performers(told: Told, encounter: Encounter) -> list[tuple[fhir.Target, frozenset[str]]]:
    """The practitioners of the Encounter with the codes of their roles."""
    found = []
    for one in encounter.resource.participant if encounter is not None else ():
        within = encounter.held if encounter is not None else told.read.held
        target = _person(told, told.follow(one.individual, within), "Practitioner")
        if target is not None and target.kind == "Practitioner":
            found.append((target, frozenset(coding.code for concept in one.type for coding in concept.coding)))
    return found


def _charges(told: Told, encounter: Encounter) -> list[fhir.Read[fhir.ChargeItem]]:
    """The charge items that say to be of the Encounter."""
    if encounter is None:
        return []
    items = told.contents.of(fhir.ChargeItem)
    return [item for item in items if _is_of(told, item, encounter)]


def _is_of(told: Told, item: fhir.Read[fhir.ChargeItem], encounter: fhir.Read[fhir.Encounter]) -> bool:
    target = told.follow(item.resource.context, item.held)
    return target is not None and target.reference == encounter.held.reference


def _charged(told: Told, encounter: Encounter, found: list[fhir.Target]) -> list[fhir.Target]:
    """Of several patients the one to whom everything is charged."""
    subjects = [(item.resource.subject, item.held, "Patient") for item in _charges(told, encounter)]
    return _among(found, following(told, subjects))


def _charge_performers(told: Told, encounter: Encounter) -> list[fhir.Target]:
    performers = [
        (performer.actor, item.held, "") for item in _charges(told, encounter) for performer in item.resource.performer
    ]
    people = (_person(told, target, "Practitioner") for target in following(told, performers))
    return [one for one in people if one is not None]


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
