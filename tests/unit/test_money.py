"""Money: exact, in one currency at a time, rounded half away from zero to the currency's minor unit."""

from decimal import Decimal

import pytest

from suture.core.money import Money, quantum, round_money, total, unusable


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("1.005", "USD", "1.01"),
        ("-1.005", "USD", "-1.01"),
        ("1.0049", "USD", "1.00"),
        ("2", "USD", "2.00"),
        ("0.5", "JPY", "1"),
        ("1.4", "JPY", "1"),
        ("1.0005", "KWD", "1.001"),
    ],
)
def test_rounds_half_away_from_zero(amount: str, currency: str, rounded: str) -> None:
    assert str(round_money(Decimal(amount), currency)) == rounded
    assert Money(Decimal(amount), currency).rounded() == Money(Decimal(rounded), currency)


_NONE = "XOF XAF UGX RWF VND GNF KMF BIF DJF PYG UYI VUV XPF JPY KRW CLP ISK"
_THREE = "LYD IQD BHD KWD OMR TND JOD"


@pytest.mark.parametrize(
    ("currencies", "smallest"),
    [("USD EUR CHF MGA XXX ???", "0.01"), (_NONE, "1"), (_THREE, "0.001"), ("CLF", "0.0001")],
)
def test_knows_the_minor_units_of_every_currency(currencies: str, smallest: str) -> None:
    assert {quantum(currency) for currency in currencies.split()} == {Decimal(smallest)}


@pytest.mark.parametrize(
    ("amount", "currency", "why"),
    [
        ("120.00", "USD", ""),
        ("-120.000", "USD", ""),
        ("999999999999.99", "USD", ""),
        ("100", "XOF", ""),
        ("0.001", "IQD", ""),
        ("120.005", "USD", "has more decimals than USD"),
        ("0.5", "VND", "has more decimals than VND"),
        ("0.0001", "LYD", "has more decimals than LYD"),
        ("1e-400", "USD", "has more decimals than USD"),
        ("1e30", "USD", "is larger than any amount can be"),
        ("-1e12", "USD", "is larger than any amount can be"),
        ("1e999999", "USD", "is larger than any amount can be"),
        ("Infinity", "USD", "is not a number"),
        ("-Infinity", "USD", "is not a number"),
        ("NaN", "USD", "is not a number"),
        ("sNaN", "USD", "is not a number"),
    ],
)
def test_what_is_no_amount_of_a_currency_says_why(amount: str, currency: str, why: str) -> None:
    assert unusable(Decimal(amount), currency) == why


def test_adds_subtracts_and_multiplies() -> None:
    two, three = Money(Decimal(2), "USD"), Money(Decimal(3), "USD")
    assert two + three == Money(Decimal(5), "USD")
    assert two - three == -Money(Decimal(1), "USD")
    assert three * Decimal("0.5") == Money(Decimal("1.5"), "USD")


@pytest.mark.parametrize("combine", [Money.__add__, Money.__sub__])
def test_never_adds_two_currencies(combine) -> None:
    with pytest.raises(ValueError, match="USD and EUR don't add up"):
        combine(Money.zero("USD"), Money.zero("EUR"))


def test_is_false_only_when_it_is_nothing() -> None:
    assert not Money(Decimal("0.00"), "USD")
    assert Money(Decimal("-0.01"), "USD")


def test_reads_as_a_rounded_amount_with_its_currency() -> None:
    assert str(Money(Decimal("12.345"), "USD")) == "12.35 USD"


def test_totals() -> None:
    assert total([], "USD") == Money.zero("USD")
    assert total((Money(Decimal(n), "USD") for n in (1, 2, 3)), "USD") == Money(Decimal(6), "USD")
    with pytest.raises(ValueError, match="don't add up"):
        total([Money.zero("EUR")], "USD")
