"""The audit trail as auditors read it: page by page, filtered, and proved whole."""

from suture.acting.actor import Actor
from suture.acting.context import CommandContext
from suture.store import audit
from suture.store.audit import AuditEntry, AuditSelection, Proof


async def entries(
    context: CommandContext, actor: Actor, selection: AuditSelection, before: int | None, most: int = 50
) -> list[AuditEntry]:
    """The entries of a selection, the newest first, before one by its number."""
    actor.check(context, "audit.read")
    async with context.database.connection() as connection:
        return await audit.select(connection, selection, before, most)


async def prove(context: CommandContext, actor: Actor) -> Proof:
    """Whether the whole trail is as it was written."""
    actor.check(context, "audit.read")
    async with context.database.connection() as connection:
        return await context.trail.prove(connection)
