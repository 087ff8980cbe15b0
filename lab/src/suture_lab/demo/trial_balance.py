"""Does every account of the ledger move by exactly what Suture's own facts say? Pure.

The facts are events that were recorded; the movements are two trial balances, read from the ledger before and after.
Receivables are taken together: which of them a partner has is the ledger's to choose.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from suture.canonical import events as facts
from suture.connectors.port import Balance, LedgerPlan
from suture.core.money import round_money

RECEIVABLE = "receivables"

FACTS = (
    "suture.invoice.posted.v1",
    "suture.invoice.cancelled.v1",
    "suture.invoice.paid.v1",
    "suture.compensation.accrued.v1",
    "suture.compensation.reversed.v1",
)
"""The types of events that move an account."""


class AccountMove(msgspec.Struct, frozen=True, kw_only=True):
    """By how much an account moved (debits less credits, a decimal string), and by how much it should have."""

    account: str
    name: str
    moved: str
    expected: str

    @property
    def agrees(self) -> bool:
        return self.moved == self.expected


def expected_moves(told: Iterable[msgspec.Struct], plan: LedgerPlan) -> dict[str, Decimal]:
    """What recorded facts (in the order in which they were recorded) come to, by account code."""
    moves: dict[str, Decimal] = defaultdict(Decimal)
    invoiced: dict[str, Decimal] = {}
    accrued: dict[str, Decimal] = {}
    for fact in told:
        match fact:
            case facts.InvoicePosted():
                invoiced[fact.appointment] = fact.total.amount
                _book(moves, RECEIVABLE, plan.income_account, fact.total.amount)
            case facts.InvoiceCancelled() if fact.number:
                _book(moves, plan.income_account, RECEIVABLE, invoiced.pop(fact.appointment, Decimal(0)))
            case facts.InvoicePaid():
                _book(moves, plan.clearing_account, RECEIVABLE, fact.amount.amount)
            case facts.CompensationAccrued():
                accrued[fact.appointment] = fact.amount.amount
                _book(moves, plan.compensation_expense_account, plan.compensation_liability_account, fact.amount.amount)
            case facts.CompensationReversed() if fact.number:
                amount = accrued.pop(fact.appointment, Decimal(0))
                _book(moves, plan.compensation_liability_account, plan.compensation_expense_account, amount)
    return dict(moves)


def _book(moves: dict[str, Decimal], debit: str, credit: str, amount: Decimal) -> None:
    moves[debit] += amount
    moves[credit] -= amount


def account_moves(
    before: Sequence[Balance], after: Sequence[Balance], expected: Mapping[str, Decimal]
) -> tuple[AccountMove, ...]:
    """Every account that moved or should have, by code; amounts with their currency's decimals."""
    currency = next((balance.balance.currency for balance in (*after, *before)), "")
    names = {_code(balance): _name(balance) for balance in (*before, *after)}
    moved: dict[str, Decimal] = defaultdict(Decimal)
    for sign, balances in ((-1, before), (1, after)):
        for balance in balances:
            moved[_code(balance)] += sign * balance.balance.amount
    told = {code for code, amount in (*moved.items(), *expected.items()) if amount}
    return tuple(
        AccountMove(
            account=code,
            name=names.get(code, ""),
            moved=str(round_money(moved[code], currency)),
            expected=str(round_money(expected.get(code, Decimal(0)), currency)),
        )
        for code in sorted(told)
    )


def _code(balance: Balance) -> str:
    return RECEIVABLE if balance.is_receivable else balance.account


def _name(balance: Balance) -> str:
    return "" if balance.is_receivable else balance.name
