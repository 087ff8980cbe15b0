"""The ledger's commands as a person in finance runs them: what they say, and what comes of it in Odoo."""

import json
import os
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from tests.commands import arun

from suture.bootstrap.composition import ledger_plan
from suture.canonical.records import PricedLine
from suture.catalogue import parse
from suture.catalogue.write import tailored
from suture.codecs.remittance import EXAMPLE
from suture.connectors.odoo.ledger import OdooLedger
from suture_lab.conformance.orders import an_invoice, billed_to_payer, open_of, usd
from suture_lab.simulators.odoo import create_app
from suture_lab.simulators.serving import serving

SECRETS = {"SUTURE_ODOO_API_KEY": "key", "SUTURE_MASTER_KEY": "00" * 32}
"""No other system's: these commands speak to the ledger alone."""


class Desk:
    """A folder with a catalogue, a simulated Odoo that it names, and the command line."""

    def __init__(self, folder: Path, url: str, database_url: str) -> None:
        text = tailored({"systems": {"odoo": {"url": url}}})
        (folder / "catalogue.yaml").write_text(text, encoding="utf-8")
        self.folder = folder
        self.plan = ledger_plan(parse(text, "catalogue.yaml"))
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SUTURE_")}
        self.environment = {**clean, **SECRETS, "SUTURE_DATABASE_URL": database_url, "COLUMNS": "200"}
        self.ledger = OdooLedger.connect(
            name="odoo",
            url=url,
            database="suture",
            api_key="key",
            login="suture-bot",
            organisation="harbour-clinics",
            plan=self.plan,
        )

    async def run(self, *arguments: str) -> tuple[int, str]:
        status, said = await arun(self.folder, self.environment, *arguments, seconds=90)
        assert "Traceback" not in said, said
        return status, " ".join(said.split())

    async def billed(self, appointment: str) -> None:
        """An invoice of 200.00 to the example's payer."""
        line = PricedLine(service="OV-EST", quantity=Decimal(1), unit_price=Decimal("200.00"))
        payer = msgspec.structs.replace(
            an_invoice(appointment).partner, reference="Payer/P1", name="Harbour Mutual", is_company=True, role="payer"
        )
        order = msgspec.structs.replace(
            billed_to_payer(appointment), partner=payer, facility="MAIN", lines=(line,), invoice_date=date(2026, 3, 2)
        )
        await self.ledger.draft_invoice(order)
        await self.ledger.post_invoice(appointment, usd("200.00"))


@pytest.fixture
async def desk(folder: Path, database_url: str) -> AsyncIterator[Desk]:
    async with serving(create_app(version=19, api_keys={"key": "suture-bot"})) as url:
        desk = Desk(folder, url, database_url)
        yield desk
        await desk.ledger.close()


async def test_a_remittance_is_booked_told_and_booked_once(desk: Desk) -> None:
    status, said = await desk.run("prepare", "--yes")
    assert (status, "account 400100: Contractual adjustments" in said) == (0, True)
    assert (await desk.run("prepare", "--yes"))[1].endswith("Everything stood already.")
    await desk.billed("A-4711")
    status, said = await desk.run("remittance", "--example")
    assert (status, json.loads(said)["payer"]["name"]) == (0, "Harbour Mutual")
    told = json.loads(EXAMPLE) | {"received_on": "2026-03-02"}
    (desk.folder / "era.json").write_text(json.dumps(told), encoding="utf-8")
    for _ in range(2):
        status, said = await desk.run("remittance", "era.json", "--reason", "weekly run")
        assert (status, "TRN-2026-1107: 95.00 USD for 1 claim in 1 entry (BNK1/2026/" in said) == (1, True), said
        assert "1 claim left at the payer: its patient is not known" in said
    assert await open_of(desk.ledger, "Payer/P1") == 30  # nobody told of the patient, whose share it is
    status, said = await desk.run("audit")
    assert said.count("remittance.book") == 2


async def test_a_claim_without_an_invoice_ends_in_words_and_an_exception(desk: Desk) -> None:
    await desk.run("prepare", "--yes")
    (desk.folder / "era.json").write_bytes(EXAMPLE.replace(b"2026-11-20", b"2026-03-02"))
    status, said = await desk.run("remittance", "era.json")
    assert (status, "1 claim not settled as it stands" in said) == (1, True), said
    assert "claim_unapplied" in (await desk.run("exceptions", "list"))[1]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (b"{}", "not a remittance"),
        (EXAMPLE.replace(b'"120.00"', b'"120.005"'), "$.claims[0].paid has more decimals than USD"),
        (EXAMPLE.replace(b'"95.00"', b'"Infinity"'), "$.deposit is not an amount"),
        (EXAMPLE.replace(b'"USD"', b'"EUR"'), "is in EUR, where USD is kept"),
        (EXAMPLE.replace(b'"95.00"', b'"96.00"'), "does not add up"),
    ],
    ids=["unreadable", "half_cents", "infinite", "currency", "unbalanced"],
)
async def test_what_can_not_be_booked_is_said_briefly_with_what_to_do(desk: Desk, document: bytes, words: str) -> None:
    await desk.run("prepare", "--yes")
    (desk.folder / "era.json").write_bytes(document)
    status, said = await desk.run("remittance", "era.json")
    assert (status, words in said) == (2, True), said


@pytest.mark.parametrize(
    ("was", "now", "code"),
    [(b'"CO"', b'"XX"', "adjustment_unmapped"), (b'"50.00"', b'"51.00"', "claim_unbalanced")],
)
async def test_of_a_claim_that_can_not_be_explained_the_money_is_booked(
    desk: Desk, was: bytes, now: bytes, code: str
) -> None:
    await desk.run("prepare", "--yes")
    (desk.folder / "era.json").write_bytes(EXAMPLE.replace(b"2026-11-20", b"2026-03-02").replace(was, now))
    status, said = await desk.run("remittance", "era.json")
    assert (status, f"suture exceptions list --code {code}" in said) == (1, True), said


async def test_nothing_is_prepared_unasked_where_nobody_can_be_asked(desk: Desk) -> None:
    status, said = await desk.run("prepare")
    assert (status, "say --yes" in said) == (2, True), said


@pytest.mark.parametrize("name", ["rewrite", "forget"])
async def test_what_was_never_written_can_not_be_written_again(desk: Desk, name: str) -> None:
    status, said = await desk.run("odoo", name, "suture.invoice_A1", "--reason", "deleted by mistake")
    assert (status, "no record suture.invoice_A1 was written" in said) == (2, True), said
