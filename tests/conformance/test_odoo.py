"""The ledger's conformance suite on simulated Odoo 17 and 19, and on a real server where one is named.

SUTURE_TEST_ODOO_URL, _DB, _API_KEY and, for JSON-RPC, _LOGIN and _TRANSPORT name it; `make conformance` sets them.
"""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from suture.canonical.records import Component, JournalFact, PricedLine
from suture.canonical.remittance import ClaimPayment, Remittance
from suture.connectors.http import HttpClient
from suture.connectors.odoo.ledger import OdooLedger
from suture.connectors.odoo.records.crosswalk import Memory
from suture.connectors.odoo.records.external_ids import Finder
from suture.connectors.odoo.records.names import external_id
from suture.connectors.odoo.remittances import posting
from suture.connectors.odoo.transport.client import Json2, JsonRpc, Odoo, Row, server_version
from suture.connectors.port import (
    Ledger,
    LedgerPartner,
    LedgerPlan,
    PlannedFacility,
    PlannedProduct,
    RemittanceProgress,
    StockOrder,
    TransferOrder,
    WriteOffOrder,
)
from suture.core.failure import Failure, Fatal, Rejected, Unknown
from suture.core.money import Money
from suture_lab.conformance import LedgerConformance
from suture_lab.conformance.orders import (
    DAY,
    LATER,
    OTHER_PAYER,
    PAID,
    PAYER,
    PLAN,
    VACCINE,
    VISIT,
    a_claim,
    a_kit,
    a_payment,
    a_remittance,
    a_reversal,
    an_accrual,
    an_invoice,
    billed_to_payer,
    facts_of,
    failure_of,
    open_for,
    patients,
    posted_invoice,
    settled,
    usd,
    whole_visit,
)
from suture_lab.conformance.receivables import a_correction
from suture_lab.simulators.odoo import create_app
from suture_lab.simulators.serving import serving

KEY, LOGIN = "simulated-key", "suture-bot"
WEST = "West Clinic"


@dataclass(frozen=True)
class Target:
    """An Odoo to talk to. `version` is the simulated one's."""

    transport: str | None
    version: int = 0
    url: str = ""
    database: str = "suture"
    api_key: str = KEY
    login: str | None = LOGIN
    connects: bool = False


SIMULATED = {
    "sim19-json2": Target("json2", 19),
    "sim19-jsonrpc": Target("jsonrpc", 19),
    "sim17-jsonrpc": Target("jsonrpc", 17),
    "sim19-connect": Target("json2", 19, connects=True),
}


def real_server() -> dict[str, Target]:
    named = {name: os.environ.get(f"SUTURE_TEST_ODOO_{name}", "") for name in ("URL", "DB", "API_KEY", "LOGIN")}
    if not named["URL"]:
        return {}
    transport = os.environ.get("SUTURE_TEST_ODOO_TRANSPORT") or None
    target = Target(
        transport, url=named["URL"], database=named["DB"], api_key=named["API_KEY"], login=named["LOGIN"] or None
    )
    return {"real": target}


TARGETS = {**SIMULATED, **real_server()}


def simulated_odoo(chosen: Target, **told: Any) -> ASGIApp:
    return create_app(
        database=chosen.database,
        version=chosen.version,
        api_keys={KEY: LOGIN},
        companies=("My Company", WEST),
        connects=chosen.connects,
        **told,
    )


@pytest.fixture(params=TARGETS, ids=str)
async def target(request: pytest.FixtureRequest) -> AsyncIterator[Target]:
    chosen = TARGETS[request.param]
    if chosen.url:
        yield chosen
        return
    async with serving(simulated_odoo(chosen)) as url:
        yield Target(chosen.transport, chosen.version, url)


@pytest.fixture
def crosswalk() -> Memory:
    """What the workers of a platform remember together."""
    return Memory()


@pytest.fixture
def connect(target: Target, crosswalk: Memory) -> Callable[..., Ledger]:
    return lambda plan=PLAN: OdooLedger.connect(
        name="odoo",
        url=target.url,
        database=target.database,
        api_key=target.api_key,
        login=target.login,
        transport=target.transport,
        organisation="conformance",
        plan=plan,
        crosswalk=crosswalk,
    )


@pytest.fixture
async def odoo(target: Target) -> AsyncIterator[Odoo]:
    """A second pair of hands in the same database: a person, or another integration."""
    async with HttpClient("odoo", target.url, headers={}) as http:
        _, major = await server_version(http)
        if target.transport == "json2" or (target.transport is None and major >= 19):
            yield Odoo(Json2(http, target.database, target.api_key), major, 1)
        else:
            yield Odoo(JsonRpc(http, target.database, target.login or "", target.api_key), major, 1)


async def booked_as_before(odoo: Odoo, ledger: Ledger, told: Remittance, partners: list[LedgerPartner]) -> str:
    """A remittance as an older Suture booked it; answers its number in Odoo."""
    people = {partner.reference: (await ledger.register(partner)).partner for partner in partners}
    codes = [["code", "in", ["101403", "400910", "121000"]]]
    accounts = {row["code"]: row["id"] for row in await odoo.search("account.account", codes, ["code"])}
    journal = (await odoo.search("account.journal", [["type", "=", "bank"]], ["id"], limit=1))[0]["id"]
    name, receivable = external_id("remittance", told.number), accounts["121000"]
    payer = people[told.payer]
    lines = [(accounts["101403"], payer, "Remittance", told.deposit.amount)]
    for claim in told.claims:
        share = claim.patient_responsibility.amount
        lines.append((receivable, payer, f"Claim {claim.claim}", -claim.settled.amount))
        lines.append((receivable, people[claim.patient or ""], f"Claim {claim.claim}, patient's share", share))
    adjusted = sum((a.amount.amount for claim in told.claims for a in claim.own_adjustments), Decimal(0))
    lines.append((accounts["400910"], "", "Adjustments CO-45", adjusted))
    head = ["id", "move_type", "ref", "invoice_origin", "date", "journal_id/.id"]
    own = [name, "entry", told.number, "Suture remittance (conformance)", told.received_on.isoformat(), journal]
    columns = ["id", "account_id/.id", "partner_id/.id", "name", "amount_currency"]
    rows = [
        [*(own if n == 1 else [""] * len(own)), f"{name}_{n}", account, partner, label, str(amount)]
        for n, (account, partner, label, amount) in enumerate(lines, 1)
    ]
    (entry,) = await odoo.upsert("account.move", [*head, *(f"line_ids/{column}" for column in columns)], rows)
    await odoo.do("account.move", "action_post", [entry])
    for claim in told.claims:
        (invoice,) = await odoo.search(
            "account.move", [["ref", "=", claim.appointment], ["move_type", "=", "out_invoice"]], ["id"]
        )
        both = [["move_id", "=", entry], ["name", "=", f"Claim {claim.claim}"]]
        billed = [["move_id", "=", invoice["id"]], ["account_type", "=", "asset_receivable"]]
        found = [(await odoo.search("account.move.line", domain, ["id"]))[0]["id"] for domain in (both, billed)]
        await odoo.do("account.move.line", "reconcile", found)
    return str((await odoo.read("account.move", [entry], ["name"]))[entry]["name"])


