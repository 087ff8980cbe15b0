"""What people do to the ledger: have a record written again, book a remittance; audited, and told where it matters."""

from collections.abc import AsyncIterator

import pytest

from suture.access.roles import ADMINISTRATOR
from suture.canonical.records import Patient, Payer
from suture.catalogue import Catalogue
from suture.connectors.odoo import OdooLedger
from suture.connectors.port import RemittanceProgress
from suture.connectors.testing.orders import PAYER, PLAN, a_claim, a_remittance, billed_to_payer, open_of, usd
from suture.core.clock import SystemClock
from suture.operate import ledger as operate
from suture.operate.actor import Actor
from suture.operate.desk import Desk
from suture.processes.definitions import ROUTES
from suture.simulators.odoo import create_app
from suture.simulators.serving import serving
from suture.store import audit, exceptions
from suture.store.database import Database
from suture.store.parties import Parties
from suture.store.recorder import Recorder
from suture.store.vault import Vault

ADA = Actor("ada", "as agreed", (ADMINISTRATOR,))
TOLD = Payer(reference=PAYER.reference, name=PAYER.name)


@pytest.fixture
def desk(database: Database, vault: Vault, catalogue: Catalogue) -> Desk:
    return Desk(database=database, vault=vault, recorder=Recorder(ROUTES), catalogue=catalogue, clock=SystemClock())


@pytest.fixture
async def ledger() -> AsyncIterator[OdooLedger]:
    async with serving(create_app(version=19, api_keys={"key": "bot"})) as url:
        ledger = OdooLedger.connect(
            name="odoo", url=url, database="suture", api_key="key", organisation="conformance", plan=PLAN
        )
        await ledger.prepare(PLAN)
        yield ledger
        await ledger.close()


async def billed(ledger: OdooLedger, *keys: str) -> None:
    for key in keys:
        await ledger.draft_invoice(billed_to_payer(key))
        await ledger.post_invoice(key, usd("200.00"))


async def acts(desk: Desk) -> list[tuple[str, str, str]]:
    async with desk.database.connection() as connection:
        return [(entry.actor, entry.action, entry.subject) for entry in await audit.newest(connection)]


async def test_a_remittance_is_booked_with_the_patients_that_we_know(desk: Desk, ledger: OdooLedger) -> None:
    await billed(ledger, "A1", "A2")
    known = Patient(reference="Patient/A1", identifiers=(), family="Quillfeather", given="Zebedee")
    async with desk.database.transaction() as connection:
        await Parties(desk.database, desk.vault).put(connection, [(known, desk.clock.now())], desk.clock.now())
    progress: list[RemittanceProgress] = []
    remittance = a_remittance("R1", a_claim("A1"), a_claim("A2"))
    posted = await operate.book_remittance(desk, ADA, ledger, remittance, TOLD, progress=progress.append)
    assert (posted.claims, posted.unapplied, progress[-1].claims) == (2, (), 2)
    assert await open_of(ledger, "Patient/A1") == 30
    assert await open_of(ledger, PAYER.reference) == 30  # of A2, whose patient nobody told us of
    assert await acts(desk) == [("ada", "remittance.book", "Remittance/R1-era")]


async def test_a_claim_that_finds_nothing_open_waits_for_a_person(desk: Desk, ledger: OdooLedger) -> None:
    await billed(ledger, "A1")
    lost = a_claim("lost", patient="0.00", **{"CO-45": "80.00"})
    for _ in range(2):
        await operate.book_remittance(
            desk, ADA, ledger, a_remittance("R1", a_claim("A1"), lost), TOLD, progress=lambda _: None
        )
    async with desk.database.connection() as connection:
        (trouble,) = await exceptions.open_exceptions(connection)
    assert (trouble.code, trouble.subject, "lost-claim" in trouble.reason) == (
        "claim_unapplied",
        "Remittance/R1-era",
        True,
    )
    assert trouble.remedy
