"""Four eyes: what one person asks for and another approves. The act is done in the name of who asked; the audit trail
names both."""

import msgspec

from suture.acting.actor import Actor, NeedsApproval, NotPossible
from suture.acting.context import CommandContext, RepairContext
from suture.commands import hands, table
from suture.commands.table import Done
from suture.core.failure import Failure
from suture.store import approvals, people
from suture.store.approvals import Approval
from suture.views.subjects import Subject, subjects


async def perform(context: RepairContext, actor: Actor, name: str, arguments: msgspec.Struct) -> Done:
    """Do a command, or keep it for a second person where the catalogue wants one."""
    try:
        return await table.perform(context, actor, name, arguments)
    except NeedsApproval as error:
        number = await ask(context, actor, name, arguments)
        return Done(f"{error.act} needs a second person: it waits as no. {number} until another approves it")


async def ask(context: CommandContext, actor: Actor, name: str, arguments: msgspec.Struct) -> int:
    """Keep what somebody asks for, who may do it but for the second person; answers its number."""
    actor.check_reason("approval.ask")
    await context.vault.check()  # before the trail is locked: the first look at a key writes to it, too
    async with context.database.transaction() as connection:
        now = await actor.sign(connection, context, "approval.ask", f"Command/{name}")
        return await approvals.ask(
            connection,
            context.vault,
            command=name,
            subject=table.subject_of(arguments),
            reason=actor.reason,
            arguments=msgspec.json.encode(arguments),
            by=actor.name,
            at=now,
        )


async def listed(context: CommandContext, state: str = "") -> list[Approval]:
    """What waits for a second person, or was decided; the newest first."""
    async with context.database.connection() as connection:
        return await approvals.newest(connection, state)


async def about(context: CommandContext, approval: Approval) -> list[Subject]:
    """What an approval is about, as it stands now."""
    told = await approvals.arguments(context.vault, approval)
    arguments = msgspec.json.decode(told, type=table.COMMANDS[approval.command].takes)
    return await subjects(context, approval.command, arguments)


async def approve(context: RepairContext, actor: Actor, number: int) -> Done:
    """Stand for what another asked for; it is done at once. Raises `NotPossible` for who asked, for an account in
    their hands (`hands`), and for who might not do it themselves."""
    actor.check(context, "approval.approve")
    found = await _open(context, number)
    if found.asked_by == actor.name:
        raise NotPossible("who asks for something can't approve it: another person must")
    asker = await _asker(context, found, actor)
    arguments = msgspec.json.decode(
        await approvals.arguments(context.vault, found), type=table.COMMANDS[found.command].takes
    )
    for act in table.COMMANDS[found.command].acts:
        msgspec.structs.replace(actor, approved_by=asker.name).check(context, act)
    async with context.database.transaction() as connection:
        await hands.apart(connection, found.asked_by, actor.name)
        now = await actor.sign(connection, context, "approval.approve", f"Approval/{number}")
        if not await approvals.decide(connection, number, "approved", actor.name, now):
            raise NotPossible(f"no. {number} was decided meanwhile")
    return await _do(context, asker, found, arguments)


async def refuse(context: CommandContext, actor: Actor, number: int) -> None:
    """Turn down what another asked for (or one's own: it is withdrawn), with a reason."""
    actor.check_reason("approval.refuse")
    await _open(context, number)
    async with context.database.transaction() as connection:
        now = await actor.sign(connection, context, "approval.refuse", f"Approval/{number}")
        if not await approvals.decide(connection, number, "refused", actor.name, now):
            raise NotPossible(f"no. {number} was decided meanwhile")
        await approvals.tell_outcome(connection, number, "refused", actor.reason)


async def _do(context: RepairContext, asker: Actor, found: Approval, arguments: msgspec.Struct) -> Done:
    try:
        done = await table.perform(context, asker, found.command, arguments)
        state = "approved"
    except NotPossible as error:
        done, state = Done(f"it could not be done any more: {error}"), "failed"
    except Failure as failure:
        done, state = (
            Done(f"it was approved and did not succeed: {failure.message}. {failure.remedy}".strip()),
            "failed",
        )
    async with context.database.connection() as connection:
        await approvals.tell_outcome(connection, found.number, state, done.words)
    return done


async def _asker(context: CommandContext, found: Approval, approver: Actor) -> Actor:
    """Who asked (signed in, or `ask` had refused it), with the roles that they have now."""
    async with context.database.connection() as connection:
        person = await people.one(connection, found.asked_by)
    if person is None or person.disabled_at is not None:
        raise NotPossible(f"{found.asked_by}, who asked for it, may not sign in any more")
    return Actor(person.name, found.reason, tuple(person.roles), approved_by=approver.name, signed_in=True)


async def _open(context: CommandContext, number: int) -> Approval:
    async with context.database.connection() as connection:
        found = await approvals.one(connection, number)
    if found is None or found.state != "asked":
        raise NotPossible(f"there is no no. {number} that waits for a second person")
    return found