class TestOdoo(LedgerConformance):
    @pytest.fixture(autouse=True)
    def small_parts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A remittance of a few claims is large enough to come in parts."""
        monkeypatch.setattr(posting, "PART", 3)

    async def test_an_invoice_is_analytic_taxless_and_says_no_more_than_it_must(
        self, ledger: Ledger, odoo: Odoo, key: str
    ) -> None:
        drafted = await ledger.draft_invoice(an_invoice(key))
        fields = ["name", "tax_ids", "analytic_distribution", "quantity", "price_unit"]
        domain = [["move_id", "=", drafted.invoice], ["display_type", "=", "product"]]
        lines = await odoo.search("account.move.line", domain, fields)
        about = f"\nNorth (conformance), Dr Test, {DAY}"
        assert [line["name"] for line in lines] == [f"Visit, 30 minutes{about}", f"Laboratory panel{about}"]
        assert [line["tax_ids"] for line in lines] == [[], []]
        (distribution,) = {str(line["analytic_distribution"]) for line in lines}
        assert distribution.count(",") == 1
        assert "100" in distribution

    async def test_writes_the_state_of_a_country_that_has_it(self, ledger: OdooLedger, odoo: Odoo, key: str) -> None:
        told = LedgerPartner(reference=f"Patient/{key}", name="N", is_company=False, role="patient", country="US")
        for state, code in (("NY", "NY"), ("Maine", "ME"), ("ON", ""), (None, "")):
            stood = await ledger.register(msgspec.structs.replace(told, state=state))
            assert stood.discrepancy is None
            (row,) = await odoo.search("res.partner", [["id", "=", stood.partner]], ["state_id", "country_id"])
            states = await odoo.search("res.country.state", [["id", "=", row["state_id"]]], ["code", "country_id"])
            assert [one["code"] for one in states] == ([code] if code else [])
            assert all(one["country_id"] == row["country_id"] for one in states)

    async def test_an_invoice_is_due_by_its_partners_terms_or_the_catalogues(
        self, ledger: Ledger, connect: Callable[..., Ledger], odoo: Odoo, key: str
    ) -> None:
        worker = connect(msgspec.structs.replace(PLAN, payment_term_days=20))
        agreed = (await worker.register(an_invoice(f"{key}-2").partner)).partner
        lines = [f"line_ids/{name}" for name in ("id", "value", "value_amount", "nb_days")]
        term = [f"stranger.{key}term", "45 days", f"stranger.{key}term_1", "Percent", "100", "45"]
        (made,) = await odoo.upsert("account.payment.term", ["id", "name", *lines], [term])
        await odoo.do("res.partner", "write", [agreed], vals={"property_payment_term_id": made})
        drafted = [await worker.draft_invoice(an_invoice(one)) for one in (key, f"{key}-2")]
        await worker.close()
        due = await odoo.read("account.move", [one.invoice for one in drafted], ["invoice_date_due"])
        assert [due[one.invoice]["invoice_date_due"] for one in drafted] == [
            (DAY + timedelta(days=days)).isoformat() for days in (20, 45)
        ]

    async def test_compensation_is_owed_to_the_practitioner(self, ledger: Ledger, odoo: Odoo, key: str) -> None:
        await ledger.accrue_compensation(an_accrual(key))
        (entry,) = await odoo.search("account.move", [["ref", "=", key]], ["id"])
        lines = await odoo.search("account.move.line", [["move_id", "=", entry["id"]]], ["partner_id", "name"])
        (partner,) = {line["partner_id"] for line in lines}
        person = (await odoo.read("res.partner", [partner], ["ref", "name"]))[partner]
        assert (person["ref"], person["name"]) == (an_accrual(key).practitioner, "Dr Test")
        assert {line["name"] for line in lines} == {f"Compensation, appointment {key}"}

    async def test_a_payments_lines_name_what_they_pay_and_no_mark_of_ours_stays(
        self, ledger: Ledger, odoo: Odoo, key: str
    ) -> None:
        await ledger.draft_invoice(billed_to_payer(key))
        number = (await ledger.post_invoice(key, usd("200.00"))).number
        await ledger.apply_payment(a_payment(key, "200.00"))
        await ledger.apply_payment(a_payment(key, "50.00", number=2), keep_credit=True)
        entries = await odoo.search("account.move", [["ref", "like", f"{key}-p"]], ["id"])
        domain = [["move_id", "in", [entry["id"] for entry in entries]]]
        lines = await odoo.search("account.move.line", domain, ["name", "matching_number"])
        assert {line["name"] for line in lines} == {f"Payment of {number}, appointment {key}"}
        assert not [line for line in lines if str(line["matching_number"] or "").startswith("I")]

    async def test_a_new_product_has_no_tax_of_another_company(
        self, ledger: Ledger, connect: Callable[..., Ledger], odoo: Odoo, key: str
    ) -> None:
        product = PlannedProduct(code=f"{key}-product", name="New (conformance)")
        worker = connect(plan := msgspec.structs.replace(PLAN, products=(*PLAN.products, product)))
        await worker.prepare(plan)
        await worker.close()
        domain = [["default_code", "=", product.code]]
        (row,) = await odoo.search_everywhere("product.product", domain, ["taxes_id", "supplier_taxes_id"])
        assert (row["taxes_id"], row["supplier_taxes_id"]) == ([], [])

    async def test_a_partner_follows_its_source(self, ledger: Ledger, odoo: Odoo, key: str) -> None:
        order = an_invoice(key)
        await ledger.draft_invoice(order)
        moved = msgspec.structs.replace(order.partner, city="Birch", street=None)
        await ledger.draft_invoice(msgspec.structs.replace(order, partner=moved))
        (partner,) = await odoo.search("res.partner", [["ref", "=", moved.reference]], ["city", "street"])
        assert partner == {"id": partner["id"], "city": "Birch", "street": False}

    async def test_a_strangers_twin_is_a_second_fact(self, ledger: Ledger, odoo: Odoo, key: str) -> None:
        await posted_invoice(ledger, key)
        (ours,) = await odoo.search("account.move", [["ref", "=", key]], ["partner_id"])
        columns = ["id", "move_type", "ref", "partner_id/.id", "invoice_date"]
        line = ["invoice_line_ids/name", "invoice_line_ids/price_unit", "invoice_line_ids/tax_ids"]
        twin = [f"stranger.{key}", "out_invoice", key, ours["partner_id"], DAY.isoformat(), "Twin", "1.00", ""]
        (made,) = await odoo.upsert("account.move", [*columns, *line], [twin])
        await odoo.do("account.move", "action_post", [made])
        assert [fact.kind for fact in await facts_of(ledger, key)] == ["invoice", "invoice"]

    async def test_a_payment_that_a_person_entered_beside_ours_is_a_twin_and_is_turned(
        self, ledger: Ledger, odoo: Odoo, key: str
    ) -> None:
        await ledger.draft_invoice(billed_to_payer(key))
        await ledger.post_invoice(key, usd("200.00"))
        payment = a_payment(key, "120.00")
        await ledger.apply_payment(payment)
        (ours,) = await odoo.search("account.move", [["ref", "=", payment.payment]], ["name", "journal_id", "date"])
        fields = ["account_id", "partner_id", "debit", "credit"]
        lines = await odoo.search("account.move.line", [["move_id", "=", ours["id"]]], fields)
        head = ["id", "move_type", "ref", "journal_id/.id", "date"]
        columns = [*head, *(f"line_ids/{name}" for name in ("account_id/.id", "partner_id/.id", "debit", "credit"))]
        told = [f"stranger.{key}p", "entry", payment.payment, ours["journal_id"], ours["date"]]
        rows = [
            [
                *(told if not n else [""] * 5),
                line["account_id"],
                line["partner_id"] or "",
                line["debit"],
                line["credit"],
            ]
            for n, line in enumerate(lines)
        ]
        (made,) = await odoo.upsert("account.move", columns, rows)
        await odoo.do("account.move", "action_post", [made])
        twins = [fact async for fact in ledger.facts_of([], [payment.payment]) if fact.kind == "payment"]
        assert len(twins) == 2
        (strange,) = {fact.number for fact in twins} - {ours["name"]}
        turned = await ledger.reverse_twin(payment.payment, strange, DAY)
        assert turned.amount == usd("120.00")
        assert await ledger.reverse_twin(payment.payment, strange, DAY) == turned
        standing = [
            fact
            for fact in [fact async for fact in ledger.facts_of([], [payment.payment])]
            if fact.kind == "payment" and fact.state == "posted"
        ]
        assert [fact.number for fact in standing] == [ours["name"]]
        assert (await ledger.apply_payment(payment)).residual == usd("80.00")

    async def test_a_renamed_supplier_is_told_until_somebody_adopts_it(
        self, ledger: Ledger, odoo: Odoo, key: str
    ) -> None:
        supplier = LedgerPartner(reference=f"Supplier/{key}", name="Gauze Ltd", is_company=True, role="supplier")
        stood = await ledger.register(supplier)
        await odoo.do("res.partner", "write", [stood.partner], vals={"name": "Gauze & Sons"})
        await ledger.register(supplier)  # what we were told is not what stands there
        found = {record.reference: record async for record in ledger.master_data()}
        assert (found[supplier.reference].state, found[supplier.reference].fields) == ("changed", ("name",))
        adopted = await ledger.adopt(supplier.reference)
        assert adopted is not None
        assert adopted.fields == ("name",)
        again = {record.reference: record async for record in ledger.master_data()}
        assert again[supplier.reference].state == "same"

    async def test_what_a_person_deleted_is_not_written_again_unless_somebody_says_so(
        self, ledger: Ledger, connect: Callable[[], Ledger], odoo: Odoo, crosswalk: Memory, key: str
    ) -> None:
        first = await ledger.draft_invoice(an_invoice(key))
        await odoo.do("account.move", "unlink", [first.invoice])
        other = connect()
        failures = [
            await failure_of(ledger.draft_invoice(an_invoice(key))),
            await failure_of(other.draft_invoice(an_invoice(key))),
        ]
        await other.close()
        assert [failure.code for failure in failures] == ["deleted_in_odoo"] * 2
        assert await odoo.search("account.move", [["ref", "=", key]], ["id"]) == []
        assert await crosswalk.forget(external_id("invoice", key))
        second = await ledger.draft_invoice(an_invoice(key))
        assert second.invoice != first.invoice
        assert (await ledger.post_invoice(key, usd("200.00"))).invoice == second.invoice

    async def test_our_name_of_a_record_tells_what_document_it_is(self, ledger: Ledger, crosswalk: Memory) -> None:
        names = {
            external_id("invoice", "A1"): "invoice",
            external_id("invoice_patient", "A1"): "invoice",
            external_id("payment", "P-1"): "payment",
            external_id("accrual", "A1"): "accrual",
            external_id("picking", "A1"): "stock_move",
            external_id("partner", "Payer/P1"): None,
        }
        assert {name: ledger.document_of(name) for name in names} == names

    async def test_a_deleted_contact_is_a_discrepancy(
        self, ledger: Ledger, connect: Callable[[], Ledger], odoo: Odoo, crosswalk: Memory, key: str
    ) -> None:
        partner = an_invoice(key).partner
        stood = await ledger.register(partner)
        await odoo.do("res.partner", "unlink", [stood.partner])
        other = connect()
        told = await other.register(partner)
        assert told.discrepancy is not None
        assert (told.partner, told.discrepancy.what) == (0, "deleted")
        assert (await failure_of(other.draft_invoice(an_invoice(key)))).code == "deleted_in_odoo"
        await other.close()
        await crosswalk.forget(external_id("partner", partner.reference))
        third = connect()
        assert (await third.draft_invoice(an_invoice(key))).discrepancies == ()
        await third.close()

    async def test_what_a_person_changed_in_a_contact_stays_and_is_told(
        self, ledger: Ledger, connect: Callable[[], Ledger], odoo: Odoo, key: str
    ) -> None:
        order = an_invoice(key)
        stood = await ledger.register(order.partner)
        await odoo.do("res.partner", "write", [stood.partner], vals={"street": "9 Other Way", "phone": "1"})
        other = connect()
        moved = msgspec.structs.replace(order.partner, city="Birch")
        drafted = await other.draft_invoice(msgspec.structs.replace(order, partner=moved))
        await other.close()
        (discrepancy,) = drafted.discrepancies
        assert (discrepancy.reference, discrepancy.what, discrepancy.fields) == (
            moved.reference,
            "changed",
            ("street",),
        )
        (partner,) = await odoo.search("res.partner", [["id", "=", stood.partner]], ["street", "city"])
        assert (partner["street"], partner["city"]) == ("9 Other Way", "Birch")

    async def test_a_supplier_is_odoos_own_to_change(
        self, ledger: Ledger, connect: Callable[[], Ledger], odoo: Odoo, key: str
    ) -> None:
        supplier = LedgerPartner(reference=f"Supplier/{key}", name="Gauze Ltd", is_company=True, role="supplier")
        stood = await ledger.register(supplier)
        await odoo.do("res.partner", "write", [stood.partner], vals={"name": "Gauze Inc"})
        other = connect()
        assert (await other.register(supplier)).discrepancy is None
        await other.close()
        (row,) = await odoo.search("res.partner", [["id", "=", stood.partner]], ["name", "supplier_rank"])
        assert (row["name"], row["supplier_rank"]) == ("Gauze Inc", 1)

    async def test_a_payer_keeps_its_owners_name_whoever_else_names_it(
        self, ledger: Ledger, connect: Callable[[], Ledger], odoo: Odoo, key: str
    ) -> None:
        payer = LedgerPartner(reference=f"Payer/{key}", name="As Its Owner Says", is_company=True)
        other = connect()
        for one, told in (
            (ledger, msgspec.structs.replace(payer, name="AS ITS OWNR", hearsay=True)),
            (ledger, payer),
            (ledger, msgspec.structs.replace(payer, name="AS ITS OWNR", hearsay=True)),
            (other, msgspec.structs.replace(payer, name="AS ITS OWNER SYS INC", hearsay=True)),
        ):
            assert (await one.register(told)).discrepancy is None
            (found,) = await odoo.search("res.partner", [["ref", "=", payer.reference]], ["name"])
        await other.close()
        assert found["name"] == payer.name

    async def test_a_remittance_of_before_is_known_by_its_number_and_its_payer(
        self, ledger: Ledger, odoo: Odoo, key: str
    ) -> None:
        """What an older Suture booked: the number alone was its key, and adjustments were one sum a reason."""
        keys = [f"{key}{n}" for n in range(2)]
        for one in keys:
            await ledger.draft_invoice(billed_to_payer(one))
            await ledger.post_invoice(one, usd("200.00"))
        told = a_remittance(key, *map(a_claim, keys))
        before = await booked_as_before(odoo, ledger, told, patients(*keys))
        posted = await ledger.post_remittance(told, patients(*keys))
        assert (posted.numbers, posted.unapplied) == ((before,), ())
        for other in (a_remittance(key, a_claim(keys[0])), a_remittance(key, *map(a_claim, keys), kept="1.00")):
            assert (await failure_of(ledger.post_remittance(other, patients(*keys)))).code == "remittance_differs"
        back = a_remittance(key, a_reversal(keys[0]), number="back")
        assert (await ledger.post_remittance(back, patients(*keys))).unapplied == ()
        expected = {PAYER.reference: Decimal(200), f"Patient/{keys[1]}": Decimal(30)}
        assert await open_for(ledger, key) == expected
        theirs = a_remittance(key, a_claim(keys[0], status="2", patient="0.00", **{"CO-45": "80.00"}))
        theirs = msgspec.structs.replace(theirs, payer=OTHER_PAYER.reference)
        assert (await ledger.post_remittance(theirs, patients(*keys))).unapplied == (f"{keys[0]}-claim",)

    async def test_a_remittance_goes_on_where_it_stopped(
        self, ledger: Ledger, connect: Callable[[], Ledger], odoo: Odoo, key: str
    ) -> None:
        keys = [f"{key}-{n}" for n in range(7)]
        for one in keys:
            await ledger.draft_invoice(billed_to_payer(one))
            await ledger.post_invoice(one, usd("200.00"))
        remittance = a_remittance(key, *map(a_claim, keys))

        def stop(progress: RemittanceProgress) -> None:
            if progress.claims:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            await ledger.post_remittance(remittance, patients(*keys), stop)
        other = connect()
        posted = await other.post_remittance(remittance, patients(*keys))
        await other.close()
        assert (posted.claims, posted.unapplied, len(posted.numbers)) == (7, (), 4)
        origin = [["invoice_origin", "=", "Suture remittance (conformance)"], ["ref", "like", f"{key}-era"]]
        entries = await odoo.search("account.move", origin, ["state"])
        assert [entry["state"] for entry in entries] == ["posted"] * 4

    async def test_rounding_differences_are_refused_or_put_on_a_line_of_their_own(
        self, ledger: Ledger, connect: Callable[..., Ledger], odoo: Odoo, key: str
    ) -> None:
        line = PricedLine(service=VISIT, quantity=Decimal(3), unit_price=Decimal("33.335"))
        order = msgspec.structs.replace(an_invoice(key), lines=(line,), total=usd("100.00"))
        assert (await failure_of(ledger.draft_invoice(order))).code == "total_differs"
        plan = msgspec.structs.replace(PLAN, rounding_account="400990")
        lenient = connect(plan)
        await lenient.prepare(plan)
        drafted = await lenient.draft_invoice(order)
        again = await lenient.draft_invoice(order)
        posted = await lenient.post_invoice(key, usd("100.00"))
        await lenient.close()
        assert (drafted.total, again, posted.total) == (usd("100.00"), drafted, usd("100.00"))
        domain = [["move_id", "=", drafted.invoice], ["display_type", "=", "product"]]
        lines = await odoo.search("account.move.line", domain, ["name", "price_subtotal"])
        service, rounding = lines  # 18 keeps more decimals of a price than 17 and 19
        assert (rounding["name"], round(service["price_subtotal"] + rounding["price_subtotal"], 2)) == ("Rounding", 100)

    async def test_lots_are_taken_by_expiry_and_come_back(self, ledger: Ledger, odoo: Odoo, key: str) -> None:
        if "expiration_date" not in await odoo.ask("stock.lot", "fields_get", allfields=["expiration_date"]):
            pytest.skip("this Odoo lacks the module product_expiry: its lots have no expiry to be taken by")
        await stock_up(odoo, key, {"late": ("2031-01-01 00:00:00", 5), "soon": ("2030-01-01 00:00:00", 2)})
        order = StockOrder(
            appointment=key,
            facility="suture-test-north",
            on=DAY,
            components=(
                Component(product=VACCINE, quantity=Decimal(3)),
                Component(product="SUTURE-TEST-GLOVES", quantity=Decimal(1)),
            ),
        )
        first = await ledger.consume_stock(order)
        assert {f"{key}-soon", f"{key}-late"} == set(first.lots)
        assert await ledger.consume_stock(order) == first
        assert await held(odoo, key) == {f"{key}-soon": 0, f"{key}-late": 4}
        assert (await ledger.return_stock(key)).moves == 2
        assert (await ledger.return_stock(key)).moves == 2
        assert await held(odoo, key) == {f"{key}-soon": 2, f"{key}-late": 5}
        await empty(odoo, key)

    async def test_a_lot_is_never_guessed(self, ledger: Ledger, key: str) -> None:
        component = Component(product=VACCINE, quantity=Decimal(100_000))
        order = StockOrder(appointment=key, facility="suture-test-north", on=DAY, components=(component,))
        failure = await failure_of(ledger.consume_stock(order))
        assert (failure.code, bool(failure.remedy)) == ("lots_short", True)

    async def test_what_runs_low_is_read_by_odoos_own_rules(self, ledger: Ledger, odoo: Odoo, key: str) -> None:
        product, place = await ids_of(odoo, ("product.product", "product", "SUTURE-TEST-SYRINGE"), PLACE)
        domain = [["product_id", "=", product], ["location_id", "=", place]]
        if not await odoo.search("stock.warehouse.orderpoint", domain, ["id"]):
            rule = {"product_id": product, "location_id": place, "product_min_qty": 1e6, "product_max_qty": 1e6}
            await create(odoo, "stock.warehouse.orderpoint", {**rule, "company_id": odoo.company})
        (low,) = [one for one in await ledger.running_low() if one.product == "SUTURE-TEST-SYRINGE"]
        assert (low.facility, low.minimum) == ("suture-test-north", Decimal(1_000_000))

    async def test_receipts_are_read_and_returns_are_none(self, ledger: Ledger, odoo: Odoo, key: str) -> None:
        await ledger.consume_stock(a_kit(key))
        await ledger.return_stock(key)
        number = await receive(odoo, key, "SUTURE-TEST-GLOVES", 7)
        found = [receipt async for receipt in ledger.receipts(DAY)]
        assert [(r.number, r.products) for r in found if r.number == number] == [
            (number, {"SUTURE-TEST-GLOVES": Decimal(7)})
        ]
        kept = [receipt.number for receipt in found]
        assert len(kept) == len(set(kept))

    async def test_a_foreign_currency_is_kept_to_the_cent(self, ledger: Ledger, odoo: Odoo, key: str) -> None:
        if not await odoo.search("res.currency", [["name", "=", "EUR"]], ["id"]):
            pytest.skip("EUR is not active on this server (Accounting, Currencies)")
        euros = Money(Decimal("200.00"), "EUR")
        await ledger.draft_invoice(msgspec.structs.replace(an_invoice(key), total=euros))
        assert (await ledger.post_invoice(key, euros)).total == euros
        payment = msgspec.structs.replace(a_payment(key, "200.00"), amount=euros)
        applied = await ledger.apply_payment(payment)
        assert (applied.residual, applied.payment_state in PAID) == (Money(Decimal("0.00"), "EUR"), True)

    async def test_changes_are_what_others_did_and_told_with_our_own_key(
        self, ledger: Ledger, odoo: Odoo, key: str
    ) -> None:
        cursor = (await ledger.changes(None)).cursor
        await posted_invoice(ledger, key)
        await posted_invoice(ledger, f"{key}-2")
        assert await told_of(ledger, cursor, key) == []
        (first,) = await odoo.search("account.move", [["ref", "=", key]], ["id"])
        await odoo.do("account.move", "button_cancel", [first["id"]])
        await odoo.do("account.move", "write", [first["id"]], vals={"ref": "edited"})
        assert await told_of(ledger, cursor, key) == [("cancelled", key, ("state",))]

    async def test_a_deleted_document_is_found_missing(self, ledger: Ledger, odoo: Odoo, key: str) -> None:
        drafted = await ledger.draft_invoice(an_invoice(key))
        cursor = (await ledger.changes(None)).cursor
        await odoo.do("account.move", "unlink", [drafted.invoice])
        assert await told_of(ledger, cursor, key) == [("deleted", key, ())]

    async def test_each_company_has_books_of_its_own(self, ledger: Ledger, odoo: Odoo, key: str) -> None:
        if WEST not in (await odoo.companies()).values():
            pytest.skip(f"this server has no company named {WEST}")
        west = ledger.of_company(WEST)
        services = tuple(p for p in PLAN.products if not p.taxes)
        place = PlannedFacility(code="suture-test-west", name="West (conformance)")
        plan = msgspec.structs.replace(PLAN, products=services, facilities=(place,))
        if not await odoo.search_everywhere("stock.warehouse", [["company_id.name", "=", WEST]], ["id"]):
            pytest.skip(f"this server's company {WEST} has no warehouse")
        await west.prepare(plan)
        assert await west.prepare(plan) == []
        here = {b.account: b.balance for b in await ledger.balances(LATER)}
        await west.draft_invoice(msgspec.structs.replace(an_invoice(key), facility="suture-test-west"))
        await west.post_invoice(key, usd("200.00"))
        assert (await west.apply_payment(a_payment(key, "200.00"))).residual == usd("0.00")
        assert {b.account: b.balance for b in await ledger.balances(LATER)} == here
        assert isinstance(await failure_of(ledger.post_invoice(key, usd("200.00"))), Rejected)
        assert [fact.kind for fact in await facts_of(west, key)] == ["invoice", "payment"]

    async def test_what_stands_on_another_day_than_ordered_is_told_unless_a_person_dated_the_draft(
        self, ledger: Ledger, connect: Callable[[], Ledger], odoo: Odoo, key: str
    ) -> None:
        first = await ledger.accrue_compensation(an_accrual(key))
        (entry,) = [row["id"] for row in await odoo.search("account.move", [["ref", "=", key]], ["name"])]
        await odoo.do("account.move", "button_draft", [entry])
        await redated(odoo, entry, DAY - timedelta(days=40))
        second = await ledger.accrue_compensation(an_accrual(key))
        worker = connect()
        assert await worker.accrue_compensation(an_accrual(key)) == second, "a person's day is followed"
        await odoo.do("account.move", "button_draft", [entry])
        await redated(odoo, entry, DAY - timedelta(days=80))
        await odoo.do("account.move", "action_post", [entry])
        failure = await failure_of(worker.accrue_compensation(an_accrual(key)))
        await worker.close()
        assert (failure.code, f"dated {DAY}" in str(failure)) == ("date_moved", True)
        assert (second.amount, second.number != first.number) == (first.amount, True)

    async def test_a_reference_edited_by_a_person_misleads_nobody(
        self, ledger: Ledger, connect: Callable[[], Ledger], odoo: Odoo, key: str
    ) -> None:
        drafted = await ledger.draft_invoice(an_invoice(key))
        await odoo.do("account.move", "write", [drafted.invoice], vals={"ref": f"{key}-edited"})
        other = connect()
        assert (await other.post_invoice(key, usd("200.00"))).invoice == drafted.invoice
        await other.close()

    async def test_a_payment_clears_the_receivable_through_the_clearing_account(
        self, ledger: Ledger, odoo: Odoo, key: str
    ) -> None:
        await posted_invoice(ledger, key)
        await ledger.apply_payment(a_payment(key, "50.00"))
        (entry,) = await odoo.search("account.move", [["ref", "=", f"{key}-p1"]], ["state"])
        lines = await odoo.search(
            "account.move.line", [["move_id", "=", entry["id"]]], ["debit", "credit", "reconciled"]
        )
        assert [(line["debit"], line["credit"]) for line in lines] == [(50.0, 0.0), (0.0, 50.0)]
        assert lines[1]["reconciled"]

    async def test_a_second_load_adds_no_line(self, ledger: Ledger, odoo: Odoo, key: str) -> None:
        drafted = await ledger.draft_invoice(an_invoice(key))
        name = external_id("invoice", key)
        columns = ["id", "invoice_line_ids/id", "invoice_line_ids/name"]
        await odoo.upsert("account.move", columns, [[name, f"{name}_1", "Changed"]])
        lines = await odoo.search(
            "account.move.line", [["move_id", "=", drafted.invoice], ["display_type", "=", "product"]], ["name"]
        )
        assert [line["name"].partition("\n")[0] for line in lines] == ["Changed", "Laboratory panel"]


async def told_of(ledger: Ledger, cursor: str, key: str) -> list[tuple[str, str, tuple[str, ...]]]:
    """What is told of a test's documents; the search for deleted ones takes turns with the models."""
    told: dict[str, tuple[str, str, tuple[str, ...]]] = {}
    for _ in range(4):
        page = await ledger.changes(cursor)
        told |= {c.version: (c.what, c.reference, c.fields) for c in page.changes if c.reference.startswith(key)}
        cursor = page.cursor
    return sorted(set(told.values()))


