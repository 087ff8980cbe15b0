"""What people are told of, and the messages that tell them: durable, one notice a matter and recipient.

`told` is what the notice says, in the words of whoever wrote it; the store never looks inside.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from suture.store.database import Connection, sql

_SQL = sql("notices")


class NoticeRow(msgspec.Struct, frozen=True, kw_only=True):
    """That a recipient is told of a matter, from a time on."""

    id: UUID
    matter: str
    kind: str
    channel: str
    recipient: str
    told: str
    due_at: datetime


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message that a worker holds. `attempt` counts from 1, and tells its holder from others."""

    id: UUID
    channel: str
    recipient: str
    attempt: int
    created_at: datetime


class Told(msgspec.Struct, frozen=True):
    """A notice of a message."""

    kind: str
    told: str


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A message and what became of it: ``waiting``, ``sent`` or ``given_up``; or notices that are ``kept`` for their
    hour, or were over before it (``moot``)."""

    channel: str
    recipient: str
    state: str
    attempt: int
    created_at: datetime
    due_at: datetime
    settled_at: datetime | None
    answer: str
    kinds: list[str]


class Excepted(msgspec.Struct, frozen=True, kw_only=True):
    """An open exception that somebody is told of. `act` is the one by which it was assigned."""

    number: int
    code: str
    interface: str | None
    assignee: str | None
    at: datetime
    facility: str | None
    act: int | None = None


async def look(connection: Connection, what: str, now: datetime, every: timedelta) -> bool:
    """Whether it is this worker's turn to look for something; then no other's for a while."""
    return await connection.fetchval(_SQL["look"], what, now, every) is not None


async def due_exceptions(connection: Connection, since: datetime | None, before: datetime, most: int) -> list[Excepted]:
    """Open exceptions whose deadline comes from a time on (None: from the first) and before another, in that order."""
    return [Excepted(**dict(row)) for row in await connection.fetch(_SQL["due_exceptions"], since, before, most)]


async def assigned_exceptions(connection: Connection, most: int) -> list[Excepted]:
    """Open exceptions that somebody gave to another person; `at` is when."""
    return [Excepted(**dict(row)) for row in await connection.fetch(_SQL["assigned_exceptions"], most)]


async def last_received(connection: Connection, interface: str, since: datetime) -> datetime | None:
    """When the newest delivery came since a time, if one did."""
    at: datetime | None = await connection.fetchval(_SQL["last_received"], interface, since)
    return at


async def known(connection: Connection, matters: Sequence[str]) -> set[str]:
    """Those of which somebody is told already."""
    return {row["matter"] for row in await connection.fetch(_SQL["known"], matters)}


async def put(connection: Connection, rows: Sequence[NoticeRow], now: datetime) -> None:
    """Keep notices; again: nothing."""
    columns = [[getattr(row, name) for row in rows] for name in NoticeRow.__struct_fields__]
    await connection.execute(_SQL["put"], *columns, now)


async def over(connection: Connection, kinds: Sequence[str], standing: Sequence[str], kept_since: datetime) -> None:
    """Of these kinds only these matters stand: what waits of others is not told, and what was told of them before a
    time is forgotten."""
    await connection.execute(_SQL["moot"], kinds, standing)
    await connection.execute(_SQL["forget"], kinds, standing, kept_since)
    await connection.execute(_SQL["forget_messages"], kept_since)


async def bundle(connection: Connection, now: datetime, apart: timedelta) -> None:
    """Make messages of what is due, one a recipient, and none sooner than `apart` after the one before."""
    await connection.execute(_SQL["bundle"], now, apart)


async def claim(connection: Connection, now: datetime, until: datetime, most: int) -> list[Message]:
    return [Message(**dict(row)) for row in await connection.fetch(_SQL["claim"], now, until, most)]


async def of_message(connection: Connection, message: UUID) -> list[Told]:
    return [Told(**dict(row)) for row in await connection.fetch(_SQL["of_message"], message)]


async def settle(
    connection: Connection, message: Message, *, state: str, due: datetime, answer: str, now: datetime
) -> bool:
    """Say what became of a message; False where another worker has taken it over."""
    found = await connection.fetchval(_SQL["settle"], message.id, message.attempt, state, due, answer, now)
    return found is not None


async def listed(connection: Connection, state: str, recipient: str, most: int) -> list[Listed]:
    return [Listed(**dict(row)) for row in await connection.fetch(_SQL["list"], state, recipient, most)]
