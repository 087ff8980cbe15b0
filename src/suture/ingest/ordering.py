"""Nothing overtakes: which events of a batch still take effect, by the version their source gave them."""

from collections.abc import Iterable, Mapping
from uuid import UUID

import msgspec

from suture.canonical.events import Event


class Told(msgspec.Struct, frozen=True):
    """An appointment's event with the status that it puts the appointment in."""

    event: Event
    status: str


class State(msgspec.Struct, frozen=True):
    """An appointment's status and the version that it comes from."""

    status: str
    sequence: int


def fold(known: Mapping[str, int], told: Iterable[Told]) -> tuple[frozenset[UUID], dict[str, State]]:
    """The ids of stale events, and the new state of each subject.

    `known` gives the version that took effect last, by subject. Within a batch, events of one subject count in the
    order of their versions, however they arrived; of equal versions, the first. The same event told twice is one.
    """
    latest = dict(known)
    effective: set[UUID] = set()
    stale: set[UUID] = set()
    states: dict[str, State] = {}
    for item in sorted(told, key=lambda item: item.event.sequence or 0):
        subject, sequence = item.event.subject, item.event.sequence or 0
        if item.event.id in effective:
            continue
        if sequence <= latest.get(subject, -1):
            stale.add(item.event.id)
        else:
            effective.add(item.event.id)
            latest[subject] = sequence
            states[subject] = State(item.status, sequence)
    return frozenset(stale), states
