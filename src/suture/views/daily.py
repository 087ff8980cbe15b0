"""Days side by side: what each system holds of each, and whether they agree."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import msgspec

from suture.store.ledger_snapshot import DailyTotals

BOOKS = (
    ("scheduling.appointment", "Visits"),
    ("suture.appointment", "Told"),
    ("billing.charge", "Charged"),
    ("ledger.invoice", "Invoiced"),
    ("billing.payment", "Paid"),
    ("ledger.payment", "In the ledger"),
)
_COMPARED = (
    ("scheduling.appointment", "suture.appointment"),
    ("billing.charge", "ledger.invoice"),
    ("billing.payment", "ledger.payment"),
)


class Figure(msgspec.Struct, frozen=True):
    count: int
    amount: Decimal


class Daily(msgspec.Struct, frozen=True, kw_only=True):
    """A day: a figure for each of `BOOKS`, and whether what is compared has the same hash."""

    day: date
    figures: tuple[Figure, ...]
    agrees: bool


def daily(tallies: Sequence[DailyTotals]) -> list[Daily]:
    """The days that were read, the newest first."""
    found = []
    for day in sorted({one.day for one in tallies}, reverse=True):
        of_day = [one for one in tallies if one.day == day]
        figures = tuple(_figure(of_day, book) for book, _ in BOOKS)
        agrees = all(_hash(of_day, left) == _hash(of_day, right) for left, right in _COMPARED)
        found.append(Daily(day=day, figures=figures, agrees=agrees))
    return found


def _figure(of_day: Sequence[DailyTotals], book: str) -> Figure:
    held = [one for one in of_day if one.book == book]
    return Figure(sum(one.count for one in held), sum((one.amount for one in held), Decimal(0)))


def _hash(of_day: Sequence[DailyTotals], book: str) -> dict[tuple[str, str], int]:
    return {(one.facility, one.currency): one.hash for one in of_day if one.book == book}
