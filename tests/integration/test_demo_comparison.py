"""The demo compares systems by reconciliation's rules. A fact reads ``side kind key number state amount``."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from suture.bootstrap.composition import Foundation, Systems
from suture.bootstrap.settings import Secrets, Settings
from suture.canonical.records import JournalFact
from suture.catalogue import Catalogue
from suture.catalogue.reconciliation import ReconciliationPolicy, standard_rules
from suture.core.clock import Clock
from suture.core.money import Money
from suture.store.data_keys import Vault
from suture.store.database import Database
from suture_lab.demo.comparison import Comparison, SideTotals, compare_sides

DAY = date(2026, 3, 2)
SOUND = """
scheduling appointment a1 a1 fulfilled -
billing charge a1 C1 captured 200.00
billing payment p1 P1 posted 120.00
ledger invoice a1 INV/1 posted 200.00
ledger payment p1 PAY/1 posted 120.00
ledger stock_move a1 OUT/1 done -
ledger accrual a1 ACC/1 posted 60.00
"""
OUTSIDE = tuple(rule for rule in standard_rules() if rule.right and "suture" not in (rule.left.system, rule.judged))
"""The rules that compare outside systems with each other: nothing was told to Suture here."""


class Holds:
    """A system that holds some facts."""

    def __init__(self, facts: list[JournalFact]) -> None:
        self._facts = facts

    async def facts(self, _: object = None) -> AsyncIterator[JournalFact]:
        for fact in self._facts:
            yield fact

    def of_company(self, _: str | None) -> "Holds":
        return self


def facts(text: str, side: str) -> list[JournalFact]:
    found = []
    for line in filter(None, text.splitlines()):
        at, kind, key, number, state, amount = line.split()
        money = None if amount == "-" else Money(Decimal(amount), "USD")
        of = key.replace("p", "a") if kind == "payment" else None
        fact = JournalFact(kind=kind, key=key, number=number, state=state, day=DAY, amount=money)
        found += [msgspec.structs.replace(fact, of=of) if of else fact] if at == side else []
    return found


Compares = Callable[..., Awaitable[Comparison]]


@pytest.fixture
def compared(tmp_path: Path, database: Database, vault: Vault, clock: Clock, catalogue: Catalogue) -> Compares:
    ruled = msgspec.structs.replace(catalogue, reconciliation=ReconciliationPolicy(rules=OUTSIDE))
    base = Foundation(Settings(data_dir=tmp_path), Secrets({}, tmp_path), ruled, clock, database, vault, "")

    async def compare(text: str, *explained: str) -> Comparison:
        systems = Systems(*(Holds(facts(text, side)) for side in ("scheduling", "billing", "ledger")))  # type: ignore[arg-type]
        return await compare_sides(base, systems, {"a1", "a2", "a3"}, (DAY, DAY), explained)

    return compare


def words(comparison: Comparison) -> set[str]:
    return {f"{one.rule} {one.key} {one.kind}" for one in comparison.differences}


async def test_sides_that_agree_have_no_difference_and_are_counted_and_summed(compared: Compares) -> None:
    second = SOUND.replace("1", "2").replace("220.00", "120.00").replace("122.00", "120.00")
    comparison = await compared(SOUND + second + "scheduling appointment a3 a3 noshow -\n")
    assert words(comparison) == set()
    assert comparison.appointments == {"fulfilled": 2, "noshow": 1}
    assert comparison.billing == SideTotals(charges=2, charge_total="400.00", payments=2, payment_total="240.00")
    assert comparison.ledger == SideTotals(
        invoices_posted=2,
        invoice_total="400.00",
        payments=2,
        payment_total="240.00",
        stock_moves=2,
        accruals=2,
        accrual_total="120.00",
    )


@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [
        ("billing charge a1 C1 captured 200.00\n", "", "visit_not_charged a1 missing"),
        ("ledger invoice a1 INV/1 posted 200.00\n", "", "charge_not_invoiced a1 missing"),
        ("ledger payment p1 PAY/1 posted 120.00\n", "", "payment_not_applied p1 missing"),
        ("INV/1 posted", "INV/1 draft", "charge_not_invoiced a1 draft"),
        ("INV/1 posted 200.00", "INV/1 posted 199.99", "charge_not_invoiced a1 differs"),
        ("PAY/1 posted 120.00", "PAY/1 posted 12.00", "payment_not_applied p1 differs"),
    ],
)
async def test_what_is_missing_or_differs_is_told_unless_an_exception_explains_it(
    compared: Compares, right: str, wrong: str, found: str
) -> None:
    assert found in words(await compared(SOUND.replace(right, wrong)))
    assert words(await compared(SOUND.replace(right, wrong), "a1")) <= {"charge_not_invoiced a1 unexpected"}


@pytest.mark.parametrize(
    ("extra", "found"),
    [
        ("billing charge a1 C2 captured 200.00", "visit_not_charged a1 twice"),
        ("ledger invoice a1 INV/2 posted 200.00", "charge_not_invoiced a1 twice"),
        ("ledger payment p1 PAY/2 posted 120.00", "payment_not_applied p1 twice"),
        ("ledger invoice a2 INV/2 posted 10.00", "charge_not_invoiced a2 unexpected"),
    ],
)
async def test_what_is_too_much_is_told_even_where_an_exception_stands(
    compared: Compares, extra: str, found: str
) -> None:
    assert found in words(await compared(f"{SOUND}{extra}\n", "a1", "a2"))


async def test_what_is_of_other_days_appointments_is_not_looked_at(compared: Compares) -> None:
    comparison = await compared(SOUND + "ledger invoice of-before INV/9 posted 10.00\n")
    assert (words(comparison), comparison.ledger.invoices_posted) == (set(), 1)
