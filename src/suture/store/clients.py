"""API clients, what they may do, and their keys."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from suture.store.database import Connection, sql

_SQL = sql("clients")


class Caller(msgspec.Struct, frozen=True):
    """Who calls: a client, its scopes, and how many calls a minute it may make."""

    name: str
    scopes: frozenset[str]
    per_minute: int


class Client(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    purpose: str
    scopes: list[str]
    per_minute: int
    created_at: datetime
    created_by: str
    revoked_at: datetime | None


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """A client's key, by its prefix. The key itself is known to the client alone."""

    prefix: str
    client: str
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    used_at: datetime | None


async def authenticate(connection: Connection, digest: bytes, now: datetime) -> Caller | None:
    """Whose key has this digest; None for nobody's, and for one that ended."""
    row = await connection.fetchrow(_SQL["authenticate"], digest, now)
    return None if row is None else Caller(row["name"], frozenset(row["scopes"]), row["per_minute"])


async def add(
    connection: Connection, name: str, *, purpose: str, scopes: Sequence[str], per_minute: int, at: datetime, by: str
) -> bool:
    """False where there is one of this name already."""
    return await connection.fetchval(_SQL["add"], name, purpose, list(scopes), per_minute, at, by) is not None


async def add_key(
    connection: Connection, client: str, *, prefix: str, digest: bytes, at: datetime, expires: datetime | None
) -> bool:
    """False where there is no such client."""
    return await connection.fetchval(_SQL["add_key"], prefix, client, digest, at, expires) is not None


async def rescope(connection: Connection, name: str, scopes: Sequence[str], per_minute: int) -> bool:
    return await connection.fetchval(_SQL["rescope"], name, list(scopes), per_minute) is not None


async def revoke(connection: Connection, name: str, at: datetime) -> bool:
    return await connection.fetchval(_SQL["revoke"], name, at) is not None


async def revoke_key(connection: Connection, name: str, prefix: str, at: datetime) -> bool:
    """End a key of this client; another client's is left alone."""
    return await connection.fetchval(_SQL["revoke_key"], name, prefix, at) is not None


async def listed(connection: Connection) -> list[Client]:
    return [Client(**dict(row)) for row in await connection.fetch(_SQL["list"])]


async def keys(connection: Connection, client: str = "") -> list[Key]:
    return [Key(**dict(row)) for row in await connection.fetch(_SQL["keys"], client)]
