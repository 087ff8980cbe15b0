"""Recording events: stored, and what they start, wake or cancel, in one transaction."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from suture.canonical.events import EVENT_TYPES, Event, ExceptionRaised, ExceptionResolved, as_told
from suture.canonical.routing import Route, awaiting
from suture.core.failure import Rejected
from suture.core.ids import fact_id
from suture.store import exceptions
from suture.store.database import Connection, sql
from suture.store.exceptions import Closed, Trouble

_SQL = sql("recorder")


class Recorder:
    """Records events. `routes` say which processes they concern, `awaited` which types a process may wait for (None:
    any), `owner` who is asked when something is told again and differs, and `owners` who of some kinds of facts (such
    as ``payment``)."""

    def __init__(
        self,
        routes: Iterable[Route],
        awaited: frozenset[str] | None = None,
        *,
        owner: str = "integration",
        owners: Mapping[str, str] | None = None,
        organisation: str = "",
    ) -> None:
        self._awaited = awaited
        self._owner = owner
        self._owners = owners or {}
        self._organisation = organisation
        self._routes: dict[str, list[Route]] = defaultdict(list)
        for route in routes:
            self._routes[route.type].append(route)

    async def record(
        self, connection: Connection, events: Sequence[Event], *, stale: frozenset[UUID] = frozenset()
    ) -> None:
        """Record `events` in this transaction. One recorded before is passed over, with all its effects.

        `stale` ones came too late to take effect: they are kept and published, and start nothing.
        """
        if not events:
            return
        new = await self._insert(connection, events, stale)
        first: dict[UUID, Event] = {}
        again = [event for event in events if first.setdefault(event.id, event) is not event or event.id not in new]
        await self._show_differences(connection, again)
        effective = [event for event in first.values() if event.id in new and event.id not in stale]
        effective.sort(key=lambda event: event.sequence or 0)
        starts, before, after = self._concerned(effective)
        await self._cancel(connection, before)
        await self._start(connection, starts)
        await self._cancel(connection, after)
        await self._wake(connection, effective)

    async def _insert(self, connection: Connection, events: Sequence[Event], stale: frozenset[UUID]) -> set[UUID]:
        rows = await connection.fetch(
            _SQL["record"],
            [event.id for event in events],
            [event.type for event in events],
            [event.source for event in events],
            [event.subject for event in events],
            [event.organisation for event in events],
            [event.facility for event in events],
            [event.sequence for event in events],
            [event.occurred_at for event in events],
            [event.recorded_at for event in events],
            [event.correlation_id for event in events],
            [event.causation_id for event in events],
            [bytes(event.data).decode() for event in events],
            [event.id in stale for event in events],
        )
        return {row["id"] for row in rows}

    def _concerned(self, events: Sequence[Event]) -> tuple[list["_Effect"], list["_Effect"], list["_Effect"]]:
        """The starts among these events, and the cancellations that come before and after the start of their process.

        A cancellation never stops what starts only after it, also when one transaction records both; and of several
        starts of one process the last counts: nothing was done yet by what came before it.
        """
        starts: dict[str, _Effect] = {}
        before: list[_Effect] = []
        after: dict[str, _Effect] = {}
        for event in events:
            for route in self._routes[event.type]:
                payload = event.payload()
                effect = _Effect(f"{route.definition}:{route.key(payload)}", event, route, payload)
                if route.action == "start":
                    starts[effect.key] = effect
                    after.pop(effect.key, None)
                elif effect.key in starts:
                    after[effect.key] = effect
                else:
                    before.append(effect)
        return list(starts.values()), before, list(after.values())

    async def _start(self, connection: Connection, starts: Sequence["_Effect"]) -> None:
        if not starts:
            return
        rows = await connection.fetch(
            _SQL["start"],
            [start.key for start in starts],
            [start.route.definition for start in starts],
            [start.route.version for start in starts],
            [start.event.subject for start in starts],
            [start.event.correlation_id for start in starts],
            [start.event.id for start in starts],
            [start.event.facility for start in starts],
            [start.input for start in starts],
            [start.event.recorded_at for start in starts],
        )
        await connection.execute(_SQL["announce"])
        new = {row["key"] for row in rows}
        await self._show_changes(connection, [start for start in starts if start.key not in new])

    async def _show_changes(self, connection: Connection, again: Sequence["_Effect"]) -> None:
        """What was started before is not started again; where it now says something else, a person must know. One
        that changed nothing yet takes what it is told now: that is how a source corrects itself."""
        known = await connection.fetch(_SQL["started_before"], [effect.key for effect in again]) if again else ()
        before = {row["key"]: row for row in known}
        changed = [
            effect
            for effect in again
            if not effect.is_given(before[effect.key]["input"])
            or before[effect.key]["undone"]
            or before[effect.key]["state"] == "cancelled"
        ]
        anew = [effect for effect in changed if _may_begin_anew(before[effect.key], effect.route.effects)]
        await self._begin_anew(connection, anew)
        for effect in changed:
            if effect in anew:
                continue
            trouble = Trouble(
                code="told_again",
                outcome=Rejected.outcome,
                reason=f"{effect.event.type} came again, with other content or after it had been undone",
                remedy=(
                    "What was written stands. Compare both in the journey, correct the outside systems, then "
                    "discard this."
                ),
                owner=self._owner_of(effect.event),
                step=f"{effect.key} {effect.event.id}",
                subject=effect.event.subject,
            )
            await self.open_exception(
                connection, trouble, effect.event.recorded_at, correlation_id=effect.event.correlation_id
            )

    async def _begin_anew(self, connection: Connection, anew: Sequence["_Effect"]) -> None:
        if not anew:
            return
        await connection.execute(
            _SQL["begin_anew"],
            [effect.key for effect in anew],
            [effect.input for effect in anew],
            [effect.event.id for effect in anew],
            [effect.event.recorded_at for effect in anew],
        )
        latest = max(effect.event.recorded_at for effect in anew)
        await self.resolve(connection, [effect.key for effect in anew], latest, by="told anew")

    async def _show_differences(self, connection: Connection, again: Sequence[Event]) -> None:
        """One fact has one content: the first counts, and another one is a person's to look at."""
        if not again:
            return
        rows = await connection.fetch(_SQL["told_before"], [event.id for event in again])
        before = {row["id"]: row["data"].encode() for row in rows}
        for event in again:
            if before[event.id] == bytes(event.data) or _says_the_same(event, before[event.id]):
                continue
            trouble = Trouble(
                code="told_differently",
                outcome=Rejected.outcome,
                reason=f"{event.type} of {event.subject} came again under the same version with other content",
                remedy=(
                    "The first stands. Ask the sender which is right; a correction needs a new version or id. "
                    "Then discard this."
                ),
                owner=self._owner_of(event),
                process=f"event:{event.id}",
                step=str(event.causation_id or ""),
                subject=event.subject,
            )
            await self.open_exception(connection, trouble, event.recorded_at, correlation_id=event.correlation_id)

    def _owner_of(self, event: Event) -> str:
        return self._owners.get(event.type.split(".")[1], self._owner)

    async def open_exception(
        self,
        connection: Connection,
        trouble: Trouble,
        at: datetime,
        *,
        correlation_id: str | None = None,
        facility: str | None = None,
        causation_id: UUID | None = None,
    ) -> None:
        """Put `trouble` in front of a person, and tell the backbone so, in this transaction."""
        count = await exceptions.put(connection, trouble, at)
        told = ExceptionRaised(exception=str(trouble.id), code=trouble.code, reason=trouble.reason)
        event = self._of_exception("raised", trouble.id, count, told, at)
        subject = trouble.subject or event.subject
        event = msgspec.structs.replace(
            event,
            subject=subject,
            correlation_id=correlation_id or subject.partition("/")[2],
            facility=facility,
            causation_id=causation_id,
        )
        await self.record(connection, [event])

    async def resolve(self, connection: Connection, processes: Sequence[str], at: datetime, *, by: str) -> None:
        """Close the exceptions of processes (or what else goes by such a key) that got past them."""
        if processes:
            await self.tell_closed(connection, await exceptions.resolve(connection, processes, at, by), at)

    async def tell_closed(self, connection: Connection, closed: Sequence[Closed], at: datetime) -> None:
        """Tell the backbone which exceptions were closed."""
        told = [
            self._of_exception("resolved", one.id, one.count, ExceptionResolved(exception=str(one.id)), at)
            for one in closed
        ]
        await self.record(connection, told)

    def _of_exception(self, fact: str, about: UUID, count: int, data: msgspec.Struct, at: datetime) -> Event:
        return Event(
            id=fact_id("exception", fact, str(about), str(count)),
            type=f"suture.exception.{fact}.v1",
            source="suture/exceptions",
            subject=f"Exception/{about}",
            organisation=self._organisation,
            facility=None,
            occurred_at=at,
            recorded_at=at,
            correlation_id=str(about),
            data=msgspec.Raw(msgspec.json.encode(data)),
        )

    @staticmethod
    async def _cancel(connection: Connection, cancellations: Sequence["_Effect"]) -> None:
        if cancellations:
            at = max(cancellation.event.recorded_at for cancellation in cancellations)
            cancelled = await connection.execute(_SQL["cancel"], sorted({item.key for item in cancellations}), at)
            if cancelled != "UPDATE 0":
                await connection.execute(_SQL["announce"])

    async def _wake(self, connection: Connection, events: Sequence[Event]) -> None:
        told = [event for event in events if self._awaited is None or event.type in self._awaited]
        if told:
            awaited = [awaiting(event.type, event.correlation_id) for event in told]
            woken = await connection.execute(_SQL["wake"], awaited, max(event.recorded_at for event in told))
            if woken != "UPDATE 0":
                await connection.execute(_SQL["announce"])


def _says_the_same(event: Event, before: bytes) -> bool:
    """Whether what was recorded says what is told now; in which form, and what was found out here, doesn't count."""
    recorded = msgspec.json.decode(before, type=EVENT_TYPES[event.type])
    return bool(as_told(recorded) == as_told(event.payload()))


def _may_begin_anew(row: Record, effects: frozenset[str]) -> bool:
    """Whether nobody works on a process, and none of its steps changed something outside."""
    journal: dict[str, dict[str, object]] = msgspec.json.decode(row["journal"])
    touched = {step for step, record in journal.items() if record["state"] not in ("skipped", "refused")}
    return bool(effects) and row["released"] and not row["in_doubt"] and not touched & effects


class _Effect(msgspec.Struct, frozen=True):
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
