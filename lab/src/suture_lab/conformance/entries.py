"""Month-end accruals, dates that are guarded, and balances that are read back."""

import calendar
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import msgspec

from suture.connectors.port import Ledger, UnbilledLine, UnbilledOrder
from suture_lab.conformance.orders import (
    DAY,
    LATER,
    RECEIVABLE,
    an_accrual,
    an_invoice,
    failure_of,
    moved,
    posted_invoice,
    usd,
)

INCOME, UNBILLED, EXPENSE, LIABILITY = "400000", "121900", "630000", "230000"


def last_month_end() -> date:
    return DAY.replace(day=1) - timedelta(days=1)


def unbilled(key: str, on: date) -> UnbilledOrder:
    lines = tuple(
        UnbilledLine(
            facility="suture-test-north",
            practitioner=f"Practitioner/{key[:12]}",
            practitioner_name="Dr Test",
            amount=usd(amount),
        )
        for amount in ("80.00", "40.50")
    )
    return UnbilledOrder(period=f"{key}-{on:%Y-%m}", on=on, lines=lines)


class EntryConformance:
    """What is accrued turns by itself, and nothing is dated where it must not be."""

    async def test_unbilled_work_is_accrued_and_turned_next_month(self, ledger: Ledger, key: str) -> None:
        end = last_month_end()
        order = unbilled(key, end)
        before, before_later = [
            {b.account: b.balance.amount for b in await ledger.balances(day)} for day in (end, LATER)
        ]
        first = await ledger.accrue_unbilled(order)
        assert (first.amount, first.reversed_on) == (usd("120.50"), end + timedelta(days=1))
        assert first.number != first.reversal_number
        assert await ledger.accrue_unbilled(order) == first
        at_end = {b.account: b.balance.amount for b in await ledger.balances(end)}
        assert at_end[UNBILLED] - before.get(UNBILLED, Decimal(0)) == Decimal("120.50")
        assert at_end[INCOME] - before.get(INCOME, Decimal(0)) == Decimal("-120.50")
        later = {b.account: b.balance.amount for b in await ledger.balances(LATER)}
        assert [later[a] - before_later.get(a, Decimal(0)) for a in (UNBILLED, INCOME)] == [0, 0]

    async def test_this_months_accrual_turns_in_a_month_that_is_yet_to_come(self, ledger: Ledger, key: str) -> None:
        today = datetime.now(UTC).date()
        end = today.replace(day=calendar.monthrange(today.year, today.month)[1])
        if end > today:
            failure = await failure_of(ledger.accrue_unbilled(unbilled(key, end)))
            assert failure.code == "future_dated"
        else:
            assert (await ledger.accrue_unbilled(unbilled(key, end))).reversed_on > today

    async def test_only_a_months_last_day_is_one(self, ledger: Ledger, key: str) -> None:
        order = msgspec.structs.replace(unbilled(key, last_month_end()), on=last_month_end() - timedelta(days=1))
        assert (await failure_of(ledger.accrue_unbilled(order))).code == "not_a_month_end"

    async def test_nothing_is_posted_into_the_future(self, ledger: Ledger, key: str) -> None:
        soon = datetime.now(UTC).date() + timedelta(days=3)
        await ledger.draft_invoice(msgspec.structs.replace(an_invoice(key), invoice_date=soon))
        failures = [
            await failure_of(ledger.post_invoice(key, usd("200.00"))),
            await failure_of(ledger.accrue_compensation(msgspec.structs.replace(an_accrual(key), on=soon))),
        ]
        assert [(failure.code, bool(failure.remedy)) for failure in failures] == [("future_dated", True)] * 2

    async def test_balances_move_by_what_is_posted(self, ledger: Ledger, key: str) -> None:
        moves = await moved(ledger, lambda: posted_invoice(ledger, key))
        assert moves == {RECEIVABLE: Decimal(200), INCOME: Decimal(-200)}
        moves = await moved(ledger, lambda: ledger.accrue_compensation(an_accrual(key)))
        assert moves == {EXPENSE: Decimal(70), LIABILITY: Decimal(-70)}

    async def test_the_books_balance(self, ledger: Ledger, key: str) -> None:
        await posted_invoice(ledger, key)
        balances = await ledger.balances(LATER)
        assert sum(balance.balance.amount for balance in balances) == 0
        assert [balance.account for balance in balances] == sorted(balance.account for balance in balances)

    async def test_balances_are_as_of_a_day(self, ledger: Ledger, key: str) -> None:
        before = await ledger.balances(DAY - timedelta(days=1))
        await posted_invoice(ledger, key)
        assert await ledger.balances(DAY - timedelta(days=1)) == before
