"""Everything that people can do, by name: what it takes, whose acts it needs, and what came of it in words.

A door (the console) fills in the arguments and performs; that the actor may is checked here and again where it is done.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Annotated, Any, Literal

import msgspec

from suture.acting.actor import Actor, NotPossible
from suture.acting.context import RepairContext
from suture.commands import (
    accounts,
    clients,
    exception_queue,
    interfaces,
    ledger,
    mapping,
    month_end,
    process_commands,
    reconciliation,
    repairs,
)
from suture.commands.exception_queue import Retried
from suture.commands.process_commands import Steered
from suture.store.exceptions import ExceptionSelection
from suture.views import exceptions

Rate = Annotated[float, msgspec.Meta(gt=0, le=1000)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""As things of ours are counted."""


class Done(msgspec.Struct, frozen=True):
    """What came of a command, in words. A `secret` is shown this once, with what it is for."""

    words: str
    secret: str = ""
    purpose: str = ""


class Exceptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    numbers: tuple[Number, ...]


class RetryExceptions(Exceptions, frozen=True, kw_only=True):
    rate: Rate = process_commands.RATE


class Assign(Exceptions, frozen=True, kw_only=True):
    person: str = ""


class Discard(Exceptions, frozen=True, kw_only=True):
    undo: Literal["", "undo", "leave"] = ""


class Comment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    number: Number


class Codes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`code` empty takes the row away."""

    table: str
    source: str
    code: str = ""


class MapCode(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`source` means the service `code` from now on, and what fell through for want of it is read again."""

    source: str
    code: str


