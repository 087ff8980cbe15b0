"""The trial balance's movements are what the recorded facts come to, account by account."""

from decimal import Decimal

import msgspec
import pytest

from suture.canonical import events as facts
from suture.connectors.port import Balance, LedgerPlan
from suture.core.money import Money
from suture_lab.demo.trial_balance import RECEIVABLE, account_moves, expected_moves

PLAN = LedgerPlan(
    currency="USD",
    income_account="4000",
    compensation_expense_account="6300",
    compensation_liability_account="2300",
    clearing_account="1014",
)


def usd(amount: int | str) -> Money:
    return Money(Decimal(amount), "USD")


POSTED = facts.InvoicePosted(appointment="a1", invoice=7, number="INV/1", total=usd(200))
PAID = facts.InvoicePaid(
    appointment="a1", payment="p1", number="INV/1", amount=usd(120), residual=usd(80), payment_state="partial"
)
CREDITED = facts.InvoiceCancelled(appointment="a1", invoice=7, number="RINV/1")
ACCRUED = facts.CompensationAccrued(appointment="a1", practitioner="Practitioner/d", number="M/1", amount=usd(60))
REVERSED = facts.CompensationReversed(appointment="a1", number="M/2")


@pytest.mark.parametrize(
    ("told", "moves"),
    [
        ([], {}),
        ([POSTED], {RECEIVABLE: 200, "4000": -200}),
        ([POSTED, PAID], {RECEIVABLE: 80, "4000": -200, "1014": 120}),
        ([POSTED, CREDITED], {RECEIVABLE: 0, "4000": 0}),
        ([msgspec.structs.replace(CREDITED, number="")], {}),  # a draft was cancelled
        ([ACCRUED], {"6300": 60, "2300": -60}),
        ([ACCRUED, REVERSED], {"6300": 0, "2300": 0}),
        ([POSTED, CREDITED, POSTED], {RECEIVABLE: 200, "4000": -200}),
    ],
)
def test_facts_move_accounts(told: list[msgspec.Struct], moves: dict[str, int]) -> None:
    assert expected_moves(told, PLAN) == moves


def balance(account: str, debit: str, credit: str = "0", receivable: bool = False) -> Balance:
    return Balance(
        account=account, name=f"Account {account}", is_receivable=receivable, debit=usd(debit), credit=usd(credit)
    )


def test_only_what_moved_or_should_have_is_told_and_receivables_are_one() -> None:
    before = [balance("4000", "0", "50"), balance("1210", "30", receivable=True), balance("9", "7")]
    after = [
        balance("4000", "0", "250"),
        balance("1210", "130", receivable=True),
        balance("1211", "100", receivable=True),
        balance("9", "7"),
    ]
    moves = account_moves(before, after, expected_moves([POSTED, ACCRUED], PLAN))
    assert [(move.account, move.moved, move.expected, move.agrees) for move in moves] == [
        ("2300", "0.00", "-60.00", False),
        ("4000", "-200.00", "-200.00", True),
        ("6300", "0.00", "60.00", False),
        (RECEIVABLE, "200.00", "200.00", True),
    ]


@pytest.mark.parametrize(("currency", "printed"), [("USD", "12.00"), ("XOF", "12"), ("KWD", "12.000")])
def test_amounts_are_printed_with_their_currencys_decimals(currency: str, printed: str) -> None:
    moved = Balance(
        account="1", name="One", is_receivable=False, debit=Money(Decimal(12), currency), credit=Money.zero(currency)
    )
    (move,) = account_moves([], [moved], {})
    assert (move.moved, Decimal(move.expected)) == (printed, 0)
