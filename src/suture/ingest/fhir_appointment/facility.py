"""Where care was given: the Encounter's Location, else the Appointment's, or the place that it is part of and that the
catalogue knows."""

from collections.abc import Iterator

from suture.codecs import fhir
from suture.core.codes import is_code
from suture.ingest.decoding import NotUnderstood
from suture.ingest.fhir_appointment.bundle import SAY_WHICH, ToldDelivery

_DEEPEST = 12
"""How many places may lie around another: a room in a ward in a wing in a house."""


def facility(told: ToldDelivery, encounter: fhir.Read[fhir.Encounter] | None = None) -> str:
    """The catalogue's code of the place where it took place; where it was to, if nothing says. Raises
    `NotUnderstood`."""
    codes: list[str] = []
    for places in (_of_encounter(told, encounter), _of_appointment(told), _only_one(told)):
        known = {code for place in places if (code := _known(told, place, codes)) is not None}
        if len(known) > 1:
            raise NotUnderstood(
                "facility_unclear", f"the visit names several facilities ({', '.join(sorted(known))})", SAY_WHICH
            )
        if known:
            return known.pop()
    told_codes = ", ".join(dict.fromkeys(filter(is_code, codes))) or "none"
    raise NotUnderstood(
        "facility_unknown",
        f"the Location's codes ({told_codes}) match no facility in the catalogue",
        "Add the facility to the catalogue, or correct the Location at the scheduling system; restart the "
        "workers, then retry it.",
    )


def facility_or_none(told: ToldDelivery) -> str | None:
    """The place where it can be told: what undoes a visit needs none."""
    try:
        return facility(told)
    except NotUnderstood:
        return None


def _of_appointment(told: ToldDelivery) -> list[fhir.Target]:
    """The places among the participants. One that is known by an identifier alone is as good."""
    found: list[fhir.Target] = []
    for participant in told.appointment.participant:
        if participant.status != "declined":
            found += _places(told, participant.actor, told.read.held)
    return found


def _of_encounter(told: ToldDelivery, encounter: fhir.Read[fhir.Encounter] | None) -> list[fhir.Target]:
    if encounter is None:
        return []
    places = [one for one in encounter.resource.location if one.status not in ("planned", "reserved")]
    return [target for one in places for target in _places(told, one.location, encounter.held, "Location")]


def _only_one(told: ToldDelivery) -> list[fhir.Target]:
    """A delivery's only Location, where nothing names another."""
    if _of_appointment(told):
        return []
    held = [one.held for one in told.contents.readable(fhir.Location)]
    return [fhir.Target("Location", held[0].id, held[0])] if len(held) == 1 else []


def _places(
    told: ToldDelivery, reference: fhir.Reference, within: fhir.HeldResource, kind: str = ""
) -> Iterator[fhir.Target]:
    target = told.follow(reference, within, kind)
    if target is None and (kind or reference.type.rpartition("/")[2]) == "Location":
        for identifier in fhir.soft(fhir.Identifier, reference.identifier):
            yield fhir.Target("Location", identifier.value)
    elif target is not None and target.kind == "HealthcareService":
        service = told.resource(target, fhir.HealthcareService)
        for place in service.resource.location if service is not None else ():
            yield from _places(told, place, service.held if service is not None else within, "Location")
    elif target is not None and target.kind == "Location":
        yield target


def _known(told: ToldDelivery, place: fhir.Target, codes: list[str]) -> str | None:
    """The catalogue's code of a place, or of the nearest around it that the catalogue knows."""
    here: fhir.Target | None = place
    for _ in range(_DEEPEST):
        if here is None:
            return None
        location = told.resource(here, fhir.Location)
        named = fhir.place_codes(location.resource if location is not None else None, "" if here.base else here.id)
        codes += named
        for code in named:
            if code in told.context.facilities:
                return code
        here = told.follow(location.resource.part_of, location.held, "Location") if location is not None else None
    return None
