"""Nothing overtakes: which events of a batch still take effect, by the version their source gave them."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from suture.canonical.events import Event
from suture.ingest.decoding import NotUnderstood
from suture.store.appointments import State

_SKEW = timedelta(seconds=5)
"""How far apart the clocks of a source's servers may be."""


class ToldStatus(msgspec.Struct, frozen=True):
    """An appointment's event with the status that it puts the appointment in, and when its source changed it, where it
    says."""

    event: Event
    status: str
    changed_at: datetime | None = None


class Folded(msgspec.Struct, frozen=True):
    """What comes of events: the ids of stale ones, the new state of each subject, and why some are a person's."""

    stale: frozenset[UUID]
    states: dict[str, State]
    contradictions: dict[UUID, NotUnderstood]


def fold(known: Mapping[str, State], told: Iterable[ToldStatus]) -> Folded:
    """Put events in the order of their versions, however they arrived.

    `known` is how each subject stands. A lower version is stale. A version that says to be of another time than its
    number (lower, and changed later; or higher, and changed earlier), or that says something else under the number that
    counts, contradicts what is known: it takes no effect, and is never passed over in silence. The same event told
    twice is one.
    """
    latest = dict(known)
    effective: set[UUID] = set()
    stale: set[UUID] = set()
    states: dict[str, State] = {}
    contradictions: dict[UUID, NotUnderstood] = {}
    for item in sorted(told, key=lambda item: item.event.sequence or 0):
        subject, sequence = item.event.subject, item.event.sequence or 0
        before = latest.get(subject, State("", -1))
        if item.event.id in effective:
            continue
        if before.sequence >= 0 and _contradicts(item, sequence, before):
            contradictions[item.event.id] = _contradiction(subject, sequence, before)
        elif sequence < before.sequence:
            stale.add(item.event.id)
        else:
            effective.add(item.event.id)
            latest[subject] = states[subject] = State(item.status, sequence, item.changed_at or before.changed_at)
    return Folded(frozenset(stale), states, contradictions)


def _contradicts(item: ToldStatus, sequence: int, before: State) -> bool:
    if sequence == before.sequence:
        return item.status != before.status
    if item.changed_at is None or before.changed_at is None:
        return False
    if sequence < before.sequence:
        return item.changed_at > before.changed_at + _SKEW
    return item.changed_at < before.changed_at - _SKEW


def _contradiction(subject: str, sequence: int, before: State) -> NotUnderstood:
    if sequence == before.sequence:
        reason = f"{subject} arrived with other content under version {sequence}, which is the current one"
    else:
        lower, later = ("lower", "later") if sequence < before.sequence else ("higher", "earlier")
        reason = (
            f"version {sequence} of {subject} is {lower} than the current version {before.sequence}, but was changed"
            f" {later}"
        )
    error = NotUnderstood(
        "version_contradicts",
        reason,
        "The current version stays in force until you decide. Ask the scheduling system's owner which is right. If it"
        " is this one, give it a higher Appointment.meta.versionId in the payload and retry it (`suture exceptions"
        " edit NUMBER "
        "--payload FILE --reason … --retry`); if not, discard this exception.",
    )
    error.subject = subject
    return error
