"""What people may do to what Suture knows of the ledger: have a record written again, book a remittance."""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta

import msgspec

from suture.acting.actor import Actor, NotPossible
from suture.acting.context import CommandContext, LedgerContext
from suture.canonical.events import AppointmentCompleted, Event, InvoiceSettled
from suture.canonical.records import Patient, Payer, Visit
from suture.canonical.remittance import ClaimPayment, Remittance
from suture.commands import process_commands
from suture.commands.repairs import REDO
from suture.connectors.port import (
    DocumentKind,
    LedgerPartner,
    OpenClaim,
    PostedRemittance,
    RemittanceProgress,
    SettledInvoice,
)
from suture.core.codes import is_code
from suture.core.failure import Rejected
from suture.core.ids import fact_id
from suture.core.trouble import Trouble
from suture.store import events, exceptions, finding
from suture.store.crosswalk import Crosswalk
from suture.store.exceptions import ExceptionSelection, OpenException
from suture.store.finding import KnownNumber
from suture.store.parties import Parties

DELETED = "deleted_in_odoo"
_NAMED = re.compile(r"\[(\S+)\]$")
"""Where such an exception's reason names the record."""
_TOGETHER = 200
"""Events recorded in one transaction."""
_OLDEST, _AHEAD = timedelta(days=10 * 366), timedelta(days=366)
"""How far the day of a deposit may be from today."""
_BY_DOCUMENT = {plan.document: plan for plan in REDO.values() if plan.document}


async def write_again(context: LedgerContext, actor: Actor, told: int | str) -> str:
    """Have a record written again that somebody deleted in the ledger, named by its exception or by our own name of it;
    answers, in words, what follows. Nothing of it is known any more, so a contact is written over as well. Raises
    `NotPossible` where none is known."""
    system, _ = context.catalogue.system_of("ledger")
    crosswalk = Crosswalk(context.database, context.vault, system, context.clock)
    name = told if isinstance(told, str) else await _record_of(context, told)
    known = (await crosswalk.recall([name])).get(name)
    if known is None:
        raise NotPossible(f"no record {name} was written; the exception that says it is gone names it in full")
    async with context.database.transaction() as connection:
        await actor.sign(connection, context, "ledger.forget", f"Record/{name}")
    await crosswalk.forget(name)
    about = await _deletions_of(context, name)
    stopped = [one.process for one in about if one.process]
    words = await _redone(context, actor, context.ledger.document_of(name), name, known.key, stopped=stopped)
    async with context.database.transaction() as connection:
        now = context.clock.now()
        deliveries = [one.delivery for one in about if one.delivery is not None]
        closed = await exceptions.resolve_deliveries(connection, deliveries, now, actor.name)
        await context.recorder.tell_closed(connection, closed, now)
    return words


async def _record_of(context: CommandContext, number: int) -> str:
    async with context.database.connection() as connection:
        found = await exceptions.select(connection, ExceptionSelection(numbers=(number,), state=""), 1)
    if not found:
        raise NotPossible(f"there is no exception {number}; `suture exceptions list` shows all of them")
    named = _NAMED.search(found[0].reason) if found[0].code == DELETED else None
    if named is None:
        raise NotPossible(f"exception {number} ({found[0].code}) is not about a record that was deleted")
    return named[1]


async def _deletions_of(context: CommandContext, name: str) -> list[OpenException]:
    """The open exceptions that say that this very record is gone."""
    async with context.database.connection() as connection:
        found = await exceptions.select(connection, ExceptionSelection(code=DELETED), 10_000)
    return [one for one in found if f"[{name}]" in one.reason]


async def _redone(
    context: CommandContext, actor: Actor, document: DocumentKind | None, name: str, key: str, *, stopped: list[str]
) -> str:
    """Have the process that writes a document write it anew, and those go on that stopped for want of the record."""
    if document is not None and key:
        plan = _BY_DOCUMENT[document]
        process = f"{plan.definition}:{key}"
        steered = await process_commands.redo(context, actor, process, plan.steps)
        if steered.refused:
            raise NotPossible(f"{name} is forgotten, but {process} can't write it again: {steered.refused[0][1]}")
        return f"{name} is forgotten: {process} writes it again"
    if stopped:
        steered = await process_commands.resume(context, actor, stopped)
        return f"{name} is forgotten: {', '.join(steered.done)} writes it again"
    return f"{name} is forgotten: it is written again with the next document that needs it"


