"""What lines and their percent taxes come to, by either of Odoo's ways to round. Pure.

A tax that is included in the price is taken out of it; the others are put on top. 17 rounds an included tax line by
line whatever the company says, and no base globally; 19 rounds all of a document's bases and taxes together.
"""

from collections import defaultdict
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal, NamedTuple

Method = Literal["round_per_line", "round_globally"]

_CENT = Decimal("0.01")


def money(amount: float) -> float:
    """To the cent, half away from zero; what a float is off by doesn't count."""
    return float(Decimal(f"{amount:.9f}").quantize(_CENT, rounding=ROUND_HALF_UP)) + 0.0


class Tax(NamedTuple):
    id: int
    rate: float
    included: bool


class Priced(NamedTuple):
    """A line to be taxed: its price as given, times its quantity, without rounding."""

    amount: float
    taxes: Sequence[Tax] = ()


class Taxed(NamedTuple):
    """`subtotal` and `total` as the line shows them, `base` what is booked."""

    subtotal: float
    total: float
    base: float


class _TaxPart(NamedTuple):
    base: float
    taxes: dict[int, float]


def compute(lines: Sequence[Priced], method: Method, version: int) -> tuple[list[Taxed], list[dict[int, float]]]:
    """The lines, and what of each tax falls on each (unrounded where it is rounded together by `sums`)."""
    rounded = [_rounded(line) for line in lines]
    if method == "round_per_line":
        return [_taxed(part, part.base) for part in rounded], [part.taxes for part in rounded]
    raw = [_raw(line) if version >= 18 else _raw_17(line) for line in lines]
    if version < 18:
        shown = [_shown_17(part, line) for part, line in zip(rounded, raw, strict=True)]
        return shown, [part.taxes for part in raw]
    bases = _spread([part.base for part in rounded], money(sum(part.base for part in raw)))
    taxed = [_taxed(part, base) for part, base in zip(rounded, bases, strict=True)]
    return taxed, [part.taxes for part in raw]


def sums(amounts: Sequence[float]) -> float:
    """What one tax comes to on all of its lines."""
    return money(sum(amounts))


def _raw(line: Priced) -> _TaxPart:
    included = sum(tax.rate for tax in line.taxes if tax.included) / 100
    base = line.amount / (1 + included)
    return _TaxPart(base, {tax.id: base * tax.rate / 100 for tax in line.taxes})


def _rounded(line: Priced) -> _TaxPart:
    amount = money(line.amount)
    included = sum(tax.rate for tax in line.taxes if tax.included) / 100
    taken = {tax.id: money(amount / (1 + included) * tax.rate / 100) for tax in line.taxes if tax.included}
    base = money(amount - sum(taken.values()))
    return _TaxPart(
        base, {tax.id: taken[tax.id] if tax.included else money(base * tax.rate / 100) for tax in line.taxes}
    )


def _raw_17(line: Priced) -> _TaxPart:
    part = _rounded(line)
    return _TaxPart(
        part.base,
        {tax.id: part.taxes[tax.id] if tax.included else part.base * tax.rate / 100 for tax in line.taxes},
    )


def _taxed(part: _TaxPart, base: float) -> Taxed:
    return Taxed(part.base, money(part.base + sum(part.taxes.values())), base)


def _shown_17(part: _TaxPart, raw: _TaxPart) -> Taxed:
    return Taxed(part.base, money(part.base + sum(raw.taxes.values())), part.base)


def _spread(amounts: Sequence[float], total: float) -> list[float]:
    """The difference to what they come to together, a cent a line, the largest lines first."""
    spread = list(amounts)
    left = round((total - sum(amounts)) * 100)
    step = 0.01 if left > 0 else -0.01
    largest = sorted(range(len(spread)), key=lambda i: -abs(spread[i]))
    for turn in range(abs(left)):
        at = largest[turn % len(largest)]
        spread[at] = money(spread[at] + step)
    return spread


def by_tax(shares: Sequence[dict[int, float]]) -> dict[int, float]:
    """Each tax's amount over all lines."""
    found: dict[int, list[float]] = defaultdict(list)
    for share in shares:
        for tax, amount in share.items():
            found[tax].append(amount)
    return {tax: sums(amounts) for tax, amounts in found.items()}
