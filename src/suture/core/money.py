"""Money is a Decimal with its currency; sums across currencies are errors, never numbers."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from typing import Self

import msgspec

_MINOR_UNITS = {"JPY": 0, "KRW": 0, "CLP": 0, "ISK": 0, "BHD": 3, "KWD": 3, "OMR": 3, "TND": 3, "JOD": 3}


def quantum(currency: str) -> Decimal:
    """The smallest amount of a currency (ISO 4217 minor unit), for example ``Decimal("0.01")``."""
    return Decimal(1).scaleb(-_MINOR_UNITS.get(currency, 2))


def round_money(amount: Decimal, currency: str) -> Decimal:
    """`amount` to the currency's minor unit, half away from zero, as Odoo's and X12's amounts are."""
    return amount.quantize(quantum(currency), rounding=ROUND_HALF_UP)


class Money(msgspec.Struct, frozen=True, order=False):
    """An amount in a currency (ISO 4217 code)."""

    amount: Decimal
    currency: str

    @classmethod
    def zero(cls, currency: str) -> Self:
        return cls(Decimal(0), currency)

    def __add__(self, other: "Money") -> "Money":
        return Money(self.amount + self._same_currency(other), self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return Money(self.amount - self._same_currency(other), self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.amount, self.currency)

    def __mul__(self, factor: Decimal) -> "Money":
        return Money(self.amount * factor, self.currency)

    def __bool__(self) -> bool:
        return self.amount != 0

    def __str__(self) -> str:
        return f"{self.rounded().amount} {self.currency}"

    def rounded(self) -> "Money":
        return Money(round_money(self.amount, self.currency), self.currency)

    def _same_currency(self, other: "Money") -> Decimal:
        if other.currency != self.currency:
            raise ValueError(f"{self.currency} and {other.currency} don't add up")
        return other.amount


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The sum of `amounts`, all in `currency`; zero when there are none."""
    return sum(amounts, Money.zero(currency))
