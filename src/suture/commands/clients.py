"""API clients as people manage them: add, give keys, change scopes, revoke."""

from collections.abc import Sequence
from datetime import timedelta

from suture.access.tokens import digest, new_token
from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext
from suture.store import clients
from suture.store.clients import Client, Key
from suture.store.database import Connection

SCOPES: dict[str, str] = {
    "patients:read": "look patients up, and read their records",
    "appointments:read": "read appointments and how far they are",
    "invoices:read": "read invoices",
    "invoices:write": "have visits billed",
    "payments:read": "read payments",
    "master-data:read": "ask whether codes and references are usable",
    "events:read": "read the events",
    "subscriptions:manage": "subscribe to events by webhook",
}
PER_MINUTE = 600


async def add(
    context: CommandContext,
    actor: Actor,
    name: str,
    *,
    purpose: str,
    scopes: Sequence[str],
    per_minute: int,
    days: int | None,
) -> str:
    """A new client; answers its first key, which is shown this once."""
    _check(scopes)
    async with context.database.transaction() as connection:
        detail = {"scopes": sorted(scopes), "per_minute": per_minute}
        now = await actor.sign(connection, context, "client.add", _subject(name), detail)
        made = await clients.add(
            connection, name, purpose=purpose, scopes=sorted(set(scopes)), per_minute=per_minute, at=now, by=actor.name
        )
        if not made:
            raise NotPossible(f"there is a client {name} already; `suture clients list` shows all")
        return await _new_key(context, actor, name, days, connection)


async def add_key(context: CommandContext, actor: Actor, name: str, days: int | None) -> str:
    """Another key of a client, valid beside the others: the way to rotate them."""
    async with context.database.transaction() as connection:
        return await _new_key(context, actor, name, days, connection)


async def _new_key(context: CommandContext, actor: Actor, name: str, days: int | None, connection: Connection) -> str:
    token, prefix = new_token()
    now = await actor.sign(connection, context, "client.key", _subject(name), {"key": prefix})
    expires = None if days is None else now + timedelta(days=days)
    if not await clients.add_key(connection, name, prefix=prefix, digest=digest(token), at=now, expires=expires):
        raise NotPossible(f"there is no client {name}, or it was revoked; `suture clients list` shows all")
    return token


async def rescope(context: CommandContext, actor: Actor, name: str, scopes: Sequence[str], per_minute: int) -> None:
    _check(scopes)
    async with context.database.transaction() as connection:
        detail = {"scopes": sorted(scopes), "per_minute": per_minute}
        await actor.sign(connection, context, "client.scopes", _subject(name), detail)
        if not await clients.rescope(connection, name, sorted(set(scopes)), per_minute):
            raise NotPossible(f"there is no client {name}; `suture clients list` shows all")


async def revoke(context: CommandContext, actor: Actor, name: str, key: str = "") -> None:
    """End a client, or one of its keys by prefix, at once."""
    async with context.database.transaction() as connection:
        now = await actor.sign(connection, context, "client.revoke", _subject(name), {"key": key} if key else None)
        ended = await (clients.revoke_key(connection, name, key, now) if key else clients.revoke(connection, name, now))
        if not ended:
            what = f"{name} has no key {key}" if key else f"there is no client {name}"
            raise NotPossible(f"{what} that is in use; `suture clients list` shows all")


async def listed(context: CommandContext) -> tuple[list[Client], list[Key]]:
    async with context.database.connection() as connection:
        return await clients.listed(connection), await clients.keys(connection)


def _check(scopes: Sequence[str]) -> None:
    unknown = sorted(set(scopes) - SCOPES.keys())
    if unknown or not scopes:
        raise NotPossible(f"there is no scope {', '.join(unknown) or 'named'}; there are {', '.join(SCOPES)}")


def _subject(name: str) -> str:
    return f"Client/{name}"
