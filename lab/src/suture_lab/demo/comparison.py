"""Compares what each side holds: every completed appointment charged and posted once, every payment applied once.

A pure function over facts that were read from the systems; our own log is not asked. What is missing and stands in the
exception queue is explained; anything else that is missing is lost.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from suture.canonical.records import JournalFact
from suture.core.english import article
from suture.core.money import total

_COMPLETED = "fulfilled"
_GONE = frozenset({"voided", "cancel", "cancelled", "canceled", "reversed", "returned", "draft"})


class SideTotals(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one side holds. Fields that it doesn't keep are None; totals are decimal strings.

    `stock_moves` counts transfers, one a visit that used supplies.
    """

    charges: int | None = None
    charge_total: str | None = None
    invoices_posted: int | None = None
    invoice_total: str | None = None
    payments: int | None = None
    payment_total: str | None = None
    stock_moves: int | None = None
    accruals: int | None = None
    accrual_total: str | None = None


class DemoDifference(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that doesn't agree. `kind` is ``lost``, ``duplicated``, ``unexpected`` or ``differs``."""

    kind: str
    entity: str
    key: str
    detail: str


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict: `differences` holds all that no exception explains."""

    appointments: dict[str, int]
    billing: SideTotals
    ledger: SideTotals
    differences: tuple[DemoDifference, ...]

    def count(self, kind: str) -> int:
        return sum(difference.kind == kind for difference in self.differences)


class Facts(msgspec.Struct, frozen=True):
    """Everything that was read, by side."""

    scheduling: tuple[JournalFact, ...]
    billing: tuple[JournalFact, ...]
    ledger: tuple[JournalFact, ...]

    def of(self, side: str, kind: str) -> list[JournalFact]:
        """The facts of a kind that stand: voided and cancelled ones and drafts don't."""
        found: tuple[JournalFact, ...] = getattr(self, side)
        return [fact for fact in found if fact.kind == kind and fact.state not in _GONE]


def compare(facts: Facts, explained: frozenset[str], currency: str) -> Comparison:
    """Compare the sides. `explained` are the appointments and payments that an open exception holds; a payment waits
    behind the invoice that it pays."""
    completed = {fact.key for fact in facts.scheduling if fact.state == _COMPLETED}
    explained |= {fact.key for fact in facts.of("billing", "payment") if fact.of in explained}
    differences = [
        *_once(completed, facts.of("billing", "charge"), "charge", explained),
        *_once(completed, facts.of("ledger", "invoice"), "invoice", explained),
        *_not_twice(facts.of("ledger", "accrual"), "accrual"),
        *_not_twice(facts.of("ledger", "stock_move"), "stock move"),
        *_amounts(facts.of("billing", "charge"), _invoiced(facts), "invoice", explained),
        *_once(
            {fact.key for fact in facts.of("billing", "payment")},
            facts.of("ledger", "payment"),
            "payment",
            explained,
        ),
        *_amounts(facts.of("billing", "payment"), facts.of("ledger", "payment"), "payment", explained),
    ]
    return Comparison(
        appointments=dict(Counter(fact.state for fact in facts.scheduling)),
        billing=_billing_totals(facts, currency),
        ledger=_ledger_totals(facts, currency),
        differences=tuple(differences),
    )


def _invoiced(facts: Facts) -> list[JournalFact]:
    """Invoices by their charge: with what the patient is billed apart, where a visit has two."""
    shares = {fact.key: fact.amount for fact in facts.of("ledger", "patient_invoice") if fact.amount is not None}
    return [
        msgspec.structs.replace(fact, amount=fact.amount + shares[fact.key])
        if fact.amount is not None and fact.key in shares
        else fact
        for fact in facts.of("ledger", "invoice")
    ]


def _once(due: set[str], found: list[JournalFact], entity: str, explained: frozenset[str]) -> Iterable[DemoDifference]:
    """Each key that is due is found exactly once, and no other."""
    keys = Counter(fact.key for fact in found)
    for key in sorted(due - keys.keys() - explained):
        yield DemoDifference(kind="lost", entity=entity, key=key, detail=f"no {entity} stands for it")
    for key in sorted(keys.keys() - due):
        yield DemoDifference(
            kind="unexpected", entity=entity, key=key, detail=f"{article(entity)} stands for what isn't due"
        )
    yield from _not_twice(found, entity)


def _not_twice(found: list[JournalFact], entity: str) -> Iterable[DemoDifference]:
    numbers: Mapping[str, list[str]] = defaultdict(list)
    for fact in found:
        numbers[fact.key].append(fact.number)
    for key, several in sorted(numbers.items()):
        for extra in several[1:]:
            yield DemoDifference(kind="duplicated", entity=entity, key=key, detail=f"{extra} beside {several[0]}")


def _amounts(
    one: list[JournalFact], other: list[JournalFact], entity: str, explained: frozenset[str]
) -> Iterable[DemoDifference]:
    """Where both sides hold a key, they hold the same amount."""
    expected = {fact.key: fact.amount for fact in one}
    for fact in other:
        if fact.key in expected and fact.key not in explained and expected[fact.key] != fact.amount:
            detail = f"{expected[fact.key]} in billing, {fact.amount} in the ledger"
            yield DemoDifference(kind="differs", entity=entity, key=fact.key, detail=detail)


def _billing_totals(facts: Facts, currency: str) -> SideTotals:
    charges, payments = facts.of("billing", "charge"), facts.of("billing", "payment")
    return SideTotals(
        charges=len(charges),
        charge_total=_sum(charges, currency),
        payments=len(payments),
        payment_total=_sum(payments, currency),
    )


def _ledger_totals(facts: Facts, currency: str) -> SideTotals:
    invoices, payments = _invoiced(facts), facts.of("ledger", "payment")
    accruals = facts.of("ledger", "accrual")
    return SideTotals(
        invoices_posted=len(invoices),
        invoice_total=_sum(invoices, currency),
        payments=len(payments),
        payment_total=_sum(payments, currency),
        stock_moves=len(facts.of("ledger", "stock_move")),
        accruals=len(accruals),
        accrual_total=_sum(accruals, currency),
    )


def _sum(found: Iterable[JournalFact], currency: str) -> str:
    return str(total((fact.amount for fact in found if fact.amount is not None), currency).rounded().amount)
