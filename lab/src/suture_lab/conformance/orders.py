"""What the conformance suite orders, and how it looks at what came of it."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TypeVar

import msgspec
import pytest

from suture.canonical.records import Component, JournalFact, Payment, PricedLine
from suture.canonical.remittance import Adjustment, ClaimPayment, ProviderAdjustment, Remittance
from suture.connectors.port import (
    AccrualOrder,
    InvoiceOrder,
    Ledger,
    LedgerPartner,
    LedgerPlan,
    PlannedAdjustment,
    PlannedFacility,
    PlannedProduct,
    StockOrder,
)
from suture.core.failure import Failure, Retriable, Unknown
from suture.core.money import Money

Result = TypeVar("Result")

PLAN = LedgerPlan(
    currency="USD",
    income_account="400000",
    compensation_expense_account="630000",
    compensation_liability_account="230000",
    clearing_account="101403",
    adjustments={
        "CO-45": PlannedAdjustment(account="400910", name="Contractual adjustments (conformance)"),
        "CO-29": PlannedAdjustment(account="659910", name="Denials: filed too late (conformance)", kind="denial"),
        "OA-23": PlannedAdjustment(account="", name="Left open: another payer's to pay"),
        "PLB-WO": PlannedAdjustment(account="659920", name="Recoupments (conformance)", kind="provider"),
    },
    products=(
        PlannedProduct(code="SUTURE-TEST-VISIT", name="Visit (conformance)"),
        PlannedProduct(code="SUTURE-TEST-TAXED", name="Certificate, taxed (conformance)", taxes=("15%",)),
        PlannedProduct(code="SUTURE-TEST-VACCINE", name="Vaccine, by lot (conformance)", stocked=True, lots=True),
        PlannedProduct(code="SUTURE-TEST-LAB", name="Laboratory (conformance)"),
        PlannedProduct(code="SUTURE-TEST-GLOVES", name="Gloves (conformance)", stocked=True),
        PlannedProduct(code="SUTURE-TEST-SYRINGE", name="Syringe (conformance)", stocked=True),
    ),
    facilities=(PlannedFacility(code="suture-test-north", name="North (conformance)"),),
)
DAY = datetime.now(UTC).date() - timedelta(days=2)
LATER = DAY + timedelta(days=400)
RECEIVABLE = "121000"
PATIENT_NAME = "Zebedee Quillfeather"
VISIT, LAB, NOT_A_SERVICE = "SUTURE-TEST-VISIT", "SUTURE-TEST-LAB", "SUTURE-TEST-NOPE"
TAXED, VACCINE = "SUTURE-TEST-TAXED", "SUTURE-TEST-VACCINE"
NAMES = {VISIT: "Visit, 30 minutes", LAB: "Laboratory panel", TAXED: "Certificate"}
PAYER = LedgerPartner(reference="Payer/suture-test-payer", name="Conformance Mutual", is_company=True)
OTHER_PAYER = LedgerPartner(reference="Payer/suture-test-other", name="Conformance Assurance", is_company=True)
PAID = ("paid", "in_payment")  # `in_payment` where a ledger waits for the bank statement


def usd(amount: str) -> Money:
    return Money(Decimal(amount), "USD")


def an_invoice(key: str, *, total: str = "200.00", service: str = VISIT) -> InvoiceOrder:
    """Two services of 200.00 together, for a patient who pays herself."""
    return InvoiceOrder(
        appointment=key,
        partner=LedgerPartner(
            reference=f"Patient/{key}", name=PATIENT_NAME, is_company=False, street="1 Way", city="Ash", country="US"
        ),
        practitioner=f"Practitioner/{key[:12]}",
        practitioner_name="Dr Test",
        facility="suture-test-north",
        invoice_date=DAY,
        total=usd(total),
        lines=(
            PricedLine(service=service, quantity=Decimal(1), unit_price=Decimal("150.00")),
            PricedLine(service=LAB, quantity=Decimal("2.5"), unit_price=Decimal("20.00")),
        ),
        names=NAMES,
    )


def billed_to_payer(key: str, *, share: str = "") -> InvoiceOrder:
    """The same visit, for a payer; with a `share` that its patient owes."""
    whole = an_invoice(key)
    patient = whole.partner if share else None
    return msgspec.structs.replace(whole, partner=PAYER, patient=patient, patient_share=usd(share) if share else None)


def a_payment(key: str, amount: str, *, number: int = 1, payer: str | None = PAYER.reference) -> Payment:
    return Payment(
        payment=f"{key}-p{number}",
        charge=f"{key}-c",
        appointment=key,
        amount=usd(amount),
        received_on=DAY,
        payer=payer,
    )


def a_claim(key: str, **told: str) -> ClaimPayment:
    """The visit's claim: charged 200.00, 120.00 of it paid, 30.00 the patient's and 50.00 adjusted, unless `told`."""
    amounts = {"charged": "200.00", "paid": "120.00", "patient": "30.00", "CO-45": "50.00", "status": "1"} | told
    adjustments = tuple(
        Adjustment(group=code.split("-")[0], reason=code.split("-")[1], amount=usd(amount))
        for code, amount in amounts.items()
        if "-" in code and Decimal(amount)
    )
    return ClaimPayment(
        claim=f"{key}-claim",
        appointment=key,
        status=amounts["status"],
        charged=usd(amounts["charged"]),
        paid=usd(amounts["paid"]),
        patient_responsibility=usd(amounts["patient"]),
        patient=f"Patient/{key}",
        adjustments=adjustments,
    )


def a_remittance(
    key: str, *claims: ClaimPayment, kept: str = "", number: str = "era", payer: str = PAYER.reference
) -> Remittance:
    """One deposit for these claims, of which the payer `kept` something."""
    adjustments = (ProviderAdjustment(reason="WO", reference=key, amount=usd(kept)),) if kept else ()
    paid = sum((claim.paid.amount for claim in claims), Decimal(0)) - Decimal(kept or 0)
    return Remittance(
        number=f"{key}-{number}",
        payer=payer,
        deposit=usd(str(paid)),
        received_on=DAY,
        claims=claims,
        provider_adjustments=adjustments,
    )


def a_reversal(key: str, **told: str) -> ClaimPayment:
    """The reversal of `a_claim` as the standard writes it: without CLP05, what was the patient's in group PR."""
    amounts = {"charged": "-200.00", "paid": "-120.00", "patient": "0.00", "CO-45": "-50.00", "PR-1": "-30.00"}
    return a_claim(key, **amounts | {"status": "22"} | told)


