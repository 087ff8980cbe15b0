"""Repairs of discrepancies: what is proposed is done through the ordinary ways, then both sides are looked at again."""

from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal

import msgspec

from suture.acting.actor import Actor, NotPossible
from suture.acting.context import RepairContext
from suture.canonical.events import ChargeCaptured
from suture.canonical.records import PricedLine
from suture.catalogue.days import Days
from suture.catalogue.reconciliation import Rule
from suture.commands import process_commands
from suture.connectors.port import CreditOrder, DocumentKind
from suture.core.failure import Rejected
from suture.core.money import Money
from suture.store import discrepancies, events
from suture.store.discrepancies import Discrepancy
from suture.views.discrepancies import account, subject
from suture.views.discrepancies import one as discrepancy_of
from suture.views.words import Words

_VISIT, _PAYMENT = "completed_appointment", "posted_payment"
_CHARGED = "suture.charge.captured.v1"


class Redo(msgspec.Struct, frozen=True):
    """The steps that write a book, and the document that the ledger must be written anew (None: not the ledger's)."""

    definition: str
    steps: tuple[str, ...]
    document: DocumentKind | None = None


REDO: dict[str, Redo] = {
    "billing.charge": Redo(_VISIT, ("capture_charge",)),
    "ledger.invoice": Redo(_VISIT, ("draft_invoice", "post_invoice"), "invoice"),
    "ledger.stock_move": Redo(_VISIT, ("consume_stock",), "stock_move"),
    "ledger.accrual": Redo(_VISIT, ("accrue_compensation",), "accrual"),
    "ledger.payment": Redo(_PAYMENT, ("apply_payment",), "payment"),
}
"""By the book in which something is missing."""


async def repair(context: RepairContext, actor: Actor, number: int) -> str:
    """Do what is proposed for a discrepancy; answers, in words, what was done. Both sides are read right before, so
    that nothing is mended twice, and again after (`verify`): it is closed once they agree. Raises `NotPossible` where
    a person must mend it outside, and where it isn't any more what that person saw."""
    told = await account(context, number)
    before, rule = told.discrepancy, told.rule
    if before.state not in ("open", "repairing"):
        raise NotPossible(f"discrepancy {number} is {before.state} already")
    if rule is None:
        raise NotPossible(f"the catalogue has no rule {before.rule} any more: accept it with a reason")
    actor.check(context, "discrepancy.repair")
    found = await verify(context, number)
    if found.state not in ("open", "repairing"):
        return "it had been mended outside"
    act = _ACTS.get(found.repair)
    if act is None:
        raise NotPossible(_by_hand(found, rule, Words.of(context.catalogue)))
    if _proposal(found) != _proposal(before):
        raise NotPossible(
            f"what both sides hold has changed since: {Words.of(context.catalogue).describe(found, rule)}; look at "
            f"it again (`suture reconcile show {number}`), then decide"
        )
    async with context.database.transaction() as connection:
        await actor.sign(connection, context, "discrepancy.repair", subject(number), {"by": found.repair})
        await discrepancies.begin_repair(connection, number, actor.name)
    return await act(context, actor, found, rule)


def _proposal(one: Discrepancy) -> tuple[object, ...]:
    """What a person who has a discrepancy repaired agreed to."""
    return one.what, one.repair, one.money, one.currency


async def verify(context: RepairContext, number: int) -> Discrepancy:
    """Read both sides again, as far as a discrepancy is concerned; answers how it stands then."""
    async with context.database.connection() as connection:
        found = await discrepancy_of(connection, number)
    if found.state in ("open", "repairing"):
        keys = [found.key] if found.key != found.appointment else []
        await context.reconciler.look(keys, [found.appointment] if found.appointment else [], found.day)
    async with context.database.connection() as connection:
        return await discrepancy_of(connection, number)


def _by_hand(found: Discrepancy, rule: Rule, said: Words) -> str:
    remedy = said.remedy(found, rule) or f"mend it in {rule.judged} by the evidence"
    return (
        f"nothing that Suture could do is sure to be right here: {remedy}; the next run closes it once "
        "both sides agree (`suture reconcile run` is one); or accept it with a reason"
    )


async def _fetch(context: RepairContext, actor: Actor, found: Discrepancy, rule: Rule) -> str:
    """Have the source tell again what got lost, as a delivery like any other."""
    of_payment = rule.left.book == "billing.payment"
    source = context.billing if of_payment else context.scheduling
    key = found.key if of_payment else found.appointment
    body = await source.refetch(key)
    if body is None:
        raise NotPossible(f"{source.name} has no {key}: what Suture was told of it has no source any more")
    contract = "billing-payment.v1" if of_payment else "fhir-appointment.v1"
    interface = next(name for name, one in context.catalogue.interfaces.items() if one.contract == contract)
    stamp = f"{context.clock.now():%Y%m%dT%H%M%S%f}"
    await context.inbox.accept(interface, f"reconciliation-{found.number}-{stamp}", body, context.clock.now())
    return f"{source.name} told {key} again; it was delivered to {interface} and goes its ordinary way"