async def redated(odoo: Odoo, move: int, day: date) -> None:
    """What a person does to a draft: another day, and no number, which would be of another period."""
    await odoo.do(
        "account.move", "write", [move], vals={"date": day.isoformat(), "name": "/" if odoo.version < 18 else False}
    )


PLACE = ("stock.location", "location", "suture-test-north")


async def ids_of(odoo: Odoo, *named: tuple[str, str, str]) -> list[int]:
    """Ids of records of ours, by model, kind and key."""
    finder = Finder(odoo, Memory())
    return [(await finder.by_name(model, kind, [key]))[key] for model, kind, key in named]


async def create(odoo: Odoo, model: str, values: Row, name: str = "") -> int:
    """One record, made by a person."""
    columns = ["id", *(f"{field}/.id" if field.endswith("_id") else field for field in values)]
    (made,) = await odoo.upsert(model, columns, [[name or f"stranger.{uuid4().hex}", *values.values()]])
    return made


async def stock_up(odoo: Odoo, key: str, lots: dict[str, tuple[str, int]]) -> None:
    """Lots of the vaccine at the facility, with their expiry where this Odoo keeps one."""
    product, place = await ids_of(odoo, ("product.product", "product", VACCINE), PLACE)
    dated = "expiration_date" in await odoo.ask("stock.lot", "fields_get", allfields=["expiration_date"])
    for name, (expires, quantity) in lots.items():
        values = {"name": f"{key}-{name}", "product_id": product, "company_id": odoo.company}
        lot = await create(odoo, "stock.lot", values | ({"expiration_date": expires} if dated else {}))
        await put(odoo, product, place, lot, quantity)