def patients(*keys: str) -> list[LedgerPartner]:
    """The payers, and the visits' patients."""
    return [PAYER, OTHER_PAYER, *(an_invoice(key).partner for key in keys)]


def a_kit(key: str) -> StockOrder:
    components = (
        Component(product="SUTURE-TEST-GLOVES", quantity=Decimal(2)),
        Component(product="SUTURE-TEST-SYRINGE", quantity=Decimal(1)),
    )
    return StockOrder(appointment=key, facility="suture-test-north", on=DAY, components=components)


def an_accrual(key: str) -> AccrualOrder:
    return AccrualOrder(
        appointment=key,
        practitioner=f"Practitioner/{key[:12]}",
        practitioner_name="Dr Test",
        facility="suture-test-north",
        on=DAY,
        amount=usd("70.00"),
    )


async def posted_invoice(ledger: Ledger, key: str) -> None:
    await ledger.draft_invoice(an_invoice(key))
    await ledger.post_invoice(key, usd("200.00"))


async def whole_visit(ledger: Ledger, key: str) -> None:
    """All that one visit asks of a ledger, each step tried again as the process engine would."""
    await settled(lambda: ledger.draft_invoice(an_invoice(key)))
    await settled(lambda: ledger.consume_stock(a_kit(key)))
    await settled(lambda: ledger.accrue_compensation(an_accrual(key)))
    await settled(lambda: ledger.post_invoice(key, usd("200.00")))
    await settled(lambda: ledger.apply_payment(a_payment(key, "200.00")))


async def settled(step: Callable[[], Awaitable[Result]]) -> Result:
    """A step's result, tried again where it may not have happened."""
    for _ in range(5):
        try:
            return await step()
        except (Retriable, Unknown):
            await asyncio.sleep(0.05)
    return await step()


async def moved(ledger: Ledger, work: Callable[[], Awaitable[object]]) -> dict[str, Decimal]:
    """By how much each account's balance moved while `work` was done, by code; the rest of the books must be quiet."""
    before = {balance.account: balance.balance.amount for balance in await ledger.balances(LATER)}
    await work()
    after = {balance.account: balance.balance.amount for balance in await ledger.balances(LATER)}
    moves = {account: after[account] - before.get(account, Decimal(0)) for account in after}
    return {account: amount for account, amount in moves.items() if amount}


async def open_of(ledger: Ledger, partner: str) -> Decimal:
    """What is open on a partner's receivable."""
    items = [item async for item in ledger.open_items() if item.partner == partner]
    return sum((item.residual.amount for item in items), Decimal(0))


async def open_for(ledger: Ledger, key: str) -> dict[str, Decimal]:
    """What is open of documents whose references begin with a key, by partner's reference."""
    found: dict[str, Decimal] = {}
    async for one in ledger.open_items():
        if one.reference.startswith(key):
            found[one.partner] = found.get(one.partner, Decimal(0)) + one.residual.amount
    return {partner: amount for partner, amount in found.items() if amount}


async def facts_of(ledger: Ledger, key: str) -> list[JournalFact]:
    return [fact async for fact in ledger.facts() if fact.key.startswith(key)]


async def failure_of(attempt: Awaitable[object]) -> Failure:
    """The failure that an attempt ends in; an attempt that succeeds fails the test."""
    with pytest.raises(Failure) as caught:
        await attempt
    return caught.value
