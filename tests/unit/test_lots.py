"""Which lots a consumption takes from: what expires first, then what came first; and never more than there is."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from suture.connectors.odoo.records.articles import Article
from suture.connectors.odoo.stock.lots import HeldLot, TakenLot, allot, lots_for, without
from suture.core.failure import Rejected
from suture_lab.conformance.orders import a_kit

LATE = HeldLot(product=1, lot=10, name="LATE", quantity=Decimal(5), expires="2031-01-01", since="2026-01-01")
SOON = HeldLot(product=1, lot=11, name="SOON", quantity=Decimal(2), expires="2030-01-01", since="2026-02-01")
EVER = HeldLot(product=1, lot=12, name="EVER", quantity=Decimal(9), since="2025-01-01")


@pytest.mark.parametrize(
    ("wanted", "taken"),
    [
        (1, [("SOON", 1)]),
        (2, [("SOON", 2)]),
        (4, [("SOON", 2), ("LATE", 2)]),
        (9, [("SOON", 2), ("LATE", 5), ("EVER", 2)]),
        (99, [("SOON", 2), ("LATE", 5), ("EVER", 9)]),
    ],
)
def test_what_expires_first_is_taken_first(wanted: int, taken: list[tuple[str, int]]) -> None:
    assert [(one.name, one.quantity) for one in allot(Decimal(wanted), [EVER, LATE, SOON])] == taken


def test_without_expiry_what_came_first_is_taken_first() -> None:
    newer = HeldLot(product=1, lot=9, name="NEWER", quantity=Decimal(9), since="2026-05-01")
    assert [one.name for one in allot(Decimal(3), [newer, EVER])] == ["EVER"]


def test_what_one_visit_takes_is_not_there_for_the_next() -> None:
    left = without({1: [LATE, SOON]}, [TakenLot(11, "SOON", Decimal(2)), TakenLot(10, "LATE", Decimal(1))])
    assert [(one.name, one.quantity) for one in allot(Decimal(9), left[1])] == [("LATE", Decimal(4))]


def test_too_little_in_known_lots_is_refused_and_untracked_articles_need_none() -> None:
    articles = {"SUTURE-TEST-GLOVES": Article(product=1, tracked=True), "SUTURE-TEST-SYRINGE": Article(product=2)}
    chosen = lots_for(a_kit("A"), articles, {1: [SOON]})
    assert {code: [one.name for one in taken] for code, taken in chosen.items()} == {"SUTURE-TEST-GLOVES": ["SOON"]}
    with pytest.raises(Rejected) as failure:
        lots_for(a_kit("A"), articles, {1: []})
    assert failure.value.code == "lots_short"


@given(st.integers(1, 60), st.lists(st.integers(0, 20), max_size=6))
def test_no_lot_gives_more_than_it_holds(wanted: int, quantities: list[int]) -> None:
    held = [HeldLot(product=1, lot=n, name=str(n), quantity=Decimal(q)) for n, q in enumerate(quantities)]
    taken = allot(Decimal(wanted), held)
    assert sum(one.quantity for one in taken) == min(wanted, sum(quantities))
    assert all(0 < one.quantity <= held[one.lot].quantity for one in taken)