async def put(odoo: Odoo, product: int, place: int, lot: int, quantity: int) -> None:
    """Count what a place holds of a lot."""
    held = [["lot_id", "=", lot], ["location_id", "=", place]]
    quants = await odoo.search("stock.quant", held, ["id"])
    counting = {"inventory_mode": True}
    if quants:
        await odoo.do(
            "stock.quant", "write", [quants[0]["id"]], vals={"inventory_quantity": quantity}, context=counting
        )
        identifier = quants[0]["id"]
    else:
        values = {"product_id": product, "location_id": place, "lot_id": lot, "inventory_quantity": quantity}
        identifier = await create_counted(odoo, values)
    await odoo.do("stock.quant", "action_apply_inventory", [identifier], context=counting)


async def create_counted(odoo: Odoo, values: Row) -> int:
    columns = [f"{field}/.id" if field.endswith("_id") else field for field in values]
    (made,) = await odoo.upsert("stock.quant", columns, [list(values.values())], context={"inventory_mode": True})
    return made


async def held(odoo: Odoo, key: str) -> dict[str, float]:
    """What the facility holds of a test's lots."""
    (place,) = await ids_of(odoo, PLACE)
    lots = {row["id"]: row["name"] for row in await odoo.search("stock.lot", [["name", "like", key]], ["name"])}
    quants = await odoo.search(
        "stock.quant", [["lot_id", "in", list(lots)], ["location_id", "=", place]], ["lot_id", "quantity"]
    )
    return dict.fromkeys(lots.values(), 0) | {lots[row["lot_id"]]: row["quantity"] for row in quants}


