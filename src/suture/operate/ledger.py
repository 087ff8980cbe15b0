"""What people may do to what Suture knows of the ledger: have a record written again, book a remittance."""

from collections.abc import Callable
from datetime import timedelta

from suture.canonical.records import Patient, Payer
from suture.canonical.remittance import Remittance
from suture.connectors.port import Ledger, LedgerPartner, PostedRemittance, RemittanceProgress
from suture.core.failure import Rejected
from suture.operate.actor import Actor, NotPossible
from suture.operate.desk import Desk
from suture.store.crosswalk import Crosswalk
from suture.store.exceptions import Trouble
from suture.store.parties import Parties


async def forget(desk: Desk, actor: Actor, name: str) -> None:
    """Know nothing of a record in the ledger any more: one that was deleted there is then written again when its work
    is retried, and what a person changed in a contact is written over. Raises `NotPossible` where none is known."""
    system, _ = desk.catalogue.system_of_kind("odoo")
    crosswalk = Crosswalk(desk.database, desk.vault, system, desk.clock)
    if name not in await crosswalk.recall([name]):
        raise NotPossible(f"no record {name} was written; the exception that says it is gone names it in full")
    async with desk.database.transaction() as connection:
        await actor.sign(connection, desk, "ledger.forget", f"Record/{name}")
    await crosswalk.forget(name)


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
