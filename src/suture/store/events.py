"""Recorded events: found for who awaits them, handed to the relay, shown to people."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from suture.canonical.events import EVENT_TYPES, Event
from suture.core.gather import Gather
from suture.store.database import Connection, Database, sql

_SQL = sql("events")
_MOST_FOUND = 200


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


class UnpublishedEvent(msgspec.Struct, frozen=True):
    """An event that the backbone has not confirmed, with its place in our order."""

    seq: int
    event: Event


async def of_types(connection: Connection, types: Sequence[str]) -> list[msgspec.Struct]:
    """The data of all effective events of these types, in the order in which they were recorded."""
    rows = await connection.fetch(_SQL["of_types"], list(types))
    return [msgspec.json.decode(row["data"], type=EVENT_TYPES[row["type"]]) for row in rows]


async def latest_of_type(connection: Connection, event_type: str, journeys: Sequence[str]) -> dict[str, msgspec.Struct]:
    """The data of the last effective event of a type in each of these journeys that has one."""
    rows = await connection.fetch(_SQL["latest_of_type"], event_type, list(journeys))
    return {row["correlation_id"]: msgspec.json.decode(row["data"], type=EVENT_TYPES[event_type]) for row in rows}


async def after(connection: Connection, seq: int, types: Sequence[str], most: int) -> list[UnpublishedEvent]:
    """Effective events of these types with a later number, in the order in which they were recorded. A number is given
    before its transaction ends: one that is lower may come later."""
    rows = await connection.fetch(_SQL["after"], seq, list(types), most)
    return [UnpublishedEvent(row["seq"], _event(row)) for row in rows]


async def unpublished(connection: Connection, most: int) -> list[UnpublishedEvent]:
    """Events that the backbone has not confirmed, in the order they were recorded."""
    rows = await connection.fetch(_SQL["unpublished"], most)
    return [UnpublishedEvent(row["seq"], _event(row)) for row in rows]


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


async def recorded(connection: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Which of these events were recorded before."""
    return {row["id"] for row in await connection.fetch(_SQL["recorded"], ids)}


async def genuine(connection: Connection, told: Sequence[Event]) -> list[bool]:
    """Whether each of these events was recorded, word for word: what a backbone tells proves nothing by itself."""
    if not told:
        return []
    rows = {tuple(row) for row in await connection.fetch(_SQL["genuine"], [one.id for one in told])}
    return [_as_recorded(one) in rows for one in told]


def _as_recorded(event: Event) -> tuple[object, ...]:
    return (
        *(event.id, event.type, event.source, event.subject, event.organisation, event.facility, event.sequence),
        *(event.occurred_at, event.recorded_at, event.correlation_id, event.causation_id),
        hashlib.sha256(bytes(event.data)).digest(),
    )


async def latest_versions(connection: Connection, subjects: Iterable[str]) -> dict[str, int]:
    """The version that took effect last, of each appointment (``Appointment/4711``) that was heard of."""
    rows = await connection.fetch(_SQL["latest_versions"], list(subjects))
    return {row["reference"]: row["sequence"] for row in rows}
