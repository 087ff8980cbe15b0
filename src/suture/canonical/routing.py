"""What an event sets in motion, as data: which process it starts, wakes or cancels."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

import msgspec

from suture.canonical.events import Event, as_told


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """An event of `type` starts or cancels the process `definition` whose key is ``<definition>:<key(payload)>``.

    `input` picks what a started process gets; `version` is the definition's. `effects` names its steps that change
    something outside: as long as none was begun, a process that stopped takes what it is told anew.
    """

    type: str
    action: Literal["start", "cancel"]
    definition: str
    version: int
    key: Callable[[Any], str]
    input: Callable[[Any], msgspec.Struct] | None = None
    effects: frozenset[str] = frozenset()


class ProcessEffect(msgspec.Struct, frozen=True):
    """What an event sets in motion: the process of this key starts or is cancelled."""

    key: str
    event: Event
    route: Route
    payload: msgspec.Struct

    @property
    def given(self) -> msgspec.Struct:
        """What a started process gets."""
        return self.route.input(self.payload) if self.route.input else self.payload

    @property
    def input(self) -> str:
        """What a started process gets (JSON)."""
        return msgspec.json.encode(self.given).decode()

    def is_given(self, before: str) -> bool:
        """Whether an input says what this event says."""
        given = self.given
        return before == self.input or as_told(msgspec.json.decode(before, type=type(given))) == as_told(given)


class ProcessEffects(msgspec.Struct, frozen=True):
    """The starts among some events, and the cancellations that come before and after the start of their process."""

    starts: tuple[ProcessEffect, ...]
    before: tuple[ProcessEffect, ...]
    after: tuple[ProcessEffect, ...]


def by_type(routes: Iterable[Route]) -> dict[str, list[Route]]:
    """Routes by the type of the event that they concern."""
    found: dict[str, list[Route]] = {}
    for route in routes:
        found.setdefault(route.type, []).append(route)
    return found


def effects_of(events: Sequence[Event], routes: Mapping[str, Sequence[Route]]) -> ProcessEffects:
    """What events set in motion, taken in the order of their versions.

    A cancellation never stops what starts only after it, also when one transaction records both; and of several starts
    of one process the last counts: nothing was done yet by what came before it.
    """
    starts: dict[str, ProcessEffect] = {}
    before: list[ProcessEffect] = []
    after: dict[str, ProcessEffect] = {}
    for event in sorted(events, key=lambda event: event.sequence or 0):
        for route in routes.get(event.type, ()):
            payload = event.payload()
            effect = ProcessEffect(f"{route.definition}:{route.key(payload)}", event, route, payload)
            if route.action == "start":
                starts[effect.key] = effect
                after.pop(effect.key, None)
            elif effect.key in starts:
                after[effect.key] = effect
            else:
                before.append(effect)
    return ProcessEffects(tuple(starts.values()), tuple(before), tuple(after.values()))


def awaiting(event_type: str, correlation_id: str) -> str:
    """What a process waits for: an event of a type in its own journey."""
    return f"{event_type}|{correlation_id}"
