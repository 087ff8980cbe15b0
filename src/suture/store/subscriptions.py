"""Subscribers of webhooks and what waits for them. Secrets are sealed; events carry no patient's data."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from asyncpg import Record

from suture.store.data_keys import Vault
from suture.store.database import Connection, sql
from suture.store.sealing import Sealed

_SQL = sql("subscriptions")


class SigningSecrets(msgspec.Struct, frozen=True):
    """``whsec_`` secrets: the current one, and the one before, which signs beside it until it ends."""

    current: str
    previous: str | None = None


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A subscriber. Without `types` it gets every event. `reason` says why it is disabled."""

    id: UUID
    client: str
    url: str
    types: list[str]
    state: str
    reason: str
    sealed: Sealed
    previous_until: datetime | None
    failing_since: datetime | None
    attempt: int
    due_at: datetime
    created_at: datetime


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """An event that is to be delivered; `body` is its CloudEvent."""

    event: UUID
    type: str
    body: str
    attempts: int
    created_at: datetime


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an event: ``waiting``, ``delivered`` or ``given_up``, with the last answer."""

    event: UUID
    type: str
    state: str
    created_at: datetime
    attempts: int
    answered_at: datetime | None
    answer: str


async def seal(vault: Vault, number: UUID, secrets: SigningSecrets, now: datetime) -> Sealed:
    key = await vault.key_for(now)
    return key.seal(msgspec.json.encode(secrets), _binding(number))


async def secrets_of(vault: Vault, subscription: Subscription) -> SigningSecrets:
    return msgspec.json.decode(await vault.open(subscription.sealed, _binding(subscription.id)), type=SigningSecrets)


async def add(
    connection: Connection, number: UUID, *, client: str, url: str, types: Sequence[str], sealed: Sealed, now: datetime
) -> None:
    """Again under the same id: nothing."""
    await connection.execute(_SQL["add"], number, client, url, list(types), sealed.key_id, sealed.box, now)


async def listed(connection: Connection, client: str = "") -> list[Subscription]:
    return [_subscription(row) for row in await connection.fetch(_SQL["list"], client)]


async def one(connection: Connection, number: UUID, client: str = "") -> Subscription | None:
    row = await connection.fetchrow(_SQL["one"], number, client)
    return None if row is None else _subscription(row)


async def remove(connection: Connection, number: UUID, client: str) -> bool:
    return await connection.fetchval(_SQL["remove"], number, client) is not None


async def switch(connection: Connection, number: UUID, state: str, reason: str, now: datetime) -> bool:
    """Enable or disable. What waited while it was disabled is delivered then."""
    return await connection.fetchval(_SQL["switch"], number, state, reason, now) is not None


async def reseal(connection: Connection, number: UUID, sealed: Sealed, previous_until: datetime | None) -> None:
    await connection.execute(_SQL["reseal"], number, sealed.key_id, sealed.box, previous_until)


async def enabled(connection: Connection) -> list[tuple[UUID, frozenset[str]]]:
    """Who gets events, and of which types (none: all)."""
    return [(row["id"], frozenset(row["types"])) for row in await connection.fetch(_SQL["enabled"])]


async def fan_out(connection: Connection, rows: Sequence[tuple[UUID, UUID, str, str]], now: datetime) -> None:
    """Have events (subscription, event, type, body) wait for their subscribers; again: nothing."""
    await connection.execute(_SQL["fan_out"], *map(list, zip(*rows, strict=True)), now)
    await connection.execute(_SQL["hasten"], sorted({row[0] for row in rows}), now)


async def claim(connection: Connection, now: datetime, until: datetime, most: int) -> list[Subscription]:
    return [_subscription(row) for row in await connection.fetch(_SQL["claim"], now, until, most)]


async def waiting(connection: Connection, number: UUID, most: int) -> list[Waiting]:
    return [Waiting(**dict(row)) for row in await connection.fetch(_SQL["waiting"], number, most)]


async def settle(connection: Connection, number: UUID, event: UUID, *, state: str, now: datetime, answer: str) -> None:
    await connection.execute(_SQL["settle"], number, event, state, now, answer)


async def release(
    connection: Connection, number: UUID, due: datetime, attempt: int, failing_since: datetime | None
) -> None:
    await connection.execute(_SQL["release"], number, due, attempt, failing_since)


async def deliveries(connection: Connection, number: UUID, state: str, most: int) -> list[Delivered]:
    """The newest first."""
    return [Delivered(**dict(row)) for row in await connection.fetch(_SQL["deliveries"], number, state, most)]


async def redeliver(connection: Connection, number: UUID, event: UUID) -> bool:
    return await connection.fetchval(_SQL["redeliver"], number, event) is not None


async def clear(connection: Connection, before: datetime) -> None:
    """Forget what was settled before."""
    await connection.execute(_SQL["clear"], before)


def _binding(number: UUID) -> str:
    return f"subscription:{number}"


def _subscription(row: Record) -> Subscription:
    told = dict(row)
    return Subscription(sealed=Sealed(told.pop("key_id"), told.pop("box")), **told)