async def book_remittance(
    context: LedgerContext,
    actor: Actor,
    remittance: Remittance,
    payer: Payer,
    *,
    company: str | None = None,
    progress: Callable[[RemittanceProgress], None],
) -> PostedRemittance:
    """Book a payer's deposit and all it says, in a company's books (None: the catalogue's own). The same remittance
    again goes on where it stopped, books what found nothing open before, and changes nothing once it is whole. What of
    a claim a person must decide becomes an exception, and so does a number that stands for something else. Raises
    `Rejected`."""
    currency = context.catalogue.organisation.currency
    if remittance.deposit.currency != currency:
        raise Rejected(
            "currency_differs",
            f"remittance {remittance.number} is in {remittance.deposit.currency}, where {currency} is kept",
            "Ask the payer, or whoever translated it, for a remittance in that currency.",
        )
    _check_day(context, remittance)
    async with context.database.transaction() as connection:
        detail = {"claims": len(remittance.claims), "deposit": str(remittance.deposit), "payer": remittance.payer}
        await actor.sign(connection, context, "remittance.book", f"Remittance/{remittance.number}", detail)
    remittance, others = await _with_patients(context, remittance)
    partners = [await _payer(context, payer), *await _patients(context, remittance)]
    try:
        posted = await context.ledger.of_company(company).post_remittance(remittance, partners, progress)
    except Rejected as refused:
        if refused.code == "remittance_differs":
            await _tell(context, remittance, [_trouble(context, remittance, "", refused)])
        raise
    await _tell(context, remittance, list(_decisions(context, remittance, posted, others)))
    await _record(context, remittance, posted)
    await _keep_numbers(context, remittance, posted)
    return posted


async def _record(context: CommandContext, remittance: Remittance, posted: PostedRemittance) -> None:
    """What became of the invoices, so that journeys and figures show it; the same again is recorded once."""
    now = context.clock.now()
    told = [
        Event(
            id=fact_id("remittance", remittance.payer, remittance.number, one.appointment, str(one.residual)),
            type="suture.invoice.settled.v1",
            source="suture/remittances",
            subject=f"Appointment/{one.appointment}",
            organisation=context.catalogue.organisation.id,
            facility=None,
            occurred_at=now,
            recorded_at=now,
            correlation_id=one.appointment,
            data=msgspec.Raw(msgspec.json.encode(_settled(one))),
        )
        for one in posted.invoices
    ]
    for first in range(0, len(told), _TOGETHER):
        async with context.database.transaction() as connection:
            await context.recorder.record(connection, told[first : first + _TOGETHER])


async def _keep_numbers(context: CommandContext, remittance: Remittance, posted: PostedRemittance) -> None:
    """By what the visits are found that a remittance is about; those that nobody told of lead nowhere."""
    named = list(_numbers_of(remittance, posted))
    async with context.database.connection() as connection:
        known = await finding.heard_of(connection, (one.appointment for one in named))
        await finding.put(connection, (one for one in named if one.appointment in known))


def _numbers_of(remittance: Remittance, posted: PostedRemittance) -> Iterator[KnownNumber]:
    """What the payer calls the remittance and its claims, and the ledger the entries. What is no code may be a name."""
    for claim in remittance.claims:
        entries = {*posted.numbers[:1], *posted.of_visits.get(claim.appointment, ())}
        told = [("remittance", remittance.number), ("claim", claim.claim), *(("bank entry", one) for one in entries)]
        for kind, number in told:
            if is_code(number) and is_code(claim.appointment):
                yield KnownNumber(number, kind, claim.appointment)


def _settled(one: SettledInvoice) -> InvoiceSettled:
    return InvoiceSettled(
        appointment=one.appointment,
        invoice=one.invoice,
        number=one.number,
        residual=one.residual,
        payment_state=one.payment_state,
    )


def _check_day(context: CommandContext, remittance: Remittance) -> None:
    """A year that a default or a slip of the keyboard makes is no closed period."""
    today = context.clock.now().date()
    if not today - _OLDEST <= remittance.received_on <= today + _AHEAD:
        raise Rejected(
            "time_implausible",
            f"remittance {remittance.number} is told to have been received on {remittance.received_on}, which "
            f"is too far {'ahead' if remittance.received_on > today else 'back'}",
            "Set its date of payment (BPR16, received_on) right and book it again.",
        )


