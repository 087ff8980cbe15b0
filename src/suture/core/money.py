"""Money is a Decimal with its currency; sums across currencies are errors, never numbers."""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Self

import msgspec
from iso4217 import Currency

LARGEST = Decimal(10) ** 12
"""Amounts from here on are mistakes, and more than ledgers that count in binary floating point keep exactly."""


@cache
def quantum(currency: str) -> Decimal:
    """The smallest amount of a currency (ISO 4217 minor unit), for example ``Decimal("0.01")``."""
    try:
        digits = Currency(currency).exponent
    except ValueError:
        digits = None
    return Decimal(1).scaleb(-(2 if digits is None else digits))


def unusable(amount: Decimal, currency: str) -> str:
    """Why a number that came from outside is no amount of a currency, in words that follow "it"; empty where it is
    one. Amounts are never rounded on their way in: what a sender means by half a cent is not ours to guess."""
    if not amount.is_finite():
        return "is not a number"
    if abs(amount) >= LARGEST:
        return "is larger than any amount can be"
    if amount != round_money(amount, currency):
        return f"has more decimals than {currency}"
    return ""


def round_money(amount: Decimal, currency: str) -> Decimal:
    """`amount` to the currency's minor unit, half away from zero, as ledgers' and X12's amounts are."""
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
