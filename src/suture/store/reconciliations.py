"""Runs of reconciliation: asked for, how far they are, what they came to. One that was broken off goes on."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime, timedelta

import msgspec

from suture.store.database import Connection, Database, sql

_SQL = sql("reconciliations")
_LOCK = 0x5245_434F  # any constant: one run at a time


class Reconciliation(msgspec.Struct, frozen=True, kw_only=True):
    """A run. `days` are read and compared in order, `position` of them are done in its `state`; `events` is the last
    event that was folded in. `correlation_id` names what waits for it."""

    id: int
    state: str
    first: date
    last: date
    days: list[date]
    position: int
    events: int
    by: str
    correlation_id: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    documents: int
    found: int
    cleared: int
    explained: int
    failure: str
    at_once: bool = False


class RunProgress(msgspec.Struct, frozen=True, kw_only=True):
    """What a part of a run came to."""

    documents: int = 0
    found: int = 0
    cleared: int = 0
    explained: int = 0


async def request(
    connection: Connection,
    first: date,
    last: date,
    *,
    by: str,
    at: datetime,
    correlation_id: str = "",
    at_once: bool = False,
) -> int:
    """Ask for a run over days; whoever reconciles takes it up at once. `at_once` asks without the waiting times."""
    number: int = await connection.fetchval(_SQL["request"], first, last, by, correlation_id, at, at_once)
    await connection.execute(_SQL["announce"])
    return number


async def due(connection: Connection) -> Reconciliation | None:
    """The oldest run that isn't done."""
    return await _one(connection, "next")


async def claim_schedule(connection: Connection, now: datetime, every: timedelta) -> bool:
    """Whether a scheduled run is due; whoever claims it asks for it. The first is due an interval after the first
    look, so that what has just begun is not asked about at once."""
    return await connection.fetchval(_SQL["claim_schedule"], now, now - every) is True


async def of_correlation(connection: Connection, correlation_id: str) -> Reconciliation | None:
    """The newest run that something waits for."""
    return await _one(connection, "of_correlation", correlation_id)


async def get(connection: Connection, number: int) -> Reconciliation | None:
    return await _one(connection, "one", number)


async def latest(connection: Connection, most: int = 1) -> list[Reconciliation]:
    """The runs that were done, the newest first."""
    return [Reconciliation(**dict(row)) for row in await connection.fetch(_SQL["latest"], most)]


async def newest(connection: Connection, most: int) -> list[Reconciliation]:
    """The latest runs, whatever became of them."""
    return [Reconciliation(**dict(row)) for row in await connection.fetch(_SQL["newest"], most)]


async def begin(connection: Connection, number: int, days: Sequence[date], at: datetime) -> None:
    await connection.execute(_SQL["begin"], number, list(days), at)


async def advance(connection: Connection, number: int, state: str, position: int, progress: RunProgress) -> None:
    """A part is done: what it came to counts with it, or not at all."""
    told = (progress.documents, progress.found, progress.cleared, progress.explained)
    await connection.execute(_SQL["advance"], number, state, position, *told)


async def folded(connection: Connection, number: int, event: int) -> None:
    await connection.execute(_SQL["folded"], number, event)


async def folded_until(connection: Connection) -> int:
    """The last event that any run has folded in."""
    event: int = await connection.fetchval(_SQL["folded_until"])
    return event


async def done_until(connection: Connection) -> int | None:
    """The last event that a run which was done has folded in; None where none was done yet."""
    event: int | None = await connection.fetchval(_SQL["done_until"])
    return event


@asynccontextmanager
async def alone(database: Database) -> AsyncIterator[bool]:
    """Whether nobody else reconciles; nobody else does then, for as long as this is held."""
    async with database.connection() as connection:
        held: bool = await connection.fetchval(_SQL["try_lock"], _LOCK)
        try:
            yield held
        finally:
            if held:
                await connection.fetchval(_SQL["unlock"], _LOCK)


async def finish(connection: Connection, number: int, state: str, at: datetime, failure: str = "") -> None:
    await connection.execute(_SQL["finish"], number, state, at, failure)


async def _one(connection: Connection, statement: str, *arguments: object) -> Reconciliation | None:
    row = await connection.fetchrow(_SQL[statement], *arguments)
    return None if row is None else Reconciliation(**dict(row))
