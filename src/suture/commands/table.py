"""Everything that people and clients can do, by name: what it takes, whose acts it needs, and what came of it in words.

Every door (console, API, command line) fills in the arguments and performs; none calls what does it. Whether it may be
done is for that to say: the preconditions stand there. A new command is a row here, and its words
(`console/words.py`).
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec

from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext, LedgerContext, RepairContext
from suture.canonical.records import Payer, Visit
from suture.canonical.remittance import Remittance
from suture.commands import (
    accounts,
    billing_api,
    clients,
    exception_queue,
    interfaces,
    ledger,
    mapping,
    month_end,
    process_commands,
    reconciliation,
    repairs,
    replaying,
    subscriptions,
)
from suture.commands.exception_queue import Retried
from suture.commands.process_commands import Steered
from suture.connectors.port import RemittanceProgress
from suture.store.delivery_queue import DeliverySelection
from suture.store.exceptions import ExceptionSelection
from suture.views import exceptions

Rate = Annotated[float, msgspec.Meta(gt=0, le=1000)]
Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""As things of ours are counted."""
PerMinute = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Days = Annotated[int, msgspec.Meta(ge=1, le=3650)]


class Done(msgspec.Struct, frozen=True):
    """What came of a command, in words. A `secret` is shown this once, with what it is for. `result` is what the
    command answers, for a door that makes something of it."""

    words: str
    secret: str = ""
    purpose: str = ""
    result: Any = None


class Exceptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    numbers: tuple[Number, ...]


class RetryExceptions(Exceptions, frozen=True, kw_only=True):
    rate: Rate = process_commands.RATE


class Assign(Exceptions, frozen=True, kw_only=True):
    person: str = ""


class Discard(Exceptions, frozen=True, kw_only=True):
    undo: Literal["", "undo", "leave"] = ""


class Replay(Exceptions, frozen=True, kw_only=True):
    """Deliveries, by their numbers."""

    rate: Rate = replaying.RATE


class Comment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    number: Number


class Codes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`code` empty takes the row away."""

    table: str
    source: str
    code: str = ""


class CorrectCodes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rows of the code table that the delivery of exception `number` fell through."""

    number: Number
    rows: dict[str, str]


class RewriteRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record that somebody deleted in the ledger: by the exception that says so, or by our name of it."""

    number: Number | None = None
    record: str = ""


class BookRemittance(msgspec.Struct, frozen=True, kw_only=True):
    remittance: Remittance
    payer: Payer
    company: str | None = None
    progress: Callable[[RemittanceProgress], None] = lambda _: None


class BillVisit(msgspec.Struct, frozen=True, kw_only=True):
    visit: Visit


class AddSubscription(msgspec.Struct, frozen=True, kw_only=True):
    """`private` says whether its URL may be one of a private network."""

    number: UUID
    url: str
    types: tuple[str, ...]
    private: bool = False


class OneSubscription(msgspec.Struct, frozen=True, kw_only=True):
    number: UUID


class Redelivery(OneSubscription, frozen=True, kw_only=True):
    event: UUID


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


class ResumeProcesses(Processes, frozen=True, kw_only=True):
    rate: Rate = process_commands.RATE


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
    provider: str = ""


class Email(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`address` empty takes it away."""

    name: str
    address: str = ""