async def _payer(context: CommandContext, told: Payer) -> LedgerPartner:
    """The payer by its owner's name; a remittance's own counts only where nobody else told of the payer."""
    known = await Parties(context.database, context.vault).get(told.reference)
    name = known.name if isinstance(known, Payer) else told.name
    return LedgerPartner(reference=told.reference, name=name, is_company=True, hearsay=not isinstance(known, Payer))


async def _with_patients(context: CommandContext, remittance: Remittance) -> tuple[Remittance, frozenset[str]]:
    """Whose the shares are: the visit's patient where that is known and the claim names none. Answers too which claims
    name somebody who has nothing to do with the visit: their share is nobody's until a person says whose."""
    shared = [claim.appointment for claim in remittance.claims if claim.patient_responsibility]
    if not shared:
        return remittance, frozenset()
    async with context.database.connection() as connection:
        told = await events.latest_of_type(connection, "suture.appointment.completed.v1", shared)
    visits = {key: one.visit for key, one in told.items() if isinstance(one, AppointmentCompleted)}
    others = frozenset(c.claim for c in remittance.claims if _is_anothers(c, visits.get(c.appointment)))
    claims = tuple(_named(claim, visits.get(claim.appointment), others) for claim in remittance.claims)
    return msgspec.structs.replace(remittance, claims=claims), others


def _is_anothers(claim: ClaimPayment, visit: Visit | None) -> bool:
    known = visit is not None and claim.patient is not None and bool(claim.patient_responsibility)
    return known and visit is not None and claim.patient not in (visit.patient, visit.guarantor)


def _named(claim: ClaimPayment, visit: Visit | None, others: frozenset[str]) -> ClaimPayment:
    if claim.claim in others:
        return msgspec.structs.replace(claim, patient=None)
    return msgspec.structs.replace(claim, patient=claim.patient or (visit.patient if visit else None))


async def _patients(context: CommandContext, remittance: Remittance) -> list[LedgerPartner]:
    """The patients who owe a share, as far as a system has told us of them."""
    parties = Parties(context.database, context.vault)
    owing = {claim.patient for claim in remittance.claims if claim.patient and claim.patient_responsibility}
    found = [await parties.get(reference) for reference in sorted(owing)]
    return [LedgerPartner.of_patient(patient) for patient in found if isinstance(patient, Patient)]


async def _tell(context: CommandContext, remittance: Remittance, troubles: Sequence[Trouble]) -> None:
    """Put what a person decides into the queue, and close there what is settled by now."""
    now, asked = context.clock.now(), {trouble.process for trouble in troubles}
    called = _Called(remittance)
    settled = {_process(remittance, called(claim.claim)) for claim in remittance.claims} | {_process(remittance)}
    async with context.database.transaction() as connection:
        await context.recorder.resolve(connection, sorted(settled - asked), now, by="booked")
        for trouble in troubles:
            await context.recorder.open_exception(connection, trouble, now)


def _process(remittance: Remittance, claim: str = "") -> str:
    """By what the exceptions of a remittance, or of one of its claims, are known."""
    return f"remittance:{remittance.payer} {remittance.number}{claim and '/'}{claim}"


