"""What is read back for proof: by day, by key, master data; and what puts differences right."""

from datetime import timedelta

from suture.canonical.records import PricedLine
from suture.connectors.port import CreditOrder, Ledger, LedgerPartner, Span
from suture_lab.conformance.entries import UNBILLED, last_month_end, unbilled
from suture_lab.conformance.orders import (
    DAY,
    LATER,
    PAYER,
    VISIT,
    a_kit,
    a_payment,
    an_accrual,
    billed_to_payer,
    failure_of,
    usd,
)


class ProofConformance:
    """What a ledger holds is found by its day and by its key, and is the same either way."""

    async def test_documents_are_read_by_day_and_by_key(self, ledger: Ledger, key: str) -> None:
        await ledger.draft_invoice(billed_to_payer(key))
        await ledger.post_invoice(key, usd("200.00"))
        await ledger.accrue_compensation(an_accrual(key))
        await ledger.consume_stock(a_kit(key))
        payment = a_payment(key, "120.00")
        await ledger.apply_payment(payment)
        by_key = {fact.kind: fact async for fact in ledger.facts_of([key], [payment.payment])}
        assert set(by_key) == {"invoice", "payment", "accrual", "stock_move"}
        invoice, paid = by_key["invoice"], by_key["payment"]
        assert (invoice.amount, invoice.open, invoice.day) == (usd("200.00"), usd("80.00"), DAY)
        assert (invoice.party, paid.party) == (PAYER.reference, PAYER.reference)
        assert (paid.key, paid.amount, paid.day) == (payment.payment, usd("120.00"), DAY)
        assert by_key["stock_move"].quantity == sum(component.quantity for component in a_kit(key).components)
        assert all(fact.changed_at is not None for fact in by_key.values())
        by_day = [fact async for fact in ledger.facts(Span(DAY, DAY))]
        dated = {fact.number for kind, fact in by_key.items() if kind != "stock_move"}
        assert {fact.number for fact in by_day} >= dated
        assert [fact for fact in by_day if fact.number == invoice.number] == [invoice]
        elsewhere = Span(DAY - timedelta(days=40), DAY - timedelta(days=39))
        assert not [fact async for fact in ledger.facts(elsewhere) if fact.key in (key, payment.payment)]

    async def test_a_patient_s_own_payment_names_no_party(self, ledger: Ledger, key: str) -> None:
        await ledger.draft_invoice(billed_to_payer(key, share="30.00"))
        await ledger.post_invoice(key, usd("200.00"))
        payment = a_payment(key, "30.00", payer=None)
        await ledger.apply_payment(payment)
        found = [fact async for fact in ledger.facts_of([key], [payment.payment])]
        assert {(fact.kind, fact.party) for fact in found} == {
            ("invoice", PAYER.reference),
            ("patient_invoice", ""),
            ("payment", ""),
        }

    async def test_a_correction_is_found_by_the_invoice_that_it_corrects(self, ledger: Ledger, key: str) -> None:
        await ledger.draft_invoice(billed_to_payer(key))
        await ledger.post_invoice(key, usd("200.00"))
        line = PricedLine(service=VISIT, quantity=usd("1").amount, unit_price=usd("50").amount)
        order = CreditOrder(
            key=f"{key}-fix", appointment=key, on=DAY, total=usd("50.00"), lines=(line,), names={VISIT: "Correction"}
        )
        await ledger.credit_invoice(order)
        (fact,) = [fact async for fact in ledger.facts_of([key]) if fact.kind == "correction"]
        assert (fact.of, fact.amount) == (key, usd("50.00"))
        (again,) = [fact async for fact in ledger.facts(Span(DAY, DAY)) if fact.key == f"{key}-fix"]
        assert again == fact

    async def test_there_is_no_twin_where_there_is_none(self, ledger: Ledger, key: str) -> None:
        await ledger.draft_invoice(billed_to_payer(key))
        await ledger.post_invoice(key, usd("200.00"))
        payment = a_payment(key, "120.00")
        await ledger.apply_payment(payment)
        (ours,) = [fact async for fact in ledger.facts_of([], [payment.payment])]
        failure = await failure_of(ledger.reverse_twin(payment.payment, ours.number, DAY))
        assert failure.code == "no_twin", "our own entry is none"

    async def test_master_data_says_what_stands_as_it_was_left(self, ledger: Ledger, key: str) -> None:
        partner = LedgerPartner(reference=f"Supplier/{key}", name="Gauze Ltd", is_company=True, role="supplier")
        await ledger.register(partner)
        found = {record.reference: record async for record in ledger.master_data()}
        assert (found[partner.reference].kind, found[partner.reference].state) == ("supplier", "same")
        assert (found[VISIT].kind, found[VISIT].state) == ("service", "same")
        assert found["SUTURE-TEST-GLOVES"].kind == "article"
        adopted = await ledger.adopt(partner.reference)
        assert adopted is not None
        assert adopted.fields == ()
        assert await ledger.adopt(f"Supplier/{key}-nobody") is None

    async def test_an_accrual_of_unbilled_work_can_be_taken_back_whole(self, ledger: Ledger, key: str) -> None:
        end = last_month_end()
        order = unbilled(f"{key}-u", end)

        async def accrued() -> list[object]:
            return [
                [one.balance.amount for one in await ledger.balances(day) if one.account == UNBILLED]
                for day in (end, LATER)
            ]

        await ledger.undo_unbilled(order.period, end)  # what never was needs nothing
        before = await accrued()
        await ledger.accrue_unbilled(order)
        assert await accrued() != before
        for _ in range(2):
            await ledger.undo_unbilled(order.period, end)
            assert [amounts or [0] for amounts in await accrued()] == [amounts or [0] for amounts in before]

    async def test_what_is_forgotten_is_written_anew_only_where_it_is_gone(self, ledger: Ledger, key: str) -> None:
        await ledger.draft_invoice(billed_to_payer(key))
        posted = await ledger.post_invoice(key, usd("200.00"))
        await ledger.forget("invoice", key)
        assert (await ledger.draft_invoice(billed_to_payer(key))).invoice == posted.invoice

    async def test_until_when_the_books_are_locked(self, ledger: Ledger) -> None:
        until = await ledger.locked_until()
        assert until is None or until < DAY
