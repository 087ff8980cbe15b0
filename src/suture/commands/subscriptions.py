"""Webhook subscriptions: made, switched, given another secret, asked to deliver again."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from suture.access.roles import CLIENT
from suture.access.tokens import new_signing_secret
from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext
from suture.canonical.events import EVENT_TYPES
from suture.outbound.addresses import AddressRefused, check_url
from suture.store import subscriptions
from suture.store.subscriptions import Delivered, SigningSecrets, Subscription

_BOTH_VALID = timedelta(hours=24)


class NoSuchSubscription(NotPossible):
    """There is no such subscription, or it is another client's."""


async def subscribe(
    context: CommandContext, actor: Actor, number: UUID, url: str, types: Sequence[str], *, private: bool
) -> tuple[Subscription, str]:
    """A new subscription of the acting client, and its signing secret, which is shown this once. Raises `NotPossible`
    for a URL or an event type that can't be."""
    unknown = sorted(set(types) - EVENT_TYPES.keys())
    if unknown:
        raise NotPossible(f"there is no event type {', '.join(unknown)}")
    try:
        check_url(url, private=private)
    except AddressRefused as error:
        raise NotPossible(f"webhooks can't go to this URL: {error}") from error
    secret = new_signing_secret()
    async with context.database.transaction() as connection:
        now = await actor.sign(connection, context, "subscription.add", _subject(number), {"types": list(types)})
        sealed = await subscriptions.seal(context.vault, number, SigningSecrets(secret), now)
        await subscriptions.add(
            connection, number, client=actor.name, url=url, types=sorted(set(types)), sealed=sealed, now=now
        )
        made = await subscriptions.one(connection, number)
    if made is None:
        raise LookupError("the subscription is gone")
    return made, secret


async def listed(context: CommandContext, client: str = "") -> list[Subscription]:
    async with context.database.connection() as connection:
        return await subscriptions.listed(connection, client)


async def one(context: CommandContext, number: UUID, client: str = "") -> Subscription:
    """Raises `NoSuchSubscription`; with a client, also for another's."""
    async with context.database.connection() as connection:
        found = await subscriptions.one(connection, number, client)
    if found is None:
        raise NoSuchSubscription(f"there is no subscription {number}")
    return found


async def _of_actor(context: CommandContext, actor: Actor, number: UUID) -> Subscription:
    """A subscription that somebody may steer: a client its own, a person any."""
    return await one(context, number, actor.name if CLIENT in actor.roles else "")


async def remove(context: CommandContext, actor: Actor, number: UUID) -> None:
    async with context.database.transaction() as connection:
        await actor.sign(connection, context, "subscription.remove", _subject(number))
        if not await subscriptions.remove(connection, number, actor.name):
            raise NoSuchSubscription(f"there is no subscription {number}")


async def switch(context: CommandContext, actor: Actor, number: UUID, *, enabled: bool) -> None:
    """Enable or disable; enabled again, what waited is delivered."""
    await _of_actor(context, actor, number)
    act = "enable" if enabled else "disable"
    async with context.database.transaction() as connection:
        now = await actor.sign(connection, context, f"subscription.{act}", _subject(number))
        reason = "" if enabled else actor.reason or f"by {actor.name}"
        await subscriptions.switch(connection, number, "enabled" if enabled else "disabled", reason, now)
        if enabled:
            await context.recorder.resolve(connection, [f"subscription:{number}"], now, by=actor.name)


async def rotate(context: CommandContext, actor: Actor, number: UUID) -> str:
    """Another secret; the one before signs beside it for a day. Answers the new one, which is shown this once."""
    found, secret = await _of_actor(context, actor, number), new_signing_secret()
    before = await subscriptions.secrets_of(context.vault, found)
    async with context.database.transaction() as connection:
        now = await actor.sign(connection, context, "subscription.rotate", _subject(found.id))
        sealed = await subscriptions.seal(context.vault, found.id, SigningSecrets(secret, before.current), now)
        await subscriptions.reseal(connection, found.id, sealed, now + _BOTH_VALID)
    return secret


async def deliveries(context: CommandContext, number: UUID, state: str = "", most: int = 100) -> list[Delivered]:
    """What became of the events, the newest first; kept for thirty days."""
    async with context.database.connection() as connection:
        return await subscriptions.deliveries(connection, number, state, most)


async def redeliver(context: CommandContext, actor: Actor, number: UUID, event: UUID) -> None:
    await _of_actor(context, actor, number)
    async with context.database.transaction() as connection:
        await actor.sign(connection, context, "subscription.redeliver", _subject(number), {"event": str(event)})
        if not await subscriptions.redeliver(connection, number, event):
            raise NoSuchSubscription(f"event {event} was never to be delivered to {number}, or is kept no more")


def _subject(number: UUID) -> str:
    return f"Subscription/{number}"