class RollBack(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    table: str
    version: Number


class Payload(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    number: Number
    content: str


class Processes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    keys: tuple[str, ...]


class ProcessDecision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The approval `step` that a process waits for."""

    key: str
    step: str
    approved: bool


class Named(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str


class ReconciliationSpan(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    first: date | None = None
    last: date | None = None
    now: bool = False


class OneDiscrepancy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    number: Number


class Month(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    month: str


class Signed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A month, and the digest of the figures that one saw."""

    month: str
    digest: str = ""


class AddPerson(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    full_name: str = ""
    email: str = ""
    roles: tuple[str, ...] = ()


class Roles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    roles: tuple[str, ...] = ()


class AddClient(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    purpose: str
    scopes: tuple[str, ...] = ()
    per_minute: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = clients.PER_MINUTE
    days: Annotated[int, msgspec.Meta(ge=1, le=3650)] = 365


class ClientKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    key: str = ""


async def _retry(context: RepairContext, actor: Actor, told: RetryExceptions) -> Done:
    if not told.numbers:
        raise NotPossible("choose what is to be retried")
    done: Retried = await exception_queue.retry(context, actor, ExceptionSelection(numbers=told.numbers), told.rate)
    processes, deliveries = len(done.processes), len(done.deliveries)
    parts = [_count(processes, "process goes on", "", "processes go on")] if processes else []
    parts += [_count(deliveries, "delivery is read again", "", "deliveries are read again")] if deliveries else []
    refused = "; ".join(f"no. {number}: {reason}" for number, reason in done.refused[:5])
    more = f" and {len(done.refused) - 5} more" if len(done.refused) > 5 else ""
    parts += [f"not tried: {refused}{more}"] if done.refused else []
    return Done("; ".join(parts) or "nothing was to be tried")


async def _assign(context: RepairContext, actor: Actor, told: Assign) -> Done:
    if told.person and told.person not in await accounts.names(context):
        raise NotPossible(f"there is no person {told.person}")
    found = await exception_queue.assign(context, actor, told.numbers, told.person or None)
    return Done(
        f"{_count(len(found), 'exception')} {'is' if len(found) == 1 else 'are'} with {told.person or 'nobody'}"
    )


async def _discard(context: RepairContext, actor: Actor, told: Discard) -> Done:
    undo = {"": None, "undo": True, "leave": False}[told.undo]
    if not told.numbers:
        raise NotPossible("choose what is to be discarded")
    said = [
        f"no. {number}: {await exception_queue.discard(context, actor, number, undo=undo)}" for number in told.numbers
    ]
    return Done(f"{_count(len(said), 'exception')} discarded; " + "; ".join(said[:5]))


async def _comment(context: RepairContext, actor: Actor, told: Comment) -> Done:
    await exception_queue.comment(context, actor, told.number)
    return Done("your words stand with it")


async def _codes(context: RepairContext, actor: Actor, told: Codes) -> Done:
    await mapping.set_rows(context, actor, told.table, {told.source: told.code})
    if not told.code:
        return Done(f"the table {told.table} has no row for {told.source} any more")
    return Done(f"from now on {told.source} means {told.code}")


async def _map(context: RepairContext, actor: Actor, told: MapCode) -> Done:
    actor.check(context, "codes.correct", "delivery.replay")
    numbers = await exceptions.unmapped_alike(context, told.source)
    await mapping.set_rows(context, actor, mapping.SERVICES, {told.source: told.code})
    words = f"from now on {told.source} means {told.code}"
    if not numbers:
        return Done(words)
    retried = await _retry(context, actor, RetryExceptions(numbers=numbers))
    return Done(f"{words}; {retried.words}")


async def _bill_patient(context: RepairContext, actor: Actor, told: Exceptions) -> Done:
    _because(actor)
    for number in told.numbers:
        await exception_queue.bill_patient(context, actor, number)
    retried = await _retry(context, actor, RetryExceptions(numbers=told.numbers))
    return Done(f"{_count(len(told.numbers), 'visit')} billed to the patient; {retried.words}")


async def _rewrite(context: RepairContext, actor: Actor, told: Comment) -> Done:
    _because(actor)
    return Done(await ledger.write_again(context, actor, context.ledger, told.number))


async def _roll_back(context: RepairContext, actor: Actor, told: RollBack) -> Done:
    changed = await mapping.roll_back(context, actor, told.table, told.version)
    return Done(f"{told.table} is as it was in version {told.version}: {_count(len(changed), 'row')} changed")


async def _payload(context: RepairContext, actor: Actor, told: Payload) -> Done:
    await exception_queue.correct_payload(context, actor, told.number, told.content.encode())
    return Done("the correction is kept beside the original; retry it now")


async def _resume(context: RepairContext, actor: Actor, told: Processes) -> Done:
    return _steered(await process_commands.resume(context, actor, told.keys), "go on", "goes on")


async def _cancel(context: RepairContext, actor: Actor, told: Processes) -> Done:
    _because(actor)
    return _steered(await process_commands.cancel(context, actor, told.keys), "were ended", "was ended")


async def _compensate(context: RepairContext, actor: Actor, told: Processes) -> Done:
    _because(actor)
    return _steered(await process_commands.compensate(context, actor, told.keys), "are being undone", "is being undone")


async def _decide(context: RepairContext, actor: Actor, told: ProcessDecision) -> Done:
    _because(actor)
    await process_commands.decide(context, actor, told.key, told.step, approved=told.approved)
    return Done("It goes on." if told.approved else "What it did is being undone.")


async def _pause(context: RepairContext, actor: Actor, told: Named) -> Done:
    _because(actor)
    await interfaces.pause(context, actor, told.name)
    return Done(f"{told.name} is paused: what comes waits, in order")


async def _unpause(context: RepairContext, actor: Actor, told: Named) -> Done:
    await interfaces.resume(context, actor, told.name)
    return Done(f"{told.name} flows again")


async def _reconcile(context: RepairContext, actor: Actor, told: ReconciliationSpan) -> Done:
    run = await reconciliation.request(context, actor, told.first, told.last, at_once=told.now)
    return Done(f"run {run.id} over {run.first} to {run.last} was asked for; a worker takes it up at once")


async def _repair(context: RepairContext, actor: Actor, told: OneDiscrepancy) -> Done:
    return Done(await repairs.repair(context, actor, told.number))


async def _verify(context: RepairContext, actor: Actor, told: OneDiscrepancy) -> Done:
    actor.check(context, "discrepancy.repair")
    found = await repairs.verify(context, told.number)
    return Done(
        "both sides agree: it is closed"
        if found.state == "repaired"
        else f"both sides were read: it is still {found.state}"
    )


async def _accept(context: RepairContext, actor: Actor, told: Exceptions) -> Done:
    accepted = await reconciliation.accept(context, actor, told.numbers)
    return Done(f"{_count(len(accepted), 'difference')} accepted as it is")


async def _freeze(context: RepairContext, actor: Actor, told: Month) -> Done:
    number = await month_end.start(context, actor, told.month)
    return Done(f"{told.month} is frozen; round {number} of its close has begun")


async def _sign(context: RepairContext, actor: Actor, told: Signed) -> Done:
    count = await month_end.sign(context, actor, told.month, told.digest)
    rest = (
        "another person signs beside"
        if count == 1
        else f"it closes once {context.catalogue.label('ledger')} is locked until its last day"
    )
    return Done(f"you signed {told.month}; {rest}")


async def _go_on(context: RepairContext, actor: Actor, told: Month) -> Done:
    await month_end.resume(context, actor, told.month)
    return Done(f"the close of {told.month} goes on")


async def _reopen(context: RepairContext, actor: Actor, told: Month) -> Done:
    await month_end.reopen(context, actor, told.month)
    return Done(f"{told.month} is open again; what was signed is void")


async def _add_person(context: RepairContext, actor: Actor, told: AddPerson) -> Done:
    token = await accounts.add(context, actor, told.name, full_name=told.full_name, email=told.email, roles=told.roles)
    return Done(f"{told.name} has an account", token, "invitation")


async def _roles(context: RepairContext, actor: Actor, told: Roles) -> Done:
    await accounts.set_roles(context, actor, told.name, told.roles)
    return Done(f"{told.name} has the roles {', '.join(sorted(told.roles))}")


async def _invite(context: RepairContext, actor: Actor, told: Named) -> Done:
    token = await accounts.invite(context, actor, told.name)
    return Done(f"{told.name} is signed out everywhere, and chooses a password anew", token, "invitation")


async def _disable(context: RepairContext, actor: Actor, told: Named) -> Done:
    if told.name == actor.name:
        raise NotPossible("you would lock yourself out: another administrator does that")
    await accounts.disable(context, actor, told.name)
    return Done(f"{told.name} may not sign in any more, and is signed out everywhere")


async def _enable(context: RepairContext, actor: Actor, told: Named) -> Done:
    await accounts.enable(context, actor, told.name)
    return Done(f"{told.name} may sign in again")


async def _add_client(context: RepairContext, actor: Actor, told: AddClient) -> Done:
    key = await clients.add(
        context,
        actor,
        told.name,
        purpose=told.purpose,
        scopes=told.scopes,
        per_minute=told.per_minute,
        days=told.days,
    )
    return Done(f"client {told.name} was added", key, "key")


async def _client_key(context: RepairContext, actor: Actor, told: Named) -> Done:
    return Done(f"{told.name} has another key", await clients.add_key(context, actor, told.name, 365), "key")


async def _revoke(context: RepairContext, actor: Actor, told: ClientKey) -> Done:
    _because(actor)
    await clients.revoke(context, actor, told.name, told.key)
    return Done(f"{f'key {told.key} of {told.name}' if told.key else told.name} is revoked")


class Command(msgspec.Struct, frozen=True):
    """A command: what it takes, the acts it needs (as roles and audit trail know them), and what does it."""

    takes: type[msgspec.Struct]
    acts: tuple[str, ...]
    do: Callable[[RepairContext, Actor, Any], Awaitable[Done]]


COMMANDS: Mapping[str, Command] = {
    "exceptions.retry": Command(RetryExceptions, ("process.resume", "delivery.replay"), _retry),
    "exceptions.assign": Command(Assign, ("exception.assign",), _assign),
    "exceptions.discard": Command(Discard, ("exception.discard",), _discard),
    "exceptions.comment": Command(Comment, ("exception.comment",), _comment),
    "exceptions.correct": Command(Payload, ("payload.correct",), _payload),
    "exceptions.map": Command(MapCode, ("codes.correct", "delivery.replay"), _map),
    "exceptions.bill_patient": Command(Exceptions, ("visit.bill_patient", "process.resume"), _bill_patient),
    "exceptions.rewrite": Command(Comment, ("ledger.forget",), _rewrite),
    "codes.correct": Command(Codes, ("codes.correct",), _codes),
    "codes.roll_back": Command(RollBack, ("codes.roll_back",), _roll_back),
    "processes.resume": Command(Processes, ("process.resume",), _resume),
    "processes.cancel": Command(Processes, ("process.cancel",), _cancel),
    "processes.compensate": Command(Processes, ("process.compensate",), _compensate),
    "processes.decide": Command(ProcessDecision, ("process.decide",), _decide),
    "interfaces.pause": Command(Named, ("interface.pause",), _pause),
    "interfaces.resume": Command(Named, ("interface.resume",), _unpause),
    "reconciliation.run": Command(ReconciliationSpan, ("reconciliation.run",), _reconcile),
    "discrepancies.repair": Command(OneDiscrepancy, ("discrepancy.repair",), _repair),
    "discrepancies.verify": Command(OneDiscrepancy, ("discrepancy.repair",), _verify),
    "discrepancies.accept": Command(Exceptions, ("discrepancy.accept",), _accept),
    "close.start": Command(Month, ("period.freeze",), _freeze),
    "close.sign": Command(Signed, ("period.sign",), _sign),
    "close.resume": Command(Month, ("process.resume",), _go_on),
    "close.reopen": Command(Month, ("period.reopen",), _reopen),
    "people.add": Command(AddPerson, ("person.add",), _add_person),
    "people.roles": Command(Roles, ("person.roles",), _roles),
    "people.invite": Command(Named, ("person.invite",), _invite),
    "people.disable": Command(Named, ("person.disable",), _disable),
    "people.enable": Command(Named, ("person.enable",), _enable),
    "clients.add": Command(AddClient, ("client.add", "client.key"), _add_client),
    "clients.key": Command(Named, ("client.key",), _client_key),
    "clients.revoke": Command(ClientKey, ("client.revoke",), _revoke),
}
"""By name."""


async def perform(context: RepairContext, actor: Actor, name: str, arguments: msgspec.Struct) -> Done:
    """Do a command. Raises `NotPossible` (`NotAllowed`, `NeedsApproval`) where it can't be done; nothing is then."""
    command = COMMANDS[name]
    actor.check(context, *command.acts)
    return await command.do(context, actor, arguments)


def subject_of(arguments: msgspec.Struct) -> str:
    """What a command is about, in a few words; never what a payload says."""
    told = {
        name: value
        for name, value in msgspec.structs.asdict(arguments).items()
        if name != "content" and value not in ("", (), None)
    }
    return ", ".join(f"{name} {_written(value)}" for name, value in told.items())


def _written(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _because(actor: Actor) -> None:
    if not actor.reason:
        raise NotPossible("say why: it stands in the audit trail")


def _steered(told: Steered, many: str, one: str) -> Done:
    if not told.done:
        raise NotPossible("; ".join(f"{key}: {reason}" for key, reason in told.refused))
    words = f"{told.done[0]} {one}" if len(told.done) == 1 else f"{len(told.done)} processes {many}"
    refused = "".join(f"; {key}: {reason}" for key, reason in told.refused)
    return Done(words + refused)


def _count(count: int, noun: str, plural: str = "s", irregular: str = "") -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {irregular or noun + plural}"
