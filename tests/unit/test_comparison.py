"""What each side holds, compared: a fact reads ``side kind key number state amount``."""

from decimal import Decimal

import msgspec
import pytest

from suture.canonical.records import JournalFact
from suture.core.money import Money
from suture_lab.demo.comparison import Facts, SideTotals, compare

SOUND = """
scheduling appointment a1 a1 fulfilled -
billing charge a1 C1 captured 200.00
billing payment p1 P1 posted 120.00
ledger invoice a1 INV/1 posted 200.00
ledger payment p1 PAY/1 posted 120.00
ledger stock_move a1 OUT/1 done -
ledger accrual a1 ACC/1 posted 60.00
"""


def facts(text: str) -> Facts:
    sides: dict[str, list[JournalFact]] = {"scheduling": [], "billing": [], "ledger": []}
    for line in filter(None, text.splitlines()):
        side, kind, key, number, state, amount = line.split()
        money = None if amount == "-" else Money(Decimal(amount), "USD")
        sides[side].append(JournalFact(kind=kind, key=key, number=number, state=state, amount=money))
    return Facts(*(tuple(found) for found in sides.values()))


def differences(text: str, *explained: str) -> list[str]:
    found = compare(facts(text), frozenset(explained), "USD").differences
    return [f"{difference.kind} {difference.entity} {difference.key}" for difference in found]


def test_sides_that_agree_have_no_difference() -> None:
    assert differences(SOUND) == []


@pytest.mark.parametrize(
    ("missing", "lost"),
    [
        ("billing charge a1 C1 captured 200.00", ["lost charge a1"]),
        ("ledger invoice a1 INV/1 posted 200.00", ["lost invoice a1"]),
        ("ledger payment p1 PAY/1 posted 120.00", ["lost payment p1"]),
    ],
)
def test_what_is_missing_is_lost_unless_an_exception_explains_it(missing: str, lost: list[str]) -> None:
    text = SOUND.replace(missing, "")
    assert differences(text) == lost
    assert differences(text, "a1", "p1") == []


def test_a_payment_behind_an_invoice_that_an_exception_holds_is_not_lost() -> None:
    waiting = facts("scheduling appointment a1 a1 fulfilled -\nbilling payment p1 P1 posted 120.00")
    paid = tuple(msgspec.structs.replace(one, of="a1") for one in waiting.billing)
    waiting = Facts(waiting.scheduling, paid, waiting.ledger)
    lost = {"charge a1", "invoice a1", "payment p1"}
    assert {f"{one.entity} {one.key}" for one in compare(waiting, frozenset(), "USD").differences} == lost
    assert compare(waiting, frozenset({"a1"}), "USD").differences == ()


@pytest.mark.parametrize("state", ["draft", "cancel", "cancelled", "reversed", "voided"])
def test_what_does_not_stand_counts_as_missing(state: str) -> None:
    assert differences(SOUND.replace("INV/1 posted", f"INV/1 {state}")) == ["lost invoice a1"]


@pytest.mark.parametrize(
    ("extra", "found"),
    [
        ("billing charge a1 C2 captured 200.00", "duplicated charge a1"),
        ("ledger invoice a1 INV/2 posted 200.00", "duplicated invoice a1"),
        ("ledger payment p1 PAY/2 posted 120.00", "duplicated payment p1"),
        ("ledger stock_move a1 OUT/2 done -", "duplicated stock move a1"),
        ("ledger accrual a1 ACC/2 posted 60.00", "duplicated accrual a1"),
        ("billing charge a2 C2 captured 10.00", "unexpected charge a2"),
        ("ledger invoice a2 INV/2 posted 10.00", "unexpected invoice a2"),
        ("ledger payment p2 PAY/2 posted 10.00", "unexpected payment p2"),
    ],
)
def test_what_is_too_much_is_found_even_where_an_exception_stands(extra: str, found: str) -> None:
    assert differences(SOUND + extra, "a1", "a2") == [found]


@pytest.mark.parametrize("status", ["cancelled", "noshow", "booked"])
def test_nothing_is_due_for_an_appointment_that_was_not_completed(status: str) -> None:
    assert differences(f"scheduling appointment a1 a1 {status} -") == []
    assert "unexpected invoice a1" in differences(SOUND.replace("fulfilled", status))


@pytest.mark.parametrize(
    ("right", "wrong", "found"),
    [
        ("INV/1 posted 200.00", "INV/1 posted 199.99", "differs invoice a1"),
        ("PAY/1 posted 120.00", "PAY/1 posted 12.00", "differs payment p1"),
    ],
)
def test_amounts_agree_to_the_cent(right: str, wrong: str, found: str) -> None:
    assert differences(SOUND.replace(right, wrong)) == [found]


def test_each_side_is_counted_and_summed() -> None:
    second = "\n".join(line.replace("a1", "a2").replace("p1", "p2") for line in SOUND.splitlines())
    comparison = compare(facts(SOUND + second + "\nscheduling appointment a3 a3 noshow -"), frozenset(), "USD")
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
    assert comparison.count("lost") == comparison.count("duplicated") == 0


def test_payers_and_patients_parts_are_the_charge_together() -> None:
    parts = SOUND.replace("INV/1 posted 200.00", "INV/1 posted 170.00")
    assert differences(parts) == ["differs invoice a1"]
    assert differences(parts + "ledger patient_invoice a1 INV/2 posted 30.00\n") == []