async def empty(odoo: Odoo, key: str) -> None:
    """Leave nothing for the next test."""
    product, place = await ids_of(odoo, ("product.product", "product", VACCINE), PLACE)
    for lot in await odoo.search("stock.lot", [["name", "like", key]], ["id"]):
        await put(odoo, product, place, lot["id"], 0)


async def receive(odoo: Odoo, key: str, product: str, quantity: int) -> str:
    """Goods that a supplier delivered, validated by a person; the receipt's number."""
    (identifier,) = await ids_of(odoo, ("product.product", "product", product))
    mine = [["company_id", "=", odoo.company]]
    (house, *_) = await odoo.search("stock.warehouse", mine, ["in_type_id", "lot_stock_id"])
    (vendors, *_) = await odoo.search("stock.location", [["usage", "=", "supplier"]], ["id"])
    route = {"location_id/.id": vendors["id"], "location_dest_id/.id": house["lot_stock_id"]}
    head = {"id": f"stranger.{key}", "picking_type_id/.id": house["in_type_id"], "origin": f"PO {key}", **route}
    move = {"product_id/.id": identifier, "product_uom_qty": quantity, "quantity": quantity, "picked": "1", **route}
    move |= {} if odoo.version >= 19 else {"name": "Receipt"}
    columns = [*head, *(f"move_ids/{column}" for column in move)]
    (made,) = await odoo.upsert("stock.picking", columns, [[*head.values(), *move.values()]])
    await odoo.do("stock.picking", "button_validate", [made], context={"skip_backorder": True, "skip_sms": True})
    (row,) = await odoo.search("stock.picking", [["id", "=", made]], ["name", "state"])
    assert row["state"] == "done"
    return str(row["name"])


