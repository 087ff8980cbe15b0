"""Recording events: stored, and what they start, wake or cancel, in one transaction."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from suture.canonical.events import Event
from suture.canonical.routing import Route, awaiting
from suture.core.failure import Rejected
from suture.core.gather import Gather
from suture.store.database import Connection, Database, sql
from suture.store.exceptions import Trouble, open_exception

_SQL = sql("events")
_UNDONE = frozenset({"compensating", "compensated"})
_MOST_FOUND = 200


class Recorder:
    """Records events. `routes` say which processes they concern, `awaited` which types a process may wait for (None:
    any), `owner` who is asked when a process's beginning is told again and differs."""

    def __init__(
        self, routes: Iterable[Route], awaited: frozenset[str] | None = None, *, owner: str = "integration"
    ) -> None:
        self._awaited = awaited
        self._owner = owner
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
        effective = [event for event in events if event.id in new and event.id not in stale]
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

        A cancellation never stops what starts only after it, also when one transaction records both.
        """
        starts: list[_Effect] = []
        before: list[_Effect] = []
        after: list[_Effect] = []
        started: set[str] = set()
        for event in events:
            for route in self._routes[event.type]:
                payload = event.payload()
                effect = _Effect(f"{route.definition}:{route.key(payload)}", event, route, payload)
                if route.action == "start":
                    starts.append(effect)
                    started.add(effect.key)
                else:
                    (after if effect.key in started else before).append(effect)
        return starts, before, after

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
        """What was started before is not started again; where it now says something else, a person must know."""
        known = await connection.fetch(_SQL["started_before"], [effect.key for effect in again]) if again else ()
        before = {row["key"]: row for row in known}
        for effect in again:
            row = before[effect.key]
            if row["input"] == effect.input and row["state"] not in _UNDONE:
                continue
            trouble = Trouble(
                code="told_again",
                outcome=Rejected.outcome,
                reason=f"{effect.event.type} came again, with other content or after it had been undone",
                remedy="What was written stands. Compare both in the journey, then correct the outside systems.",
                owner=self._owner,
                process=effect.key,
                step=str(effect.event.id),
                subject=effect.event.subject,
            )
            await open_exception(connection, trouble, effect.event.recorded_at)

    @staticmethod
    async def _cancel(connection: Connection, cancellations: Sequence["_Effect"]) -> None:
        if cancellations:
            at = max(cancellation.event.recorded_at for cancellation in cancellations)
            await connection.execute(_SQL["cancel"], sorted(item.key for item in cancellations), at)
            await connection.execute(_SQL["announce"])

    async def _wake(self, connection: Connection, events: Sequence[Event]) -> None:
        told = [event for event in events if self._awaited is None or event.type in self._awaited]
        if told:
            awaited = [awaiting(event.type, event.correlation_id) for event in told]
            woken = await connection.execute(_SQL["wake"], awaited, max(event.recorded_at for event in told))
            if woken != "UPDATE 0":
                await connection.execute(_SQL["announce"])


class _Effect(msgspec.Struct, frozen=True):
    """What an event sets in motion: the process of this key starts or is cancelled."""

    key: str
    event: Event
    route: Route
    payload: msgspec.Struct

    @property
    def input(self) -> str:
        """What a started process gets (JSON)."""
        return msgspec.json.encode(self.route.input(self.payload) if self.route.input else self.payload).decode()


class EventFinder:
    """Finds events that processes await, many in one query."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.find: Gather[tuple[str, str], bytes | None] = Gather(self._find, limit=_MOST_FOUND)
        """The data of the first effective event by (correlation id, type), or None."""

    async def _find(self, wanted: Sequence[tuple[str, str]]) -> Sequence[bytes | None]:
        async with self._database.connection() as connection:
            rows = await connection.fetch(
                _SQL["find"], [correlation for correlation, _ in wanted], [event_type for _, event_type in wanted]
            )
        found = {(row["correlation_id"], row["type"]): row["data"].encode() for row in rows}
        return [found.get(key) for key in wanted]


class Outgoing(msgspec.Struct, frozen=True):
    """An event that the backbone has not confirmed, with its place in our order."""

    seq: int
    event: Event


async def unpublished(connection: Connection, most: int) -> list[Outgoing]:
    """Events that the backbone has not confirmed, in the order they were recorded."""
    rows = await connection.fetch(_SQL["unpublished"], most)
    return [Outgoing(row["seq"], _event(row)) for row in rows]


def _event(row: Record) -> Event:
    return Event(
        id=row["id"],
        type=row["type"],
        source=row["source"],
        subject=row["subject"],
        organisation=row["organisation"],
        facility=row["facility"],
        occurred_at=row["occurred_at"],
        recorded_at=row["recorded_at"],
        correlation_id=row["correlation_id"],
        data=msgspec.Raw(row["data"].encode()),
        sequence=row["sequence"],
        causation_id=row["causation_id"],
    )


async def mark_published(connection: Connection, seqs: Sequence[int]) -> None:
    await connection.execute(_SQL["published"], seqs)


class RecordedEvent(msgspec.Struct, frozen=True):
    """An event as the journey page shows it."""

    seq: int
    id: UUID
    type: str
    subject: str
    occurred_at: datetime
    recorded_at: datetime
    causation_id: UUID | None
    data: str
    stale: bool
    published: bool


async def of_journey(connection: Connection, correlation_id: str) -> list[RecordedEvent]:
    """Every event of one journey in the order recorded."""
    return [RecordedEvent(**dict(row)) for row in await connection.fetch(_SQL["of_journey"], correlation_id)]
