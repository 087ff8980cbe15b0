"""Money: sums are exact, whatever their order; rounding is never off by more than half a minor unit."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from suture.core.money import Money, quantum, total

CURRENCIES = st.sampled_from(["USD", "EUR", "JPY", "KWD"])
AMOUNTS = st.decimals(min_value=-(10**9), max_value=10**9, places=5)


@given(currency=CURRENCIES, amounts=st.lists(AMOUNTS, max_size=20), data=st.data())
def test_a_total_does_not_depend_on_the_order(currency: str, amounts: list[Decimal], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(amounts))
    assert total((Money(a, currency) for a in amounts), currency) == total(
        (Money(a, currency) for a in shuffled), currency
    )


@given(currency=CURRENCIES, one=AMOUNTS, other=AMOUNTS)
def test_what_is_added_can_be_taken_away(currency: str, one: Decimal, other: Decimal) -> None:
    first, second = Money(one, currency), Money(other, currency)
    assert first + second - second == first
    assert first - first == Money.zero(currency)
    assert not first - first


@given(currency=CURRENCIES, amount=AMOUNTS)
def test_rounding_is_symmetric_idempotent_and_close(currency: str, amount: Decimal) -> None:
    money = Money(amount, currency)
    rounded = money.rounded()
    assert rounded.rounded() == rounded
    assert (-money).rounded() == -rounded
    assert abs(rounded.amount - amount) * 2 <= quantum(currency)
    assert rounded.amount % quantum(currency) == 0
