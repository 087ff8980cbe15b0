"""What was delivered, word for word: patient data, so that reading it is an act with a reason."""

from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext
from suture.store import delivery_queue


async def read(context: CommandContext, actor: Actor, number: int) -> str:
    """What a delivery said (as it was corrected, where it was). Raises `NotPossible` without a reason."""
    async with context.database.transaction() as connection:
        await actor.sign(connection, context, "payload.read", f"Delivery/{number}")
        found = await delivery_queue.sealed(connection, [number])
        if not found:
            raise NotPossible(f"there is no delivery {number}")
        return (await context.vault.open(found[0].sealed, found[0].bound_to)).decode(errors="replace")
