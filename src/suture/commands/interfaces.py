"""Interfaces as people steer them: pause and resume."""

from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext
from suture.store import gates


async def pause(context: CommandContext, actor: Actor, name: str) -> None:
    """Hold an interface up: deliveries are still taken and wait, processes wait before their next call."""
    _check(context, name)
    async with context.database.transaction() as connection:
        now = await actor.sign(connection, context, "interface.pause", f"Interface/{name}")
        if not await gates.pause(connection, name, now, actor.name, actor.reason):
            raise NotPossible(f"{name} is paused already; `suture resume {name}` lets it flow again")


async def resume(context: CommandContext, actor: Actor, name: str) -> None:
    """Let an interface flow again; a breaker that is open tries at once."""
    _check(context, name)
    async with context.database.transaction() as connection:
        now = await actor.sign(connection, context, "interface.resume", f"Interface/{name}")
        if not await gates.resume(connection, name, now):
            raise NotPossible(f"nothing holds {name} up: it flows")
        await context.recorder.resolve(connection, [gates.pause_key(name)], now, by=actor.name)


def _check(context: CommandContext, name: str) -> None:
    known = context.catalogue.interfaces
    if name not in known:
        raise NotPossible(f"the catalogue has no interface {name!r}; it has {', '.join(sorted(known))}")
