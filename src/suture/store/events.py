"""Recording events: stored, and what they start, wake or cancel, in one transaction."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from suture.canonical.events import Event
from suture.canonical.routing import Route, awaiting
from suture.store.database import Connection, sql

_SQL = sql("events")


class Recorder:
    """Records events. `routes` say which processes they concern."""

    def __init__(self, routes: Iterable[Route]) -> None:
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
        await self._start(connection, effective)
        await self._cancel(connection, effective)
        await self._wake(connection, effective)
        await connection.execute(_SQL["announce_recorded"])

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

    async def _start(self, connection: Connection, events: Sequence[Event]) -> None:
        starts = [(event, route) for event in events for route in self._routes[event.type] if route.action == "start"]
        if not starts:
            return
        payloads = [event.payload() for event, _ in starts]
        await connection.fetch(
            _SQL["start"],
            [_key(route, payload) for (_, route), payload in zip(starts, payloads, strict=True)],
            [route.definition for _, route in starts],
            [route.version for _, route in starts],
            [event.subject for event, _ in starts],
            [event.correlation_id for event, _ in starts],
            [event.id for event, _ in starts],
            [event.facility for event, _ in starts],
            [_input(route, payload) for (_, route), payload in zip(starts, payloads, strict=True)],
            [event.recorded_at for event, _ in starts],
        )
        await connection.execute(_SQL["announce"])

    async def _cancel(self, connection: Connection, events: Sequence[Event]) -> None:
        keys = [
            _key(route, event.payload())
            for event in events
            for route in self._routes[event.type]
            if route.action == "cancel"
        ]
        if keys:
            await connection.execute(_SQL["cancel"], sorted(keys), max(event.recorded_at for event in events))
            await connection.execute(_SQL["announce"])

    async def _wake(self, connection: Connection, events: Sequence[Event]) -> None:
        if events:
            awaited = [awaiting(event.type, event.correlation_id) for event in events]
            woken = await connection.execute(_SQL["wake"], awaited, max(event.recorded_at for event in events))
            if woken != "UPDATE 0":
                await connection.execute(_SQL["announce"])


def _key(route: Route, payload: msgspec.Struct) -> str:
    return f"{route.definition}:{route.key(payload)}"


def _input(route: Route, payload: msgspec.Struct) -> str:
    return msgspec.json.encode(route.input(payload) if route.input else payload).decode()


async def find(connection: Connection, correlation_id: str, event_type: str) -> bytes | None:
    """The data of the first effective event of a type in a journey, or None."""
    found: str | None = await connection.fetchval(_SQL["find"], correlation_id, event_type)
    return None if found is None else found.encode()


class Outgoing(msgspec.Struct, frozen=True):
    """An event that the backbone has not confirmed, with its place in our order."""

    seq: int
    event: Event


async def unpublished(connection: Connection, most: int) -> list[Outgoing]:
    """Events that the backbone has not confirmed, in the order they were recorded."""
    rows = await connection.fetch(_SQL["unpublished"], most)
    return [
        Outgoing(row["seq"], Event(data=msgspec.Raw(row["data"].encode()), **{k: row[k] for k in _ENVELOPE}))
        for row in rows
    ]


async def mark_published(connection: Connection, seqs: Sequence[int]) -> None:
    await connection.execute(_SQL["published"], seqs)


_ENVELOPE = tuple(name for name in Event.__struct_fields__ if name != "data")


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
