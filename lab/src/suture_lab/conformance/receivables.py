"""What is owed, by whom, and how it is settled: parts, credits, overpayments, write-offs, transfers."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from suture.canonical.records import PricedLine
from suture.connectors.port import CreditOrder, Ledger, RefundOrder, TransferOrder, WriteOffOrder
from suture.core.failure import Rejected
from suture_lab.conformance.orders import (
    DAY,
    NAMES,
    OTHER_PAYER,
    PAID,
    PAYER,
    TAXED,
    VISIT,
    a_payment,
    an_invoice,
    billed_to_payer,
    facts_of,
    failure_of,
    open_for,
    open_of,
    posted_invoice,
    usd,
)


def a_correction(key: str, amount: str) -> CreditOrder:
    line = PricedLine(service=VISIT, quantity=Decimal(1), unit_price=Decimal(amount))
    return CreditOrder(key=f"{key}-fix", appointment=key, on=DAY, total=usd(amount), lines=(line,), names=NAMES)


class ReceivablesConformance:
    """Each amount is settled once, to the cent, and what is too much is told."""

    async def test_a_taxed_service_is_taxed(self, ledger: Ledger, key: str) -> None:
        line = PricedLine(service=TAXED, quantity=Decimal(1), unit_price=Decimal("10.00"))
        taxed = msgspec.structs.replace(an_invoice(key, total="11.50"), lines=(line,))
        assert (await ledger.draft_invoice(taxed)).total == usd("11.50")
        assert (await ledger.post_invoice(key, usd("11.50"))).total == usd("11.50")

    async def test_a_tax_on_top_of_the_charge_is_the_ledgers_own(self, ledger: Ledger, key: str) -> None:
        """Billing charges 10.00; the ledger adds the product's tax of 15 percent, and both are as they should be."""
        line = PricedLine(service=TAXED, quantity=Decimal(1), unit_price=Decimal("10.00"))
        taxed = msgspec.structs.replace(an_invoice(key, total="10.00"), lines=(line,))
        assert (await ledger.draft_invoice(taxed)).total == usd("11.50")
        assert (await ledger.post_invoice(key, usd("10.00"))).total == usd("11.50")
        (fact,) = await facts_of(ledger, key)
        assert (fact.amount, fact.open) == (usd("10.00"), usd("10.00"))
        await ledger.apply_payment(a_payment(key, "10.00", payer=None))
        (paid,) = (fact for fact in await facts_of(ledger, key) if fact.kind == "invoice")
        assert (paid.amount, paid.open) == (usd("10.00"), usd("0.00"))

    async def test_the_patients_share_is_an_invoice_of_its_own(self, ledger: Ledger, key: str) -> None:
        drafted = await ledger.draft_invoice(billed_to_payer(key, share="30.00"))
        assert drafted.total == usd("200.00")
        assert drafted.patient_invoice not in (None, drafted.invoice)
        posted = await ledger.post_invoice(key, usd("200.00"))
        assert posted.total == usd("200.00")
        assert posted.patient_number not in ("", posted.number)
        assert await ledger.post_invoice(key, usd("200.00")) == posted
        assert await open_of(ledger, f"Patient/{key}") == Decimal("30.00")

    async def test_payer_and_patient_pay_their_own_parts(self, ledger: Ledger, key: str) -> None:
        await ledger.draft_invoice(billed_to_payer(key, share="30.00"))
        posted = await ledger.post_invoice(key, usd("200.00"))
        by_payer = await ledger.apply_payment(a_payment(key, "170.00"))
        assert (by_payer.invoice_number, by_payer.residual) == (posted.number, usd("0.00"))
        by_patient = await ledger.apply_payment(a_payment(key, "30.00", number=2, payer=None))
        assert (by_patient.invoice_number, by_patient.residual) == (posted.patient_number, usd("0.00"))

    async def test_both_parts_are_credited_together(self, ledger: Ledger, key: str) -> None:
        await ledger.draft_invoice(billed_to_payer(key, share="30.00"))
        await ledger.post_invoice(key, usd("200.00"))
        number = await ledger.cancel_invoice(key, DAY)
        assert number
        assert await ledger.cancel_invoice(key, DAY) == number
        assert await open_of(ledger, f"Patient/{key}") == 0

    async def test_a_correction_credits_a_part_once(self, ledger: Ledger, key: str) -> None:
        await posted_invoice(ledger, key)
        first = await ledger.credit_invoice(a_correction(key, "50.00"))
        assert first.amount == usd("50.00")
        assert await ledger.credit_invoice(a_correction(key, "50.00")) == first
        assert await open_of(ledger, f"Patient/{key}") == Decimal("150.00")
        paid = await ledger.apply_payment(a_payment(key, "150.00"))
        assert paid.residual == usd("0.00")
        facts = [(fact.kind, fact.state) for fact in await facts_of(ledger, key)]
        assert facts == [("invoice", "posted"), ("correction", "posted"), ("payment", "posted")]

    async def test_an_overpayment_stays_as_credit_where_that_is_wanted(self, ledger: Ledger, key: str) -> None:
        await posted_invoice(ledger, key)
        applied = await ledger.apply_payment(a_payment(key, "230.00"), keep_credit=True)
        assert (applied.residual, applied.unapplied) == (usd("0.00"), usd("30.00"))
        assert await ledger.apply_payment(a_payment(key, "230.00"), keep_credit=True) == applied
        assert await open_of(ledger, f"Patient/{key}") == Decimal("-30.00")

    async def test_a_credit_is_refunded_once_and_never_exceeded(self, ledger: Ledger, key: str) -> None:
        await posted_invoice(ledger, key)
        await ledger.apply_payment(a_payment(key, "230.00"), keep_credit=True)
        refund = RefundOrder(key=f"{key}-r", partner=f"Patient/{key}", amount=usd("30.00"), on=DAY, credit=f"{key}-p1")
        first = await ledger.refund(refund)
        assert first.amount == usd("30.00")
        assert await ledger.refund(refund) == first
        assert await open_of(ledger, f"Patient/{key}") == 0
        again = RefundOrder(key=f"{key}-r2", partner=refund.partner, amount=usd("0.01"), on=DAY, credit=refund.credit)
        assert (await failure_of(ledger.refund(again))).code == "exceeds_credit"

    async def test_a_payment_that_came_back_is_open_again(self, ledger: Ledger, key: str) -> None:
        await posted_invoice(ledger, key)
        await ledger.apply_payment(a_payment(key, "200.00"))
        first = await ledger.reverse_payment(f"{key}-p1", DAY)
        assert first.amount == usd("200.00")
        assert await ledger.reverse_payment(f"{key}-p1", DAY) == first
        assert await open_of(ledger, f"Patient/{key}") == Decimal("200.00")
        paid = await ledger.apply_payment(a_payment(key, "200.00", number=2))
        assert paid.residual == usd("0.00")

    async def test_reversing_a_payment_that_never_was_needs_nothing(self, ledger: Ledger, key: str) -> None:
        assert (await ledger.reverse_payment(f"{key}-p1", DAY)).number == ""

    async def test_what_is_left_is_written_off_once(self, ledger: Ledger, key: str) -> None:
        await posted_invoice(ledger, key)
        await ledger.apply_payment(a_payment(key, "195.00"))
        order = WriteOffOrder(key=f"{key}-w", appointment=key, on=DAY)
        first = await ledger.write_off(order)
        assert first.amount == usd("5.00")
        assert await ledger.write_off(order) == first
        assert await open_of(ledger, f"Patient/{key}") == 0

    async def test_no_more_than_is_open_is_written_off(self, ledger: Ledger, key: str) -> None:
        await posted_invoice(ledger, key)
        order = WriteOffOrder(key=f"{key}-w", appointment=key, on=DAY, amount=usd("200.01"), account="CO-45")
        failure = await failure_of(ledger.write_off(order))
        assert (failure.code, bool(failure.remedy)) == ("exceeds_open", True)

    async def test_what_the_payer_leaves_goes_to_the_patient(self, ledger: Ledger, key: str) -> None:
        await ledger.draft_invoice(billed_to_payer(key))
        await ledger.post_invoice(key, usd("200.00"))
        order = TransferOrder(
            key=f"{key}-t", appointment=key, patient=an_invoice(key).partner, amount=usd("30.00"), on=DAY
        )
        first = await ledger.transfer(order)
        assert await ledger.transfer(order) == first
        assert await open_of(ledger, f"Patient/{key}") == Decimal("30.00")
        paid = await ledger.apply_payment(a_payment(key, "170.00"))
        assert (paid.payment_state in PAID, paid.residual) == (True, usd("0.00"))

    async def test_orders_on_one_invoice_at_once_keep_to_what_is_open(self, ledger: Ledger, key: str) -> None:
        await posted_invoice(ledger, key)
        orders = [WriteOffOrder(key=f"{key}-w{n}", appointment=key, on=DAY, amount=usd("150.00")) for n in range(2)]
        outcomes = await asyncio.gather(*(ledger.write_off(o) for o in orders), return_exceptions=True)
        assert [isinstance(outcome, Rejected) for outcome in outcomes] == [False, True]

    @pytest.mark.parametrize("payer", [PAYER.reference, None], ids=["payer", "patient"])
    async def test_anyone_pays_an_undivided_invoice(self, ledger: Ledger, key: str, payer: str | None) -> None:
        await ledger.draft_invoice(billed_to_payer(key))
        await ledger.post_invoice(key, usd("200.00"))
        assert (await ledger.apply_payment(a_payment(key, "200.00", payer=payer))).residual == usd("0.00")

    async def test_a_payment_is_in_the_name_of_who_paid(self, ledger: Ledger, key: str) -> None:
        """A second payer's 40.00, and a patient's, for a visit that was billed to the first payer."""
        await ledger.draft_invoice(billed_to_payer(key))
        await ledger.post_invoice(key, usd("200.00"))
        by_other = a_payment(key, "40.00", payer=OTHER_PAYER.reference)
        by_patient = a_payment(key, "300.00", number=2, payer=None)
        for payment, partner in ((by_other, OTHER_PAYER), (by_patient, an_invoice(key).partner)):
            await ledger.apply_payment(payment, partner=partner, keep_credit=True)
        assert await open_for(ledger, key) == {f"Patient/{key}": Decimal("-140.00")}
        parties = {fact.key: fact.party for fact in await facts_of(ledger, key) if fact.kind == "payment"}
        assert parties == {by_other.payment: OTHER_PAYER.reference, by_patient.payment: ""}

    async def test_a_guarantors_payment_is_the_guarantors(self, ledger: Ledger, key: str) -> None:
        """What a person was billed that person pays, whose visit it ever was."""
        await posted_invoice(ledger, key)
        child = msgspec.structs.replace(an_invoice(key).partner, reference=f"Patient/{key}-child")
        payment = a_payment(key, "230.00", payer=None)
        await ledger.apply_payment(payment, partner=child, keep_credit=True)
        assert await open_for(ledger, key) == {f"Patient/{key}": Decimal("-30.00")}

    @pytest.mark.parametrize("later", [0, 1], ids=["same_day", "a_day_later"])
    async def test_others_pay_first_what_was_left_to_the_patient(self, ledger: Ledger, key: str, later: int) -> None:
        """Whichever partner the system knew first, and whatever is due first."""
        await ledger.draft_invoice(billed_to_payer(key))
        await ledger.post_invoice(key, usd("200.00"))
        patient = an_invoice(key).partner
        on = DAY + timedelta(days=later)
        await ledger.transfer(
            TransferOrder(key=f"{key}-t", appointment=key, patient=patient, amount=usd("50.00"), on=on)
        )
        for number, (payer, partner) in enumerate(((OTHER_PAYER.reference, OTHER_PAYER), (None, patient)), 1):
            await ledger.apply_payment(a_payment(key, "25.00", number=number, payer=payer), partner=partner)
        assert await open_for(ledger, key) == {PAYER.reference: Decimal("150.00")}