@pytest.fixture(params=SIMULATED, ids=str)
async def simulated(request: pytest.FixtureRequest) -> AsyncIterator[Target]:
    """Lock dates and credentials are for simulated servers: a real one's company isn't ours to change."""
    chosen = SIMULATED[request.param]
    async with serving(simulated_odoo(chosen)) as url:
        yield Target(chosen.transport, chosen.version, url)


def connector(
    target: Target, *, api_key: str = KEY, database: str = "suture", plan: LedgerPlan | None = PLAN
) -> OdooLedger:
    return OdooLedger.connect(
        name="odoo",
        url=target.url,
        database=database,
        api_key=api_key,
        login=LOGIN,
        transport=target.transport,
        organisation="conformance",
        plan=plan,
    )


async def lock(target: Target, until: str | bool) -> None:
    async with HttpClient("odoo", target.url, headers={}) as http:
        odoo = Odoo(JsonRpc(http, target.database, LOGIN, KEY), target.version, 1)
        await odoo.do("res.company", "write", [1], vals={"fiscalyear_lock_date": until})


async def test_nothing_is_posted_into_a_locked_period(simulated: Target) -> None:
    ledger = connector(simulated)
    await ledger.prepare(PLAN)
    await lock(simulated, DAY.isoformat())
    await ledger.draft_invoice(an_invoice("locked"))
    try:
        failures = [
            await failure_of(ledger.post_invoice("locked", usd("200.00"))),
            await failure_of(ledger.accrue_compensation(an_accrual("locked"))),
        ]
    finally:
        await lock(simulated, False)
        await ledger.close()
    assert [failure.code for failure in failures] == ["period_locked", "period_locked"]
    assert await facts_of_new(simulated, "locked") == []


async def test_a_remittance_of_a_locked_period_leaves_no_draft(simulated: Target) -> None:
    ledger = connector(simulated)
    await ledger.prepare(PLAN)
    await posted_invoice(ledger, "A")
    told = a_remittance("A", a_claim("A"))
    await lock(simulated, (DAY - timedelta(days=1)).isoformat())
    wrong = msgspec.structs.replace(told, received_on=DAY - timedelta(days=1))
    try:
        assert (await failure_of(ledger.post_remittance(wrong, patients("A")))).code == "period_locked"
        assert (await ledger.post_remittance(told, patients("A"))).claims == 1
    finally:
        await lock(simulated, False)
        await ledger.close()


async def test_what_is_locked_in_between_waits_on_its_own_day_until_it_is_open(simulated: Target) -> None:
    """Odoo would post it into the next open period without a word."""
    ledger = connector(simulated)
    await ledger.prepare(PLAN)
    for key in ("paid", "credited", "corrected", "left"):
        await posted_invoice(ledger, key)
    steps: list[Callable[[], Awaitable[object]]] = [
        lambda: ledger.accrue_compensation(an_accrual("accrued")),
        lambda: ledger.apply_payment(a_payment("paid", "200.00")),
        lambda: ledger.cancel_invoice("credited", DAY),
        lambda: ledger.credit_invoice(a_correction("corrected", "50.00")),
        lambda: ledger.write_off(WriteOffOrder(key="left-w", appointment="left", on=DAY)),
        lambda: posted_invoice(ledger, "invoiced"),
    ]
    stood = await standing(ledger)
    for step in steps:
        await lock(simulated, DAY.isoformat())  # the lock dates are known to be others, for a minute
        failures = [await failure_of(step()), await failure_of(step())]
        assert [failure.code for failure in failures] == ["period_locked"] * 2
        assert all(f"the period {DAY:%Y-%m}" in str(failure) for failure in failures)
        assert await standing(ledger) == stood
        await lock(simulated, False)
        await step()
        stood = await standing(ledger)
        assert {fact.day for fact in stood} == {DAY}
    await ledger.close()
    assert len([fact for fact in stood if fact.state == "reversed"]) == 1
    assert len(stood) == len(("paid", "credited", "corrected", "left")) + 5


async def test_an_accrual_that_waits_for_a_lock_goes_with_its_visit_and_is_never_posted(simulated: Target) -> None:
    """Not by a worker either that had it in hand before the visit was undone, and goes on afterwards."""
    ledger = connector(simulated)
    await ledger.prepare(PLAN)
    await lock(simulated, DAY.isoformat())
    refused = await failure_of(ledger.accrue_compensation(an_accrual("undone")))
    undone = await ledger.reverse_compensation("undone", DAY)
    await lock(simulated, False)
    late = await failure_of(ledger.accrue_compensation(an_accrual("undone")))
    stood = await facts_of_new(simulated, "undone")
    await ledger.close()
    assert (refused.code, undone.number, late.code, stood) == ("period_locked", "", "cancelled_in_odoo", [])


async def standing(ledger: Ledger) -> list[JournalFact]:
    """All that is posted, whenever it was last written."""
    facts = await facts_of(ledger, "")
    return [msgspec.structs.replace(fact, changed_at=None) for fact in facts if fact.state not in ("draft", "cancel")]


