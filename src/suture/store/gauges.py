"""How the whole platform stands, in a few bounded statements: for gauges, not for lists."""

from datetime import date, datetime
from decimal import Decimal

import msgspec

from suture.store.database import Connection, sql

_SQL = sql("gauges")


class Queue(msgspec.Struct, frozen=True):
    """What waits somewhere, and for how long the oldest has (seconds)."""

    queue: str
    count: int
    age: float


class Wait(msgspec.Struct, frozen=True):
    """What waits of a kind, and since when the oldest has."""

    queue: str
    count: int
    oldest: datetime | None


class OpenExceptions(msgspec.Struct, frozen=True):
    code: str
    owner: str
    count: int
    overdue: int


class Shut(msgspec.Struct, frozen=True):
    interface: str
    breaker: bool
    paused: bool


class OpenDifferences(msgspec.Struct, frozen=True):
    rule: str
    count: int
    money: Decimal


class Share(msgspec.Struct, frozen=True):
    """How many were good, of how many."""

    good: int
    total: int


class Traffic(msgspec.Struct, frozen=True, kw_only=True):
    """A day of an interface: what came, and what became of it; `octets` is the size of the sealed boxes."""

    day: date
    received: int
    understood: int
    excepted: int
    octets: int


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """What was turned away at an interface's door on a day, and why."""

    interface: str
    day: date
    reason: str
    count: int
    last_at: datetime


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery under an id that another content had."""

    interface: str
    delivery_id: str
    received_at: datetime


async def waits(connection: Connection, since: datetime) -> list[Wait]:
    """What waits for a person, a system, or for something to come; at the door, what was turned away since a time."""
    return [Wait(**dict(row)) for row in await connection.fetch(_SQL["waits"], since)]


async def turned_away(
    connection: Connection, since: datetime, interface: str, most: int
) -> tuple[list[Refusal], list[Conflict]]:
    """What was turned away at the door since a time, and what was kept aside (empty: of every interface)."""
    refusals = await connection.fetch(_SQL["all_refusals"], since, interface, most)
    conflicts = await connection.fetch(_SQL["conflicts"], since, interface, most)
    return [Refusal(**dict(row)) for row in refusals], [Conflict(**dict(row)) for row in conflicts]


async def traffic(connection: Connection, interface: str, since: datetime, zone: str) -> list[Traffic]:
    return [Traffic(**dict(row)) for row in await connection.fetch(_SQL["traffic"], interface, since, zone)]


async def refusals(connection: Connection, interface: str, since: date) -> list[Refusal]:
    return [Refusal(**dict(row)) for row in await connection.fetch(_SQL["refusals"], interface, since)]


async def queues(connection: Connection, now: datetime) -> list[Queue]:
    return [Queue(**dict(row)) for row in await connection.fetch(_SQL["queues"], now)]


async def exceptions(connection: Connection, now: datetime) -> list[OpenExceptions]:
    return [OpenExceptions(**dict(row)) for row in await connection.fetch(_SQL["exceptions"], now)]


async def gates(connection: Connection) -> list[Shut]:
    return [Shut(**dict(row)) for row in await connection.fetch(_SQL["gates"])]


async def discrepancies(connection: Connection) -> list[OpenDifferences]:
    return [OpenDifferences(**dict(row)) for row in await connection.fetch(_SQL["discrepancies"])]


async def reconciled_at(connection: Connection) -> datetime | None:
    """When both sides were compared last."""
    at: datetime | None = await connection.fetchval(_SQL["reconciled_at"])
    return at


async def inbound(connection: Connection, interface: str, since: datetime, now: datetime, seconds: float) -> Share:
    """Deliveries since a time that were understood within so many seconds, of those that had the time."""
    row = await connection.fetchrow(_SQL["inbound"], since, now, seconds, interface)
    return Share(0, 0) if row is None else Share(row["good"], row["total"])


async def outbound(connection: Connection, milestone: str, since: datetime, now: datetime, seconds: float) -> Share:
    """Completed visits since a time that got to a milestone within so many seconds, of those that had the time."""
    row = await connection.fetchrow(_SQL["outbound"], since, now, seconds, milestone)
    return Share(0, 0) if row is None else Share(row["good"], row["total"])
