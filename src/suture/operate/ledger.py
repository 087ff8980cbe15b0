"""What people may do to what Suture knows of the ledger: have a record written again, book a remittance."""

import re
from collections.abc import Callable
from datetime import timedelta

from suture.canonical.records import Patient, Payer
from suture.canonical.remittance import Remittance
from suture.connectors.port import Ledger, LedgerPartner, PostedRemittance, RemittanceProgress
from suture.core.failure import Rejected
from suture.operate import steering
from suture.operate.actor import Actor, NotPossible
from suture.operate.desk import Desk
from suture.operate.repairs import REDO, Bench
from suture.store import exceptions
from suture.store.crosswalk import Crosswalk
from suture.store.exceptions import OpenException, Selection, Trouble
from suture.store.parties import Parties

DELETED = "deleted_in_odoo"
_NAMED = re.compile(r"\[(\S+)\]$")
"""Where such an exception's reason names the record."""
_BY_DOCUMENT = {plan.document: plan for plan in REDO.values() if plan.document}


async def write_again(bench: Bench, actor: Actor, told: int | str) -> str:
    """Have a record written again that somebody deleted in the ledger, named by its exception or by our own name of it;
    answers, in words, what follows. Nothing of it is known any more, so a contact is written over as well. Raises
    `NotPossible` where none is known."""
    desk = bench.desk
    system, _ = desk.catalogue.system_of_kind("odoo")
    crosswalk = Crosswalk(desk.database, desk.vault, system, desk.clock)
    name = told if isinstance(told, str) else await _named(desk, told)
    known = (await crosswalk.recall([name])).get(name)
    if known is None:
        raise NotPossible(f"no record {name} was written; the exception that says it is gone names it in full")
    async with desk.database.transaction() as connection:
        await actor.sign(connection, desk, "ledger.forget", f"Record/{name}")
    await crosswalk.forget(name)
    about = await _deletions_of(desk, name)
    words = await _redone(bench, actor, name, known.key, [one.process for one in about if one.process])
    async with desk.database.transaction() as connection:
        now = desk.clock.now()
        deliveries = [one.delivery for one in about if one.delivery is not None]
        closed = await exceptions.resolve_deliveries(connection, deliveries, now, actor.name)
        await desk.recorder.tell_closed(connection, closed, now)
    return words


async def _named(desk: Desk, number: int) -> str:
    async with desk.database.connection() as connection:
        found = await exceptions.select(connection, Selection(numbers=(number,), state=""), 1)
    if not found:
        raise NotPossible(f"there is no exception {number}; `suture exceptions list` shows what there is")
    named = _NAMED.search(found[0].reason) if found[0].code == DELETED else None
    if named is None:
        raise NotPossible(f"exception {number} ({found[0].code}) is not about a record that was deleted")
    return named[1]


async def _deletions_of(desk: Desk, name: str) -> list[OpenException]:
    """The open exceptions that say that this very record is gone."""
    async with desk.database.connection() as connection:
        found = await exceptions.select(connection, Selection(code=DELETED), 10_000)
    return [one for one in found if f"[{name}]" in one.reason]


async def _redone(bench: Bench, actor: Actor, name: str, key: str, stopped: list[str]) -> str:
    """Have the process that writes a document write it anew, and those go on that stopped for want of the record."""
    document = bench.ledger.document_of(name)
    if document is not None and key:
        plan = _BY_DOCUMENT[document]
        process = f"{plan.definition}:{key}"
        steered = await steering.redo(bench.desk, actor, process, plan.steps)
        if steered.refused:
            raise NotPossible(f"{name} is forgotten, but {process} can't write it again: {steered.refused[0][1]}")
        return f"{name} is forgotten: {process} writes it again"
    if stopped:
        steered = await steering.resume(bench.desk, actor, stopped)
        return f"{name} is forgotten: {', '.join(steered.done)} writes it again"
    return f"{name} is forgotten: it is written again with the next document that needs it"


async def book_remittance(
    desk: Desk,
    actor: Actor,
    ledger: Ledger,
    remittance: Remittance,
    payer: Payer,
    *,
    progress: Callable[[RemittanceProgress], None],
) -> PostedRemittance:
    """Book a payer's deposit and all it says. The same remittance again goes on where it stopped, and changes nothing
    once it is whole. A claim of which something found nothing to settle becomes an exception."""
    async with desk.database.transaction() as connection:
        detail = {"claims": len(remittance.claims), "deposit": str(remittance.deposit)}
        await actor.sign(connection, desk, "remittance.book", f"Remittance/{remittance.number}", detail)
    partners = [LedgerPartner(reference=payer.reference, name=payer.name, is_company=True)]
    partners += await _patients(desk, remittance)
    posted = await ledger.post_remittance(remittance, partners, progress)
    await _tell(desk, remittance, posted)
    return posted


async def _patients(desk: Desk, remittance: Remittance) -> list[LedgerPartner]:
    """The patients who owe a share, as far as a system has told us of them."""
    parties = Parties(desk.database, desk.vault)
    owing = {claim.patient for claim in remittance.claims if claim.patient and claim.patient_responsibility}
    found = [await parties.get(reference) for reference in sorted(owing)]
    return [LedgerPartner.of_patient(patient) for patient in found if isinstance(patient, Patient)]


async def _tell(desk: Desk, remittance: Remittance, posted: PostedRemittance) -> None:
    owner = desk.catalogue.system_of_kind("odoo")[1].owner
    troubles = [unapplied(remittance, claim, owner) for claim in posted.unapplied]
    async with desk.database.transaction() as connection:
        for trouble in troubles:
            await desk.recorder.open_exception(connection, trouble, desk.clock.now())


def unapplied(remittance: Remittance, claim: str, owner: str) -> Trouble:
    """Something of a claim found nothing open: its invoice is not there, or was settled before."""
    return Trouble(
        code="claim_unapplied",
        outcome=Rejected.outcome,
        reason=f"something of claim {claim} in remittance {remittance.number} found nothing open in Odoo",
        remedy=(
            "It stands to the payer's credit. Find what it pays and reconcile it in Odoo, or refund it; then discard "
            "this with --leave."
        ),
        owner=owner,
        process=f"remittance:{remittance.number}",
        step=claim,
        subject=f"Remittance/{remittance.number}",
        sla=timedelta(days=1),
    )