class LockingLate:
    """Refuses every import of entries, as an Odoo does for reasons that don't name the lock."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.refuses = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole_body(receive) if scope["type"] == "http" else ""

        async def again() -> Message:
            return {"type": "http.request", "body": body.encode(), "more_body": False}

        if not (self.refuses and "load" in (body + scope["path"]) and "account.move" in (body + scope["path"])):
            await self._app(scope, again if body else receive, send)
            return
        told = {"ids": False, "messages": [{"message": "You cannot add entries prior to the lock date."}]}
        answer = told if scope["path"].startswith("/json/2") else {"jsonrpc": "2.0", "id": 1, "result": told}
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": msgspec.json.encode(answer)})


@pytest.mark.parametrize("name", SIMULATED)
async def test_a_refusal_in_a_locked_period_names_the_period(name: str) -> None:
    chosen = SIMULATED[name]
    app = LockingLate(simulated_odoo(chosen))
    async with serving(app) as url:
        target = Target(chosen.transport, chosen.version, url)
        ledger = connector(target)
        await ledger.prepare(PLAN)
        app.refuses = True
        codes = [(await failure_of(ledger.draft_invoice(an_invoice("refused")))).code]
        await lock(target, DAY.isoformat())
        for attempt in (ledger.draft_invoice(an_invoice("A1")), ledger.accrue_compensation(an_accrual("A1"))):
            failure = await failure_of(attempt)
            codes.append(failure.code)
            assert f"the period {DAY:%Y-%m}" in str(failure)
        await ledger.close()
    assert codes == ["not_importable", "period_locked", "period_locked"]


class LosingAnswers:
    """Does the work of each changing call and, the first time, gives no answer to it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.lost: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await _whole_body(receive)
        called = next((m for m in CHANGING if scope["path"].endswith(f"/{m}") or f'"{m}",' in body), None)

        async def again() -> Message:
            return {"type": "http.request", "body": body.encode(), "more_body": False}

        if called is None or called in self.lost:
            await self._app(scope, again, send)
            return
        self.lost.add(called)
        await self._app(scope, again, _unheard)
        await send({"type": "http.response.start", "status": 504, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class BreakingOff:
    """Does so many changing calls, and the next without giving its answer; nothing that comes after it is done."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self.left: int | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _whole_body(receive) if scope["type"] == "http" else ""
        changes = any(scope.get("path", "").endswith(f"/{m}") or f'"{m}",' in body for m in WRITING)

        async def again() -> Message:
            return {"type": "http.request", "body": body.encode(), "more_body": False}

        if self.left is None or not changes:
            await self._app(scope, again if body else receive, send)
            return
        self.left -= 1
        if self.left >= -1:
            await self._app(scope, again, send if self.left >= 0 else _unheard)
        if self.left < 0:
            await send({"type": "http.response.start", "status": 504, "headers": []})
            await send({"type": "http.response.body", "body": b""})


WRITING = ("load", "create", "write", "unlink", "action_post", "button_draft", "post", "reconcile")


async def paid_reversal(ledger: Ledger, key: str, *corrections: ClaimPayment) -> Remittance:
    """A claim that was booked, and its share paid by its patient: what takes it back."""
    await ledger.draft_invoice(billed_to_payer(key))
    await ledger.post_invoice(key, usd("200.00"))
    await ledger.post_remittance(a_remittance(key, a_claim(key)), patients(key))
    await ledger.apply_payment(a_payment(key, "30.00", payer=None))
    return a_remittance(key, a_reversal(key), *corrections, number="back")


async def corrected(ledger: Ledger, key: str) -> Remittance:
    return await paid_reversal(ledger, key, a_claim(key, paid="110.00", patient="40.00"))


async def completed(ledger: Ledger, key: str) -> Remittance:
    """One that came before its invoice."""
    early = a_remittance(key, a_claim(key))
    await ledger.post_remittance(early, patients(key))
    await ledger.draft_invoice(billed_to_payer(key))
    await ledger.post_invoice(key, usd("200.00"))
    return early


async def reversed_early(ledger: Ledger, key: str) -> Remittance:
    """One whose reversal came before it."""
    await ledger.draft_invoice(billed_to_payer(key))
    await ledger.post_invoice(key, usd("200.00"))
    await ledger.post_remittance(a_remittance(key, a_reversal(key), number="back"), patients(key))
    return a_remittance(key, a_claim(key))


async def paid_at_the_desk(ledger: Ledger, key: str) -> Remittance:
    """One whose invoice its patient had paid altogether."""
    await ledger.draft_invoice(billed_to_payer(key))
    await ledger.post_invoice(key, usd("200.00"))
    await ledger.apply_payment(a_payment(key, "200.00", payer=None), partner=an_invoice(key).partner)
    return a_remittance(key, a_claim(key))


REMITTED: dict[str, tuple[Callable[[Ledger, str], Awaitable[Remittance]], dict[str, int], bool]] = {
    "reversed": (paid_reversal, {"payer": 200, "patient": -30}, True),
    "corrected": (corrected, {"patient": 10}, False),
    "completed": (completed, {"patient": 30}, False),
    "reversed early": (reversed_early, {"payer": 200}, False),
    "paid at the desk": (paid_at_the_desk, {"patient": -170}, True),
}
"""How a remittance comes about, what is open after it, and whether its claim is a person's to look at."""


@pytest.mark.parametrize("name", ["sim17-jsonrpc", "sim19-connect"])
async def test_a_remittance_that_breaks_off_after_any_write_ends_as_an_undisturbed_one(name: str) -> None:
    chosen = SIMULATED[name]
    app = BreakingOff(simulated_odoo(chosen))
    async with serving(app) as url:
        target = Target(chosen.transport, chosen.version, url)
        ledger = connector(target)
        await ledger.prepare(PLAN)
        for case, (prepared, expected, asked) in REMITTED.items():
            broken = 0
            while broken < 20:
                key = f"{case}-{broken}"
                told = await prepared(ledger, key)
                app.left = broken
                try:
                    await ledger.post_remittance(told, patients(key))
                except Failure:
                    broken += 1
                else:
                    break
                app.left = None
                other = connector(target)  # another worker goes on, which remembers nothing
                for _ in range(2):
                    posted = await other.post_remittance(told, patients(key))
                    assert posted.unapplied == ((f"{key}-claim",) if asked else ()), key
                await other.close()
                names = {PAYER.reference: "payer", f"Patient/{key}": "patient"}
                assert {names[who]: of for who, of in (await open_for(ledger, key)).items()} == expected, key
            assert 2 <= broken < 20
            app.left = None
        await ledger.close()


@pytest.mark.parametrize("name", ["sim17-jsonrpc", "sim19-connect"])
async def test_a_payment_that_breaks_off_between_what_it_pays_ends_as_an_undisturbed_one(name: str) -> None:
    """A second payer's 100.00: 50.00 for what was left to the patient, and then the first payer's invoice."""
    chosen = SIMULATED[name]
    app = BreakingOff(simulated_odoo(chosen))
    async with serving(app) as url:
        target = Target(chosen.transport, chosen.version, url)
        ledger = connector(target)
        await ledger.prepare(PLAN)
        broken = 0
        while broken < 20:
            key = f"paid-{broken}"
            await ledger.draft_invoice(billed_to_payer(key))
            await ledger.post_invoice(key, usd("200.00"))
            patient = an_invoice(key).partner
            order = TransferOrder(key=f"{key}-t", appointment=key, patient=patient, amount=usd("50.00"), on=DAY)
            await ledger.transfer(order)
            payment = a_payment(key, "100.00", payer=OTHER_PAYER.reference)
            app.left = broken
            try:
                await ledger.apply_payment(payment, partner=OTHER_PAYER)
            except Failure:
                broken += 1
            else:
                break
            app.left = None
            other = connector(target)
            for _ in range(2):
                assert (await other.apply_payment(payment, partner=OTHER_PAYER)).residual == usd("100.00")
            await other.close()
            assert await open_for(ledger, key) == {PAYER.reference: Decimal(100)}, key
        assert 3 <= broken < 20
        app.left = None
        await ledger.close()


@pytest.mark.parametrize("name", ["sim17-jsonrpc", "sim19-json2", "sim19-connect"])
async def test_what_a_lock_moved_goes_back_to_its_day_wherever_that_breaks_off(name: str) -> None:
    """Odoo posts it into the next open period; whoever posted it may not come to take it back, or not to the end."""
    chosen = SIMULATED[name]
    app = BreakingOff(simulated_odoo(chosen))
    async with serving(app) as url:
        target = Target(chosen.transport, chosen.version, url)
        ledger = connector(target)
        await ledger.prepare(PLAN)
        steps: dict[str, Callable[[Ledger, str], Awaitable[object]]] = {
            "accrual": lambda by, key: by.accrue_compensation(an_accrual(key)),
            "invoice": posted_invoice,
            "payment": lambda by, key: by.apply_payment(a_payment(key, "200.00")),
        }
        for kind, step in steps.items():
            broken = 0
            while broken < 10:
                key = f"{kind}-{broken}"
                if kind == "payment":
                    await posted_invoice(ledger, key)
                await lock(target, DAY.isoformat())  # the lock dates are known to be others, for a minute
                app.left = broken
                failure = await failure_of(step(ledger, key))
                app.left = None
                other = connector(target)
                told = await failure_of(step(other, key))
                stood = [
                    fact for fact in await facts_of_new(target, key) if fact.kind == kind and fact.state != "draft"
                ]
                await lock(target, False)
                await step(ledger, key)
                facts = [fact for fact in await facts_of_new(target, key) if fact.kind == kind]
                await other.close()
                assert (told.code, stood) == ("period_locked", []), key
                assert [(fact.day, fact.state in ("posted", "paid")) for fact in facts] == [(DAY, True)], key
                if failure.code == "period_locked":
                    break
                broken += 1
            assert 2 <= broken < 10
        await ledger.close()


async def test_a_reversal_that_met_a_lock_is_booked_once_the_period_is_open(simulated: Target) -> None:
    ledger = connector(simulated)
    await ledger.prepare(PLAN)
    await ledger.draft_invoice(billed_to_payer("paid"))
    await ledger.post_invoice("paid", usd("200.00"))
    whole = {"paid": "200.00", "patient": "0.00", "CO-45": "0"}
    await ledger.post_remittance(a_remittance("paid", a_claim("paid", **whole)), [PAYER])
    back = a_remittance("paid", a_reversal("paid", **{"paid": "-200.00", "CO-45": "0", "PR-1": "0"}), number="back")
    stood = await standing(ledger)
    await lock(simulated, DAY.isoformat())
    failure = await failure_of(ledger.post_remittance(back, [PAYER]))
    assert failure.code == "period_locked"
    assert "draft" not in failure.remedy
    assert (await standing(ledger), await open_for(ledger, "paid")) == (stood, {})
    await lock(simulated, False)
    for _ in range(2):
        assert (await ledger.post_remittance(back, [PAYER])).unapplied == ()
    assert await open_for(ledger, "paid") == {PAYER.reference: Decimal(200)}
    await ledger.close()


CHANGING = ("load", "action_post", "post", "reconcile", "button_validate", "button_cancel")


async def _whole_body(receive: Receive) -> str:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body.decode()


async def _unheard(message: Message) -> None:
    pass


@pytest.mark.parametrize("name", SIMULATED)
async def test_work_whose_answer_was_lost_is_unknown_and_never_done_twice(name: str) -> None:
    chosen = SIMULATED[name]
    app = LosingAnswers(simulated_odoo(chosen))
    async with serving(app) as url:
        ledger = connector(Target(chosen.transport, chosen.version, url))
        await settled(lambda: ledger.prepare(PLAN))
        app.lost.clear()
        assert isinstance(await failure_of(ledger.draft_invoice(an_invoice("lost"))), Unknown)
        await whole_visit(ledger, "lost")
        facts = await facts_of(ledger, "lost")
        await ledger.close()
    assert app.lost == {"load", "action_post", "button_validate", "post" if chosen.connects else "reconcile"}
    assert sorted(fact.kind for fact in facts) == ["accrual", "invoice", "payment", "stock_move"]


async def test_a_worker_that_was_told_no_plan_finds_journals_by_type(simulated: Target) -> None:
    ledger = connector(simulated)
    await ledger.prepare(PLAN)
    await ledger.close()
    other = connector(simulated, plan=None)
    await posted_invoice(other, "planless")
    failure = await failure_of(other.accrue_compensation(an_accrual("planless")))
    await other.close()
    assert failure.code == "not_prepared"


async def test_accounts_that_the_chart_lacks_are_made_and_found_by_any_worker(simulated: Target) -> None:
    plan = msgspec.structs.replace(
        PLAN,
        income_account="400901",
        compensation_expense_account="630901",
        compensation_liability_account="230901",
        clearing_account="101901",
    )
    ledger = connector(simulated, plan=plan)
    created = await ledger.prepare(plan)
    assert [words for words in created if words.startswith("account ")] == [
        "account 400901: Patient services",
        "account 630901: Practitioners' compensation",
        "account 230901: Compensation payable",
        "account 101901: Payments clearing",
        "account 101490: Remittances clearing",
        "account 659000: Write-offs",
        "account 121900: Completed work, not billed",
        "account 400910: Contractual adjustments (conformance)",
        "account 659910: Denials: filed too late (conformance)",
        "account 659920: Recoupments (conformance)",
    ]
    assert await ledger.prepare(plan) == []
    await ledger.close()
    other = connector(simulated, plan=None)
    await whole_visit(other, "own-accounts")
    await other.close()


async def facts_of_new(target: Target, key: str) -> list[object]:
    ledger = connector(target)
    try:
        return list(await facts_of(ledger, key))
    finally:
        await ledger.close()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [({"api_key": "nonsense"}, "credentials_refused"), ({"database": "nowhere"}, "wrong_database")],
    ids=["key", "database"],
)
async def test_a_wrong_setting_is_fatal_with_a_remedy(simulated: Target, wrong: dict[str, str], code: str) -> None:
    ledger = connector(simulated, **wrong)
    failure = await failure_of(ledger.draft_invoice(an_invoice("never")))
    health = await ledger.health()
    await ledger.close()
    assert isinstance(failure, Fatal)
    assert failure.remedy
    assert code == "wrong_database" or failure.code == code
    assert health.remedies


@pytest.mark.parametrize(
    ("model", "operation", "words"),
    [
        ("stock.picking", "create", "move stock: give it 'Inventory: User'"),
        ("account.move", "create", "write invoices and entries: give it 'Accounting: Accountant'"),
        ("res.partner", "write", "keep contacts up to date: give it 'Contact Creation'"),
    ],
)
@pytest.mark.parametrize("name", SIMULATED)
async def test_a_missing_right_is_named_with_the_group_that_grants_it(
    name: str, model: str, operation: str, words: str
) -> None:
    chosen = SIMULATED[name]
    async with serving(simulated_odoo(chosen, lacking={model: {operation}})) as url:
        ledger = connector(Target(chosen.transport, chosen.version, url))
        health = await ledger.health()
        await ledger.close()
    assert any(words in remedy for remedy in health.remedies)


@pytest.mark.parametrize("name", SIMULATED)
async def test_what_an_odoo_is_and_can_is_told(name: str) -> None:
    chosen = SIMULATED[name]
    async with serving(simulated_odoo(chosen)) as url:
        ledger = connector(Target(chosen.transport, chosen.version, url))
        health = await ledger.health()
        await ledger.close()
    told = "; ".join(health.found)
    assert health.version == f"Odoo {chosen.version}.0"
    assert "companies: My Company (ours), West Clinic" in told
    assert ("Suture Connect" in told) is chosen.connects
    assert "no period is locked" in told