def _decisions(
    context: CommandContext, remittance: Remittance, posted: PostedRemittance, others: frozenset[str]
) -> Iterator[Trouble]:
    told = f"in remittance {remittance.number} of {remittance.payer}"
    again = "book the same file again with `suture remittance`: it goes on with this claim"
    ledger = context.catalogue.label("ledger")
    claims = {claim.claim: claim for claim in remittance.claims}
    called = _Called(remittance)
    left = {one.claim: one for one in posted.left}
    for claim in posted.unapplied:
        reason, remedy = _of_unapplied(left[claim], f"claim {called(claim)} {told}", ledger, again)
        yield _trouble(context, remittance, claim, Rejected("claim_unapplied", reason, remedy))
    for claim in posted.without_patient:
        if claim in others:
            reason = f"claim {called(claim)} {told} names another patient than its visit has: whose is the share?"
            remedy = (
                "It stays open at the payer. Ask the payer, or whoever translated it, whose claim it is; name the "
                f"visit's patient in the file, or none; then {again}. Or move the share by hand in {ledger} and "
                "discard this."
            )
            yield _trouble(context, remittance, claim, Rejected("patient_unclear", reason, remedy))
            continue
        reason = (
            f"the patient who owes a share of claim {called(claim)} {told} is not known: it stays open at the payer"
        )
        remedy = (
            "Have the scheduling system send the patient, or name the visit's patient in the file; then "
            f"{again}. Or move the share by hand in {ledger} and discard this."
        )
        yield _trouble(context, remittance, claim, Rejected("patient_unknown", reason, remedy))
    for claim in posted.unusual:
        status = claims[claim].status if is_code(claims[claim].status) else "none of X12's"
        reason = f"claim {called(claim)} {told} has the status {status} (CLP02), under which only money is booked"
        remedy = (
            "Status 23 says that it isn't this payer's claim, 25 that it is a predetermination: neither changes what "
            f"is owed. Ask the payer what any other means. Do in {ledger} what follows, then discard this."
        )
        yield _trouble(context, remittance, claim, Rejected("claim_status", reason, remedy))
    for claim in posted.unbalanced:
        reason = f"claim {called(claim)} {told} does not add up ({claims[claim].misfit}): only its money is booked"
        remedy = (
            "Ask the payer, or whoever translated it, what was meant. A correction comes as a reversal of this claim "
            f"and a new one. Or book in {ledger} what was adjusted away, and discard this."
        )
        yield _trouble(context, remittance, claim, Rejected("claim_unbalanced", reason, remedy))
    for claim, code in posted.unmapped:
        shown = f" {code}" if is_code(code) else ", which is no code,"
        reason = (
            f"claim {called(claim)} {told} adjusts for a reason{shown} that has no account: only its money is booked"
        )
        remedy = (
            "Add the reason, or its group, to `ledger.adjustments` in the catalogue, run `suture prepare`, then "
            f"{again}."
        )
        yield _trouble(context, remittance, claim, Rejected("adjustment_unmapped", reason, remedy))


def _of_unapplied(left: OpenClaim, claim: str, ledger: str, again: str) -> tuple[str, str]:
    """What of a claim is open, in words, and what a person does."""
    if left.debit:
        return (
            f"{claim} takes back {left.debit}, and nothing that stands in {ledger} is sure to be what it means",
            f"Find what it takes back. If that comes later: once it is there, {again}. Else match it in {ledger} with "
            "the payment that it means, or ask the payer; then discard this.",
        )
    if left.credit:
        return (
            f"{left.credit} that was paid for {claim} found nothing open in {ledger}, and stands to the payer's credit",
            f"Where its invoice, or the reversal of an earlier claim, is still to come: once it is there, {again}. "
            f"Else find what it pays and reconcile it in {ledger}, or refund it to the payer; then discard this.",
        )
    if left.over:
        return (
            f"{claim} leaves {left.over} over to whoever had paid more than the own part",
            f"Refund it, or reconcile it in {ledger} with what that one still owes; then discard this.",
        )
    return (
        f"too little is open in {ledger} for all that {claim} says beyond its money: that much is not booked",
        f"Where its invoice, or the reversal of an earlier claim, is still to come: once it is there, {again}. Else "
        f"look in {ledger} who paid or wrote off the rest, and decide what is right; then discard this.",
    )


class _Called:
    """What a claim is called where people read of it: its number where that is one word, else its place in the file.
    Anything else in its place could be a name."""

    def __init__(self, remittance: Remittance) -> None:
        self._places = {claim.claim: place for place, claim in reversed(list(enumerate(remittance.claims, 1)))}

    def __call__(self, claim: str) -> str:
        return claim if is_code(claim) else f"no. {self._places[claim]}"


def _trouble(context: CommandContext, remittance: Remittance, claim: str, failure: Rejected) -> Trouble:
    return Trouble(
        code=failure.code,
        outcome=failure.outcome,
        reason=failure.message,
        remedy=failure.remedy,
        owner=context.catalogue.system_of("ledger")[1].owner,
        process=_process(remittance, claim and _Called(remittance)(claim)),
        step=failure.code,
        subject=f"Remittance/{remittance.number}",
        sla=timedelta(days=1),
    )