async def _redo(context: RepairContext, actor: Actor, found: Discrepancy, rule: Rule) -> str:
    """Have the steps done again whose result an outside system lost."""
    plan = REDO.get(rule.right.book if rule.right else "")
    if plan is None:
        raise NotPossible(f"no step of a process writes what the rule {rule.name} asks of")
    subject = found.key if plan.definition == _PAYMENT else found.appointment
    if plan.document is not None:
        await context.ledger_of(found.facility).forget(plan.document, subject)
    key = f"{plan.definition}:{subject}"
    steered = await process_commands.redo(context, actor, key, plan.steps)
    if steered.refused:
        raise NotPossible(f"{key} can't do it again: {steered.refused[0][1]}; `suture processes show {key}`")
    return f"{key} does {', '.join(plan.steps)} again"


async def _correct(context: RepairContext, actor: Actor, found: Discrepancy, rule: Rule) -> str:
    """Take back in the ledger what is too much there."""
    if rule.right is not None and rule.right.book == "ledger.payment":
        return await _reverse_twin(context, actor, found)
    return await _credit_excess(context, found)


async def _credit_excess(context: RepairContext, found: Discrepancy) -> str:
    """A credit note over what somebody added to the invoice."""
    charged = await _charge(context, found.appointment)
    if found.money is None or found.currency is None:
        raise NotPossible("it isn't about money")
    excess = Money(found.money, found.currency)
    service = charged.charge.lines[0].service
    order = CreditOrder(
        key=f"discrepancy-{found.number}",
        appointment=found.appointment,
        on=_today(context, found),
        total=excess,
        lines=(PricedLine(service=service, quantity=Decimal(1), unit_price=excess.amount),),
        names={service: "Correction"},
    )
    entry = await context.ledger_of(found.facility).credit_invoice(order)
    return f"credit note {entry.number} over {entry.amount} was posted"


async def _charge(context: RepairContext, appointment: str) -> ChargeCaptured:
    async with context.database.connection() as connection:
        recorded = await events.of_journey(connection, appointment)
    told = [one for one in recorded if one.type == _CHARGED]
    if not told:
        raise NotPossible(
            f"no charge of {appointment} was captured by Suture: correct the invoice in {_called(context)}"
        )
    return msgspec.json.decode(told[-1].data, type=ChargeCaptured)


async def _reverse_twin(context: RepairContext, actor: Actor, found: Discrepancy) -> str:
    """Turn what somebody posted beside ours, then see to it that ours is applied."""
    ledger = context.ledger_of(found.facility)
    held = found.evidence["compared"].get("ledger.payment", [])
    for number in reversed([one["number"] for one in held]):
        try:
            entry = await ledger.reverse_twin(found.key, number, _today(context, found))
        except Rejected as failure:
            if failure.code != "no_twin":
                raise
            continue
        await process_commands.redo(context, actor, f"{_PAYMENT}:{found.key}", REDO["ledger.payment"].steps)
        return f"{number} was reversed by {entry.number}; the payment stands once"
    raise NotPossible(f"both entries are Suture's own, or are gone: look at them in {_called(context)}")


async def _adopt(context: RepairContext, actor: Actor, found: Discrepancy, rule: Rule) -> str:
    """What stands in the ledger is right."""
    for company in context.catalogue.companies():
        adopted = await context.ledger.of_company(company).adopt(found.key)
        if adopted is not None:
            differs = ", ".join(adopted.fields) or "nothing differs"
            return f"{found.key} is taken as it is in {_called(context)} now ({differs})"
    raise NotPossible(
        f"{_called(context)} has no contact {found.key} to take over: a product is renamed there or in the catalogue; "
        "a contact that was deleted is restored there, or written again by `suture ledger rewrite`"
    )


_ACTS: dict[str, Callable[[RepairContext, Actor, Discrepancy, Rule], Awaitable[str]]] = {
    "fetch": _fetch,
    "redo": _redo,
    "correct": _correct,
    "adopt": _adopt,
}


def _today(context: RepairContext, found: Discrepancy) -> date:
    """Where it is written: what is taken back is dated by the facility's calendar."""
    return Days(context.catalogue).on(context.clock.now(), found.facility)


def _called(context: RepairContext) -> str:
    """What people call the ledger."""
    return context.catalogue.label("ledger")
