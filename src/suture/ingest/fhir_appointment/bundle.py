"""An Appointment that a delivery tells of, with what every part of its reading needs."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import TypeVar
from zoneinfo import ZoneInfo

import msgspec

from suture.catalogue.days import Days
from suture.codecs import fhir
from suture.ingest.decoding import Context, NotUnderstood

REMEDY = (
    "Ask the scheduling system's owner to send FHIR R4 with every field that the contract requires, then retry or"
    " discard this exception."
)
SAY_WHICH = (
    "Ask the scheduling system's owner which one is meant, and have the visit sent again with that stated; or correct"
    " the "
    "payload here (`suture exceptions edit NUMBER --payload FILE --reason … --retry`)."
)

R = TypeVar("R", bound=fhir.Resource)
K = TypeVar("K")


class ToldDelivery(msgspec.Struct, frozen=True):
    """`alone` where the delivery tells of no other Appointment: then what names none can only be of this one. `place`
    is the facility, once it is known: days are its own."""

    context: Context
    contents: fhir.Contents
    read: fhir.Read[fhir.Appointment]
    sent_at: datetime
    alone: bool = True
    place: str | None = None

    @property
    def appointment(self) -> fhir.Appointment:
        return self.read.resource

    @property
    def id(self) -> str:
        return self.read.held.id

    @property
    def zone(self) -> ZoneInfo:
        return Days(self.context.catalogue).zone_of(self.place)

    def follow(self, reference: fhir.Reference, within: fhir.HeldResource, kind: str = "") -> fhir.Target | None:
        return self.contents.target(reference, within, kind=kind)

    def resource(self, target: fhir.Target | None, kind: type[R]) -> fhir.Read[R] | None:
        """The resource that is meant, where the delivery has it. Raises `msgspec.ValidationError`."""
        if target is None or target.held is None or target.kind != kind.__name__:
            return None
        return self.contents.read(target.held, kind)


def records_of(told: ToldDelivery, patient: str) -> frozenset[str]:
    """A patient's references: the record named, those that it replaces and those that replace it (Patient.link)."""
    known, found = _replacements(told), {patient}
    while more := {other for one in found for other in known.get(one, ())} - found:
        found |= more
    return frozenset(found)


def _replacements(told: ToldDelivery) -> dict[str, set[str]]:
    linked: dict[str, set[str]] = {}
    for read in told.contents.readable(fhir.Patient):
        for link in fhir.soft(fhir.Link, read.resource.link):
            other = told.follow(link.other, read.held, "Patient")
            if other is not None and other.id and link.type in ("replaced-by", "replaces"):
                linked.setdefault(read.held.reference, set()).add(other.reference)
                linked.setdefault(other.reference, set()).add(read.held.reference)
    return linked


def named(target: fhir.Target, code: str) -> str:
    """How we name whom a reference means: ``Patient/17``. Raises `NotUnderstood` where nobody else could know it by
    that, where another here may have the id, and where its id could be anything: it would stand in the clear."""
    if target.base:
        raise NotUnderstood(
            code, f"a {target.kind} is a record of another server, where the same id means someone else", SAY_WHICH
        )
    if not target.lasting:
        raise NotUnderstood(code, f"a {target.kind} has no permanent id, so it can't be identified", SAY_WHICH)
    check_id(target.id, target.kind)
    return target.reference


def check_id(identity: str, kind: str) -> None:
    if not fhir.is_id(identity):
        raise NotUnderstood(
            "id_invalid",
            f"the id of a {kind} is not a valid FHIR id (letters, digits, - and ., at most 64); it is not shown here",
            REMEDY,
        )


def says(reference: fhir.Reference) -> bool:
    """Whether a reference means somebody at all: one that can't be followed is not one that was left out."""
    return bool(reference.reference.strip() or reference.identifier is not None or reference.display.strip())


def distinct(targets: Iterable[fhir.Target]) -> list[fhir.Target]:
    """Each once, in their order; those without an id are each their own."""
    found: dict[object, fhir.Target] = {}
    for place, target in enumerate(targets):
        found.setdefault(target.reference if target.id else place, target)
    return list(found.values())


def covers(period: fhir.Period, day: date, zone: ZoneInfo) -> bool:
    """Whether a day is in a period. What isn't said, or can't be read, doesn't bound it."""
    first, last = fhir.days(period.start, zone), fhir.days(period.end, zone)
    return (first is None or first[0] <= day) and (last is None or day <= last[1])


def following(
    told: ToldDelivery, references: Iterable[tuple[fhir.Reference, fhir.HeldResource, str]]
) -> Iterator[fhir.Target]:
    """Whom references mean, as far as that can be told."""
    for reference, within, kind in references:
        target = told.follow(reference, within, kind)
        if target is not None:
            yield target