class SetRoles(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    roles: tuple[str, ...] = ()


class Rescope(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    scopes: tuple[str, ...] = ()
    per_minute: PerMinute = clients.PER_MINUTE


class AddClient(Rescope, frozen=True, kw_only=True):
    purpose: str
    days: Days | None = 365


class NewKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    days: Days | None = 365


class ClientKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    name: str
    key: str = ""


async def _retry(context: CommandContext, actor: Actor, told: RetryExceptions) -> Done:
    done: Retried = await exception_queue.retry(context, actor, ExceptionSelection(numbers=told.numbers), told.rate)
    processes, deliveries = len(done.processes), len(done.deliveries)
    parts = [_count(processes, "process goes on", "", "processes go on")] if processes else []
    parts += [_count(deliveries, "delivery is read again", "", "deliveries are read again")] if deliveries else []
    refused = "; ".join(f"no. {number}: {reason}" for number, reason in done.refused[:5])
    more = f" and {len(done.refused) - 5} more" if len(done.refused) > 5 else ""
    parts += [f"not tried: {refused}{more}"] if done.refused else []
    return Done("; ".join(parts) or "nothing was to be tried", result=done)


async def _assign(context: CommandContext, actor: Actor, told: Assign) -> Done:
    found = await exception_queue.assign(context, actor, told.numbers, told.person or None)
    return Done(
        f"{_count(len(found), 'exception')} {'is' if len(found) == 1 else 'are'} with {told.person or 'nobody'}",
        result=found,
    )


async def _discard(context: CommandContext, actor: Actor, told: Discard) -> Done:
    undo = {"": None, "undo": True, "leave": False}[told.undo]
    said = [
        f"no. {number}: {await exception_queue.discard(context, actor, number, undo=undo)}" for number in told.numbers
    ]
    return Done(f"{_count(len(said), 'exception')} discarded; " + "; ".join(said[:5]))


async def _comment(context: CommandContext, actor: Actor, told: Comment) -> Done:
    await exception_queue.comment(context, actor, told.number)
    return Done("your words stand with it")


async def _codes(context: CommandContext, actor: Actor, told: Codes) -> Done:
    await mapping.set_rows(context, actor, told.table, {told.source: told.code})
    if not told.code:
        return Done(f"the table {told.table} has no row for {told.source} any more")
    return Done(f"from now on {told.source} means {told.code}")


async def _map(context: CommandContext, actor: Actor, told: MapCode) -> Done:
    numbers = await exceptions.unmapped_alike(context, told.source)
    await mapping.set_rows(context, actor, mapping.SERVICES, {told.source: told.code})
    words = f"from now on {told.source} means {told.code}"
    if not numbers:
        return Done(words)
    retried = await _retry(context, actor, RetryExceptions(numbers=numbers))
    return Done(f"{words}; {retried.words}")


async def _bill_patient(context: CommandContext, actor: Actor, told: Exceptions) -> Done:
    for number in told.numbers:
        await exception_queue.bill_patient(context, actor, number)
    retried = await _retry(context, actor, RetryExceptions(numbers=told.numbers))
    return Done(f"{_count(len(told.numbers), 'visit')} billed to the patient; {retried.words}")


async def _rewrite(context: LedgerContext, actor: Actor, told: RewriteRecord) -> Done:
    if told.number is None and not told.record:
        raise NotPossible("say which record: by the number of the exception that says it is gone, or by its name")
    return Done(await ledger.write_again(context, actor, told.record if told.number is None else told.number))


async def _remit(context: LedgerContext, actor: Actor, told: BookRemittance) -> Done:
    posted = await ledger.book_remittance(
        context, actor, told.remittance, told.payer, company=told.company, progress=told.progress
    )
    return Done(f"remittance {told.remittance.number} is booked", result=posted)


async def _correct_codes(context: CommandContext, actor: Actor, told: CorrectCodes) -> Done:
    forecasts = await exception_queue.correct_codes(context, actor, told.number, told.rows)
    return Done("the code table is corrected; retry it now", result=forecasts)


async def _replay(context: CommandContext, actor: Actor, told: Replay) -> Done:
    chosen = DeliverySelection(ids=told.numbers)
    forecasts = await replaying.forecast(context, chosen, len(told.numbers))
    done = await replaying.replay(context, actor, forecasts, told.rate)
    return Done(_count(len(done), "delivery is read again", "", "deliveries are read again"), result=done)


async def _bill(context: CommandContext, actor: Actor, told: BillVisit) -> Done:
    is_new = await billing_api.bill(context, actor, told.visit)
    return Done("the visit is billed" if is_new else "the visit was known", result=is_new)


async def _subscribe(context: CommandContext, actor: Actor, told: AddSubscription) -> Done:
    made, secret = await subscriptions.subscribe(
        context, actor, told.number, told.url, told.types, private=told.private
    )
    return Done(f"subscription {told.number} was added", secret, "signing secret", made)


async def _unsubscribe(context: CommandContext, actor: Actor, told: OneSubscription) -> Done:
    await subscriptions.remove(context, actor, told.number)
    return Done(f"subscription {told.number} is removed")


async def _enable_subscription(context: CommandContext, actor: Actor, told: OneSubscription) -> Done:
    await subscriptions.switch(context, actor, told.number, enabled=True)
    return Done(f"subscription {told.number} is enabled")


async def _disable_subscription(context: CommandContext, actor: Actor, told: OneSubscription) -> Done:
    await subscriptions.switch(context, actor, told.number, enabled=False)
    return Done(f"subscription {told.number} is disabled")


async def _rotate(context: CommandContext, actor: Actor, told: OneSubscription) -> Done:
    secret = await subscriptions.rotate(context, actor, told.number)
    return Done(f"subscription {told.number} has another secret", secret, "signing secret")


async def _redeliver(context: CommandContext, actor: Actor, told: Redelivery) -> Done:
    await subscriptions.redeliver(context, actor, told.number, told.event)
    return Done("it is delivered again")


async def _roll_back(context: CommandContext, actor: Actor, told: RollBack) -> Done:
    changed = await mapping.roll_back(context, actor, told.table, told.version)
    return Done(f"{told.table} is as it was in version {told.version}: {_count(len(changed), 'row')} changed")


async def _payload(context: CommandContext, actor: Actor, told: Payload) -> Done:
    forecasts = await exception_queue.correct_payload(context, actor, told.number, told.content.encode())
    return Done("the correction is kept beside the original; retry it now", result=forecasts)


async def _resume(context: CommandContext, actor: Actor, told: ResumeProcesses) -> Done:
    return _steered(await process_commands.resume(context, actor, told.keys, told.rate), "go on", "goes on")


async def _cancel(context: CommandContext, actor: Actor, told: Processes) -> Done:
    return _steered(await process_commands.cancel(context, actor, told.keys), "were ended", "was ended")


async def _compensate(context: CommandContext, actor: Actor, told: Processes) -> Done:
    return _steered(await process_commands.compensate(context, actor, told.keys), "are being undone", "is being undone")


async def _decide(context: CommandContext, actor: Actor, told: ProcessDecision) -> Done:
    await process_commands.decide(context, actor, told.key, told.step, approved=told.approved)
    return Done("It goes on." if told.approved else "What it did is being undone.")


async def _pause(context: CommandContext, actor: Actor, told: Named) -> Done:
    await interfaces.pause(context, actor, told.name)
    return Done(f"{told.name} is paused: what comes waits, in order")


async def _unpause(context: CommandContext, actor: Actor, told: Named) -> Done:
    await interfaces.resume(context, actor, told.name)
    return Done(f"{told.name} flows again")


async def _reconcile(context: CommandContext, actor: Actor, told: ReconciliationSpan) -> Done:
    run = await reconciliation.request(context, actor, told.first, told.last, at_once=told.now)
    return Done(f"run {run.id} over {run.first} to {run.last} was asked for; a worker takes it up at once", result=run)


async def _repair(context: RepairContext, actor: Actor, told: OneDiscrepancy) -> Done:
    return Done(await repairs.repair(context, actor, told.number))


async def _verify(context: RepairContext, actor: Actor, told: OneDiscrepancy) -> Done:
    found = await repairs.verify(context, told.number)
    return Done(
        "both sides agree: it is closed"
        if found.state == "repaired"
        else f"both sides were read: it is still {found.state}",
        result=found,
    )


async def _accept(context: CommandContext, actor: Actor, told: Exceptions) -> Done:
    accepted = await reconciliation.accept(context, actor, told.numbers)
    return Done(f"{_count(len(accepted), 'difference')} accepted as it is", result=accepted)


async def _freeze(context: CommandContext, actor: Actor, told: Month) -> Done:
    number = await month_end.start(context, actor, told.month)
    return Done(f"{told.month} is frozen; round {number} of its close has begun", result=number)


async def _sign(context: CommandContext, actor: Actor, told: Signed) -> Done:
    count = await month_end.sign(context, actor, told.month, told.digest)
    rest = (
        "another person signs beside"
        if count == 1
        else f"it closes once {context.catalogue.label('ledger')} is locked until its last day"
    )
    return Done(f"you signed {told.month}; {rest}")


async def _go_on(context: CommandContext, actor: Actor, told: Month) -> Done:
    await month_end.resume(context, actor, told.month)
    return Done(f"the close of {told.month} goes on")


async def _reopen(context: CommandContext, actor: Actor, told: Month) -> Done:
    number = await month_end.reopen(context, actor, told.month)
    return Done(f"{told.month} is open again; what was signed is void", result=number)


async def _add_person(context: CommandContext, actor: Actor, told: AddPerson) -> Done:
    token = await accounts.add(context, actor, told.name, full_name=told.full_name, email=told.email, roles=told.roles)
    return Done(f"{told.name} has an account", token, "invitation")


async def _roles(context: CommandContext, actor: Actor, told: SetRoles) -> Done:
    await accounts.set_roles(context, actor, told.name, told.roles)
    return Done(f"{told.name} has the roles {', '.join(sorted(told.roles))}")


async def _email(context: CommandContext, actor: Actor, told: Email) -> Done:
    await accounts.set_email(context, actor, told.name, told.address)
    return Done(f"{told.name} is written to at {told.address}" if told.address else f"{told.name} is not written to")


async def _invite(context: CommandContext, actor: Actor, told: Named) -> Done:
    token = await accounts.invite(context, actor, told.name)
    return Done(f"{told.name} is signed out everywhere, and chooses a password anew", token, "invitation")


async def _disable(context: CommandContext, actor: Actor, told: Named) -> Done:
    await accounts.disable(context, actor, told.name)
    return Done(f"{told.name} may not sign in any more, and is signed out everywhere")


async def _enable(context: CommandContext, actor: Actor, told: Named) -> Done:
    await accounts.enable(context, actor, told.name)
    return Done(f"{told.name} may sign in again")


async def _add_client(context: CommandContext, actor: Actor, told: AddClient) -> Done:
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


async def _client_key(context: CommandContext, actor: Actor, told: NewKey) -> Done:
    return Done(f"{told.name} has another key", await clients.add_key(context, actor, told.name, told.days), "key")


async def _rescope(context: CommandContext, actor: Actor, told: Rescope) -> Done:
    await clients.rescope(context, actor, told.name, told.scopes, told.per_minute)
    return Done(f"{told.name} may {', '.join(sorted(told.scopes))}")


async def _revoke(context: CommandContext, actor: Actor, told: ClientKey) -> Done:
    await clients.revoke(context, actor, told.name, told.key)
    return Done(f"{f'key {told.key} of {told.name}' if told.key else told.name} is revoked")


class Command(msgspec.Struct, frozen=True):
    """A command: what it takes, the acts it needs (as roles and audit trail know them), and what does it, in which
    context. With a `form` a person asks for it at the console; the others are a client's or the command line's."""

    takes: type[msgspec.Struct]
    acts: tuple[str, ...]
    do: Callable[[Any, Actor, Any], Awaitable[Done]]
    form: bool = True
    needs: type[CommandContext] = CommandContext


COMMANDS: Mapping[str, Command] = {
    "exceptions.retry": Command(RetryExceptions, ("process.resume", "delivery.replay"), _retry),
    "exceptions.assign": Command(Assign, ("exception.assign",), _assign),
    "exceptions.discard": Command(Discard, ("exception.discard",), _discard),
    "exceptions.comment": Command(Comment, ("exception.comment",), _comment),
    "exceptions.correct": Command(Payload, ("payload.correct",), _payload),
    "exceptions.map": Command(MapCode, ("codes.correct", "delivery.replay"), _map),
    "exceptions.bill_patient": Command(Exceptions, ("visit.bill_patient", "process.resume"), _bill_patient),
    "exceptions.correct_codes": Command(CorrectCodes, ("codes.correct",), _correct_codes, form=False),
    "exceptions.rewrite": Command(RewriteRecord, ("ledger.forget",), _rewrite, needs=LedgerContext),
    "deliveries.replay": Command(Replay, ("delivery.replay",), _replay, form=False),
    "remittances.book": Command(BookRemittance, ("remittance.book",), _remit, form=False, needs=LedgerContext),
    "visits.bill": Command(BillVisit, ("visit.bill",), _bill, form=False),
    "codes.correct": Command(Codes, ("codes.correct",), _codes),
    "codes.roll_back": Command(RollBack, ("codes.roll_back",), _roll_back),
    "processes.resume": Command(ResumeProcesses, ("process.resume",), _resume),
    "processes.cancel": Command(Processes, ("process.cancel",), _cancel),
    "processes.compensate": Command(Processes, ("process.compensate",), _compensate),
    "processes.decide": Command(ProcessDecision, ("process.decide",), _decide),
    "interfaces.pause": Command(Named, ("interface.pause",), _pause),
    "interfaces.resume": Command(Named, ("interface.resume",), _unpause),
    "reconciliation.run": Command(ReconciliationSpan, ("reconciliation.run",), _reconcile),
    "discrepancies.repair": Command(OneDiscrepancy, ("discrepancy.repair",), _repair, needs=RepairContext),
    "discrepancies.verify": Command(OneDiscrepancy, ("discrepancy.repair",), _verify, needs=RepairContext),
    "discrepancies.accept": Command(Exceptions, ("discrepancy.accept",), _accept),
    "close.start": Command(Month, ("period.freeze",), _freeze),
    "close.sign": Command(Signed, ("period.sign",), _sign),
    "close.resume": Command(Month, ("process.resume",), _go_on),
    "close.reopen": Command(Month, ("period.reopen",), _reopen),
    "people.add": Command(AddPerson, ("person.add",), _add_person),
    "people.roles": Command(SetRoles, ("person.roles",), _roles),
    "people.email": Command(Email, ("person.email",), _email, form=False),
    "people.invite": Command(Named, ("person.invite",), _invite),
    "people.disable": Command(Named, ("person.disable",), _disable),
    "people.enable": Command(Named, ("person.enable",), _enable),
    "clients.add": Command(AddClient, ("client.add", "client.key"), _add_client),
    "clients.key": Command(NewKey, ("client.key",), _client_key),
    "clients.scopes": Command(Rescope, ("client.scopes",), _rescope, form=False),
    "clients.revoke": Command(ClientKey, ("client.revoke",), _revoke),
    "subscriptions.add": Command(AddSubscription, ("subscription.add",), _subscribe, form=False),
    "subscriptions.remove": Command(OneSubscription, ("subscription.remove",), _unsubscribe, form=False),
    "subscriptions.enable": Command(OneSubscription, ("subscription.enable",), _enable_subscription, form=False),
    "subscriptions.disable": Command(OneSubscription, ("subscription.disable",), _disable_subscription, form=False),
    "subscriptions.rotate": Command(OneSubscription, ("subscription.rotate",), _rotate, form=False),
    "subscriptions.redeliver": Command(Redelivery, ("subscription.redeliver",), _redeliver, form=False),
}
"""By name."""


async def perform(context: CommandContext, actor: Actor, name: str, arguments: msgspec.Struct) -> Done:
    """Do a command, in a context that has what it `needs`. Raises `NotPossible` (`NotAllowed`, `NeedsApproval`) where
    it can't be done; nothing is then."""
    command = COMMANDS[name]
    if not isinstance(context, command.needs) or not isinstance(arguments, command.takes):
        raise TypeError(f"{name} takes {command.takes.__name__} in a {command.needs.__name__}")
    actor.check(context, *command.acts)
    actor.check_reason(*command.acts)
    for chosen in ("numbers", "keys"):
        if getattr(arguments, chosen, None) == ():
            raise NotPossible("choose first what this is done to")
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


def _steered(told: Steered, many: str, one: str) -> Done:
    if not told.done:
        raise NotPossible("; ".join(f"{key}: {reason}" for key, reason in told.refused))
    words = f"{told.done[0]} {one}" if len(told.done) == 1 else f"{len(told.done)} processes {many}"
    refused = "".join(f"; {key}: {reason}" for key, reason in told.refused)
    return Done(words + refused, result=told)


def _count(count: int, noun: str, plural: str = "s", irregular: str = "") -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {irregular or noun + plural}"
