"""Invoices, their payment, stock and compensation: what one visit asks of a ledger."""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import msgspec
import pytest

from suture.connectors.port import Ledger, StockOrder
from suture.core.failure import Rejected
from suture_lab.conformance.orders import (
    DAY,
    NOT_A_SERVICE,
    PAID,
    PATIENT_NAME,
    PLAN,
    VISIT,
    a_kit,
    a_payment,
    an_accrual,
    an_invoice,
    facts_of,
    failure_of,
    posted_invoice,
    settled,
    usd,
    whole_visit,
)


class VisitConformance:
    """What a visit needs from its draft to its payment, and back."""

    @pytest.fixture
    async def ledger(self, connect: Callable[[], Ledger]) -> AsyncIterator[Ledger]:
        ledger = connect()
        await ledger.prepare(PLAN)
        yield ledger
        await ledger.close()

    @pytest.fixture
    def key(self) -> str:
        """An appointment that nobody else uses."""
        return f"suture-test-{uuid4().hex[:12]}"

    async def test_prepares_once(self, ledger: Ledger) -> None:
        assert await ledger.prepare(PLAN) == []

    async def test_is_healthy(self, ledger: Ledger) -> None:
        health = await ledger.health()
        assert health.reachable
        assert health.version
        assert health.remedies == ()

    async def test_lets_us_in(self, ledger: Ledger) -> None:
        await ledger.ping()

    async def test_drafts_an_invoice_once(self, ledger: Ledger, key: str) -> None:
        first = await ledger.draft_invoice(an_invoice(key))
        assert first.total == usd("200.00")
        assert await ledger.draft_invoice(an_invoice(key)) == first

    async def test_drafts_once_when_asked_twice_at_once(self, ledger: Ledger, key: str) -> None:
        first, second = await asyncio.gather(*(ledger.draft_invoice(an_invoice(key)) for _ in range(2)))
        assert first == second

    async def test_a_draft_is_no_fact(self, ledger: Ledger, key: str) -> None:
        await ledger.draft_invoice(an_invoice(key))
        assert await facts_of(ledger, key) == []

    async def test_posts_once_on_its_date(self, ledger: Ledger, key: str) -> None:
        await ledger.draft_invoice(an_invoice(key))
        first = await ledger.post_invoice(key, usd("200.00"))
        assert first.number
        assert first.posted_on == DAY
        assert first.total == usd("200.00")
        assert await ledger.post_invoice(key, usd("200.00")) == first

    async def test_drafting_again_leaves_a_posted_invoice_alone(self, ledger: Ledger, key: str) -> None:
        await posted_invoice(ledger, key)
        assert (await ledger.draft_invoice(an_invoice(key))).total == usd("200.00")
        (fact,) = await facts_of(ledger, key)
        assert (fact.kind, fact.state, fact.amount) == ("invoice", "posted", usd("200.00"))

    async def test_refuses_a_total_that_differs(self, ledger: Ledger, key: str) -> None:
        with pytest.raises(Rejected) as drafting:
            await ledger.draft_invoice(an_invoice(key, total="200.01"))
        with pytest.raises(Rejected) as posting:
            await ledger.post_invoice(key, usd("200.01"))
        assert (drafting.value.code, posting.value.code) == ("total_differs", "total_differs")
        assert await facts_of(ledger, key) == []

    async def test_posting_what_was_never_drafted_is_refused(self, ledger: Ledger, key: str) -> None:
        with pytest.raises(Rejected):
            await ledger.post_invoice(key, usd("200.00"))

    async def test_one_culprit_costs_only_itself(self, ledger: Ledger, key: str) -> None:
        services = [VISIT, VISIT, VISIT, NOT_A_SERVICE, VISIT, VISIT]
        orders = [an_invoice(f"{key}-{n}", service=service) for n, service in enumerate(services)]
        outcomes = await asyncio.gather(*(ledger.draft_invoice(o) for o in orders), return_exceptions=True)
        failed = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, BaseException)]
        assert failed == [3]
        assert isinstance(outcomes[3], Rejected)
        assert outcomes[3].code == "not_in_odoo"

    async def test_many_at_once_get_a_number_each(self, ledger: Ledger, key: str) -> None:
        keys = [f"{key}-{n}" for n in range(12)]
        await asyncio.gather(*(ledger.draft_invoice(an_invoice(k)) for k in keys))
        posted = await asyncio.gather(*(ledger.post_invoice(k, usd("200.00")) for k in keys))
        assert len({invoice.number for invoice in posted}) == len(keys)
        assert len(await facts_of(ledger, key)) == len(keys)

    async def test_two_workers_open_a_journals_new_period(
        self, ledger: Ledger, connect: Callable[[], Ledger], key: str
    ) -> None:
        """17 may give both their first drafts one number; each is posted with its own all the same."""
        day = DAY.replace(year=1970 + int(key[-6:], 16) % 40)
        other = connect()

        async def visit(worker: Ledger, one: str) -> list[str]:
            order = msgspec.structs.replace(an_invoice(one), invoice_date=day)
            await settled(lambda: worker.draft_invoice(order))
            invoice = await settled(lambda: worker.post_invoice(one, usd("200.00")))
            accrual = msgspec.structs.replace(an_accrual(one), on=day)
            return [invoice.number, (await settled(lambda: worker.accrue_compensation(accrual))).number]

        try:
            numbers = await asyncio.gather(*(visit((ledger, other)[n % 2], f"{key}-{n}") for n in range(8)))
        finally:
            await other.close()
        assert len({number for of in numbers for number in of}) == 16

    async def test_another_worker_goes_on(self, ledger: Ledger, connect: Callable[[], Ledger], key: str) -> None:
        drafted = await ledger.draft_invoice(an_invoice(key))
        other = connect()
        try:
            assert await other.draft_invoice(an_invoice(key)) == drafted
            assert (await other.post_invoice(key, usd("200.00"))).invoice == drafted.invoice
            assert (await ledger.apply_payment(a_payment(key, "200.00"))).payment_state in PAID
        finally:
            await other.close()

    async def test_two_workers_with_the_same_work_do_it_once(
        self, ledger: Ledger, connect: Callable[[], Ledger], key: str
    ) -> None:
        other = connect()
        try:
            await asyncio.gather(*(whole_visit(worker, key) for worker in (ledger, other)))
        finally:
            await other.close()
        kinds = sorted(fact.kind for fact in await facts_of(ledger, key))
        assert kinds == ["accrual", "invoice", "payment", "stock_move"]

    async def test_a_full_payment_pays_once(self, ledger: Ledger, key: str) -> None:
        await posted_invoice(ledger, key)
        first = await ledger.apply_payment(a_payment(key, "200.00"))
        assert first.payment_state in PAID
        assert first.residual == usd("0.00")
        assert await ledger.apply_payment(a_payment(key, "200.00")) == first
        payments = [fact for fact in await facts_of(ledger, key) if fact.kind == "payment"]
        assert [(fact.key, fact.state, fact.amount) for fact in payments] == [(f"{key}-p1", "posted", usd("200.00"))]

    async def test_parts_pay_the_whole(self, ledger: Ledger, key: str) -> None:
        await posted_invoice(ledger, key)
        first = await ledger.apply_payment(a_payment(key, "120.00"))
        assert (first.payment_state, first.residual) == ("partial", usd("80.00"))
        second = await ledger.apply_payment(a_payment(key, "80.00", number=2))
        assert second.payment_state in PAID
        assert second.residual == usd("0.00")

    async def test_full_payments_at_once_pay_once(self, ledger: Ledger, key: str) -> None:
        await posted_invoice(ledger, key)
        payments = [a_payment(key, "200.00", number=n) for n in range(3)]
        outcomes = await asyncio.gather(*(ledger.apply_payment(p) for p in payments), return_exceptions=True)
        refused = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
        assert [failure.code for failure in refused] == ["overpaid", "overpaid"]
        assert len([fact for fact in await facts_of(ledger, key) if fact.kind == "payment"]) == 1

    async def test_refuses_to_overpay(self, ledger: Ledger, key: str) -> None:
        await posted_invoice(ledger, key)
        with pytest.raises(Rejected) as failure:
            await ledger.apply_payment(a_payment(key, "200.01"))
        assert failure.value.code == "overpaid"
        assert failure.value.remedy

    async def test_refuses_to_pay_what_is_not_posted(self, ledger: Ledger, key: str) -> None:
        with pytest.raises(Rejected):
            await ledger.apply_payment(a_payment(key, "200.00"))
        await ledger.draft_invoice(an_invoice(key))
        with pytest.raises(Rejected):
            await ledger.apply_payment(a_payment(key, "200.00"))

    async def test_cancels_a_draft(self, ledger: Ledger, key: str) -> None:
        await ledger.draft_invoice(an_invoice(key))
        assert await ledger.cancel_invoice(key, DAY) == ""
        assert await ledger.cancel_invoice(key, DAY) == ""
        with pytest.raises(Rejected):
            await ledger.post_invoice(key, usd("200.00"))

    async def test_cancelling_what_never_was_needs_nothing(self, ledger: Ledger, key: str) -> None:
        assert await ledger.cancel_invoice(key, DAY) == ""

    async def test_credits_a_posted_invoice_once(self, ledger: Ledger, key: str) -> None:
        await posted_invoice(ledger, key)
        number = await ledger.cancel_invoice(key, DAY)
        assert number
        assert await ledger.cancel_invoice(key, DAY) == number
        (fact,) = await facts_of(ledger, key)
        assert (fact.kind, fact.state) == ("invoice", "reversed")

    async def test_consumes_stock_once_even_below_zero(self, ledger: Ledger, key: str) -> None:
        first = await ledger.consume_stock(a_kit(key))
        assert first.number
        assert first.moves == 2
        assert await ledger.consume_stock(a_kit(key)) == first
        (fact,) = await facts_of(ledger, key)
        assert (fact.kind, fact.number, fact.state) == ("stock_move", first.number, "done")

    async def test_returns_stock_once(self, ledger: Ledger, key: str) -> None:
        await ledger.consume_stock(a_kit(key))
        first = await ledger.return_stock(key)
        assert first.moves == 2
        assert await ledger.return_stock(key) == first
        (fact,) = await facts_of(ledger, key)
        assert fact.state == "returned"

    async def test_returning_what_never_was_needs_nothing(self, ledger: Ledger, key: str) -> None:
        assert (await ledger.return_stock(key)).moves == 0

    async def test_refuses_an_unknown_facility(self, ledger: Ledger, key: str) -> None:
        order = StockOrder(appointment=key, facility="suture-test-nowhere", on=DAY, components=a_kit(key).components)
        with pytest.raises(Rejected) as failure:
            await ledger.consume_stock(order)
        assert failure.value.code == "facility_unknown"

    async def test_accrues_and_reverses_once(self, ledger: Ledger, key: str) -> None:
        accrued = await ledger.accrue_compensation(an_accrual(key))
        assert accrued.amount == usd("70.00")
        assert await ledger.accrue_compensation(an_accrual(key)) == accrued
        assert [fact.state for fact in await facts_of(ledger, key)] == ["posted"]
        reversed_by = await ledger.reverse_compensation(key, DAY)
        assert reversed_by.amount == usd("70.00")
        assert reversed_by.number != accrued.number
        assert await ledger.reverse_compensation(key, DAY) == reversed_by
        assert [(fact.number, fact.state) for fact in await facts_of(ledger, key)] == [(accrued.number, "reversed")]

    async def test_reversing_what_never_was_needs_nothing(self, ledger: Ledger, key: str) -> None:
        assert (await ledger.reverse_compensation(key, DAY)).number == ""

    async def test_a_whole_visit_leaves_one_fact_of_each_kind(self, ledger: Ledger, key: str) -> None:
        await whole_visit(ledger, key)
        facts = await facts_of(ledger, key)
        assert sorted((fact.kind, fact.amount and str(fact.amount)) for fact in facts) == [
            ("accrual", "70.00 USD"),
            ("invoice", "200.00 USD"),
            ("payment", "200.00 USD"),
            ("stock_move", None),
        ]

    async def test_failures_never_name_a_patient(self, ledger: Ledger, key: str) -> None:
        failures = [
            await failure_of(ledger.draft_invoice(an_invoice(key, service=NOT_A_SERVICE))),
            await failure_of(ledger.draft_invoice(an_invoice(f"{key}-2", total="1.00"))),
            await failure_of(ledger.apply_payment(a_payment(key, "1.00"))),
        ]
        words = " ".join(f"{failure} {failure.remedy} {failure.__cause__}" for failure in failures)
        assert not any(part in words for part in PATIENT_NAME.split())
