"""What took place: the Encounter that names the Appointment, and when it was."""

from datetime import datetime, time, timedelta

from suture.codecs import fhir
from suture.core.english import plural
from suture.ingest.decoding import NotUnderstood
from suture.ingest.fhir_appointment.bundle import REMEDY, SAY_WHICH, ToldDelivery, records_of

_NOTHING_TOOK_PLACE = frozenset({"cancelled", "entered-in-error"})
_DEEPEST = 8
_OLDEST = timedelta(days=10 * 366)
_AHEAD = timedelta(days=2)
_FURTHEST = timedelta(days=5 * 366)
"""How far a visit may be from the moment in which it is told: past ones are billed late, planned ones lie ahead."""


def encounter(told: ToldDelivery) -> fhir.Read[fhir.Encounter]:
    """The finished Encounter of the Appointment. Raises `NotUnderstood`."""
    every = [one for one in told.contents.readable(fhir.Encounter) if one.resource.status not in _NOTHING_TOOK_PLACE]
    ours = [one for one in every if _names(told, one)]
    if not ours and told.alone:
        ours = [one for one in every if not one.resource.appointment and _may_be_of_patient(told, one)]
    finished = [one for one in ours if one.resource.status == "finished"]
    if len(finished) > 1:  # a part of a visit may name its appointment too
        parts = [told.follow(one.resource.part_of, one.held, "Encounter") for one in finished]
        whole = {one.held.reference for one in finished}
        finished = [
            one
            for one, part in zip(finished, parts, strict=True)
            if part is None or part.reference not in whole - {one.held.reference}
        ] or finished
    if len(finished) > 1:
        raise NotUnderstood(
            "encounter_unclear", f"{len(finished)} finished Encounters could belong to the Appointment", SAY_WHICH
        )
    if not finished:
        _explain_unreadable(told)
        raise NotUnderstood("no_encounter", "a completed Appointment arrived without its finished Encounter", REMEDY)
    return finished[0]


def is_within(told: ToldDelivery, target: fhir.Target, whole: fhir.Read[fhir.Encounter]) -> bool:
    """Whether an Encounter is the visit's or a part of it that has no appointment of its own (`Encounter.partOf`)."""
    here: fhir.Target | None = target
    for _ in range(_DEEPEST):
        if here is None or here.reference == whole.held.reference:
            return here is not None
        part = told.resource(here, fhir.Encounter)
        if part is None or part.resource.appointment:
            return False
        here = told.follow(part.resource.part_of, part.held, "Encounter")
    return False


def times(told: ToldDelivery, read: fhir.Read[fhir.Encounter]) -> tuple[datetime, datetime]:
    """When the visit began and ended. A time that the Encounter doesn't tell is the Appointment's; a day without a time
    is that day at the clinic. Raises `NotUnderstood`."""
    period, appointment = read.resource.period, told.appointment
    for text, place in ((period.start, "start"), (period.end, "end")):
        if text and fhir.days(text, told.zone) is None:
            raise NotUnderstood("invalid_payload", f"Encounter.period.{place} is not a FHIR dateTime", REMEDY)
    planned, planned_end = fhir.moment(appointment.start), fhir.moment(appointment.end)
    start = _exact(told, period.start, planned)
    end = _exact(told, period.end, planned_end)
    if start is None and end is None:
        start, end = planned, planned_end
    if start is None and end is None:
        raise NotUnderstood("time_implausible", "neither Encounter nor Appointment says when the visit was", REMEDY)
    begun = start if start is not None else end if end is not None else told.sent_at
    if end is None:
        end = planned_end if planned_end is not None and _same_day(told, begun, planned_end) else begun
    if end < begun and not _same_day(told, begun, end):
        raise NotUnderstood("time_implausible", "the Encounter ends before the day on which it begins", REMEDY)
    ended = max(begun, end)
    check_plausible(told, begun, _AHEAD)
    check_plausible(told, ended, _AHEAD)
    return begun, ended


def start(told: ToldDelivery) -> datetime:
    """When a planned visit is to begin. Raises `NotUnderstood`."""
    if not told.appointment.start:
        raise NotUnderstood("no_start", "a booked Appointment has no start", REMEDY)
    planned = _exact(told, told.appointment.start, None)
    if planned is None:
        raise NotUnderstood("invalid_payload", "Appointment.start is not a FHIR instant", REMEDY)
    check_plausible(told, planned, _FURTHEST)
    return planned


def check_plausible(told: ToldDelivery, when: datetime, ahead: timedelta) -> None:
    """Years that a default or a slip of the keyboard makes, such as 0001, 1900 or 2090, are not believed."""
    now = told.context.received_at
    if not now - _OLDEST <= when <= now + ahead:
        raise NotUnderstood(
            "time_implausible",
            f"the visit is dated in {when.year:04d}, "
            + (f"more than {plural(ahead.days, 'day')} ahead" if when > now else "which is too far in the past"),
            "Have the scheduling system send the visit again with the correct time, or correct the payload here "
            "(`suture exceptions edit NUMBER --payload FILE --reason … --retry`).",
        )


def _names(told: ToldDelivery, read: fhir.Read[fhir.Encounter]) -> bool:
    """Whether an Encounter is of this Appointment."""
    for reference in read.resource.appointment:
        target = told.follow(reference, read.held, "Appointment")
        if target is not None and target.reference == told.read.held.reference:
            return True
    return False


def _may_be_of_patient(told: ToldDelivery, read: fhir.Read[fhir.Encounter]) -> bool:
    """Whether an Encounter that names no Appointment may be of this one's patient."""
    subject = told.follow(read.resource.subject, read.held)
    if subject is None or subject.kind != "Patient" or not subject.id:
        return True
    actors = (told.follow(one.actor, told.read.held) for one in told.appointment.participant)
    patients = {actor.reference for actor in actors if actor is not None and actor.kind == "Patient"}
    return not patients or bool(records_of(told, subject.reference) & patients)


def _explain_unreadable(told: ToldDelivery) -> None:
    """Raises `msgspec.ValidationError` where an Encounter that can't be read may be the one that is missing."""
    for one in told.contents.of(fhir.Encounter):
        one.whole()


def _exact(told: ToldDelivery, text: str, planned: datetime | None) -> datetime | None:
    """A moment as written; of a day the planned moment where that is on it, else its noon where the clinic is."""
    exact = fhir.moment(text)
    if exact is not None:
        return exact
    span = fhir.days(text, told.zone)
    if span is None:
        return None
    if planned is not None and span[0] <= fhir.local_day(planned, told.zone) <= span[1]:
        return planned
    return datetime.combine(span[0], time(12), told.zone) if span[0] == span[1] else None


def _same_day(told: ToldDelivery, one: datetime, other: datetime) -> bool:
    return fhir.local_day(one, told.zone) == fhir.local_day(other, told.zone)
