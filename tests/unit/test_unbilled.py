"""What unbilled work is estimated at: prices of its own facility and currency, and none where nobody knows."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from suture.canonical.records import ServiceLine, Visit
from suture.processes.closing import PriceList, unbilled_work
from suture.store.ledger_snapshot import Price, Unbilled


def price(service: str, facility: str, amount: str) -> Price:
    return Price(service=service, facility=facility, currency="USD", price=Decimal(amount), seq=1)


def a_visit(facility: str) -> Visit:
    at = datetime(2026, 3, 2, 9, tzinfo=UTC)
    return Visit(
        appointment="a1",
        patient="Patient/p1",
        practitioner="Practitioner/d1",
        facility=facility,
        payer=None,
        started_at=at,
        ended_at=at,
        lines=(ServiceLine(service="VISIT", quantity=Decimal(2)),),
    )


CASES = {
    "its own facility's": ([price("VISIT", "MAIN", "100"), price("VISIT", "EAST", "80")], "EAST", "160.00"),
    "where none was charged, the others', if they agree": (
        [price("VISIT", "MAIN", "100"), price("VISIT", "NORTH", "100")],
        *("EAST", "200.00"),
    ),
    "none, where the others don't agree": ([price("VISIT", "MAIN", "100"), price("VISIT", "WEST", "80")], "EAST", None),
    "none, where nobody was charged": ([price("TALK", "EAST", "10")], "EAST", None),
}


@pytest.mark.parametrize("case", CASES)
def test_unbilled_work_is_estimated_at_its_facility_s_prices(case: str) -> None:
    prices, facility, amount = CASES[case]
    one = Unbilled(appointment="a1", day=date(2026, 3, 2), facility=facility, amount=None, currency=None)
    work = unbilled_work([one], lambda _: a_visit(facility), PriceList(prices), "USD")
    assert [str(of.amount.amount) for of in work.work] == ([] if amount is None else [amount])
    assert work.unpriced == (() if amount else ("a1",))


def test_a_charge_in_another_currency_is_named_and_not_summed() -> None:
    one = Unbilled(appointment="a1", day=date(2026, 3, 2), facility="MAIN", amount=Decimal(500), currency="EUR")
    work = unbilled_work([one], lambda _: a_visit("MAIN"), PriceList([]), "USD")
    assert (work.work, work.unpriced) == ((), ("a1",))
