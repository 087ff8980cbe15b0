"""Recording events: stored, and what they start, wake or cancel, in one transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from suture.canonical.events import EVENT_TYPES, Event, ExceptionRaised, ExceptionResolved, as_told
from suture.canonical.routing import ProcessEffect, Route, awaiting, by_type, effects_of
from suture.core.failure import Rejected
from suture.core.ids import fact_id
from suture.core.trouble import Trouble
from suture.engine.process import Process
from suture.engine.steer import Cancel, begin_anew, may_begin_anew, started, was_taken_back
from suture.store import exceptions
from suture.store.database import Connection, sql
from suture.store.exceptions import Closed
from suture.store.processes import PROCESSES

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
        self._routes = by_type(routes)

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
        effects = effects_of(effective, self._routes)
        await self._cancel(connection, effects.before)
        await self._start(connection, effects.starts)
        await self._cancel(connection, effects.after)
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

    async def _start(self, connection: Connection, starts: Sequence[ProcessEffect]) -> None:
        if not starts:
            return
        there = {process.key: process for process in await PROCESSES.start(connection, [started(s) for s in starts])}
        await self._show_changes(connection, [(effect, there[effect.key]) for effect in starts if effect.key in there])

    async def _show_changes(self, connection: Connection, again: Sequence[tuple[ProcessEffect, Process]]) -> None:
        """What was started before is not started again; where it now says something else, a person must know. One
        that changed nothing yet takes what it is told now: that is how a source corrects itself."""
        changed = [(e, before) for e, before in again if not e.is_given(before.input) or was_taken_back(before)]
        anew = [effect for effect, before in changed if may_begin_anew(before, effect.route.effects)]
        await self._begin_anew(connection, anew)
        for effect, _ in changed:
            if effect in anew:
                continue
            trouble = Trouble(
                code="told_again",
                outcome=Rejected.outcome,
                reason=f"{effect.event.type} was received again, with different content or after it had been undone",
                remedy=(
                    "The records already written stay. Compare both versions in the journey, correct the outside"
                    " systems, then discard this exception."
                ),
                owner=self._owner_of(effect.event),
                step=f"{effect.key} {effect.event.id}",
                subject=effect.event.subject,
            )
            await self.open_exception(
                connection, trouble, effect.event.recorded_at, correlation_id=effect.event.correlation_id
            )

    async def _begin_anew(self, connection: Connection, anew: Sequence[ProcessEffect]) -> None:
        if not anew:
            return
        await PROCESSES.steer(connection, [(effect.key, begin_anew(effect)) for effect in anew])
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
                reason=f"{event.type} of {event.subject} was received again under the same version with different"
                " content",
                remedy=(
                    "The first version stays in force. Ask the sender which is right; a correction needs a new"
                    " version or id. Then discard this exception."
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
    async def _cancel(connection: Connection, cancellations: Sequence[ProcessEffect]) -> None:
        if cancellations:
            at = max(cancellation.event.recorded_at for cancellation in cancellations)
            await PROCESSES.steer(connection, [(key, Cancel(at)) for key in {item.key for item in cancellations}])

    async def _wake(self, connection: Connection, events: Sequence[Event]) -> None:
        told = [event for event in events if self._awaited is None or event.type in self._awaited]
        if told:
            awaited = [awaiting(event.type, event.correlation_id) for event in told]
            await PROCESSES.signal(connection, awaited, max(event.recorded_at for event in told))


def _says_the_same(event: Event, before: bytes) -> bool:
    """Whether what was recorded says what is told now; in which form, and what was found out here, doesn't count."""
    recorded = msgspec.json.decode(before, type=EVENT_TYPES[event.type])
    return bool(as_told(recorded) == as_told(event.payload()))
