"""What Suture says, in English: numbers and nouns, articles, causes in words."""

import pytest

from suture.core.english import article, cause, closed, plural
from suture.views.runbook import CLASSES


@pytest.mark.parametrize(
    ("count", "told"), [(0, "no delivery"), (1, "1 delivery"), (2, "2 deliveries"), (1200, "1,200 deliveries")]
)
def test_a_number_and_its_noun(count: int, told: str) -> None:
    assert plural(count, "delivery", "deliveries") == told


@pytest.mark.parametrize("noun", ["a charge", "an appointment", "an invoice", "a payment", "an accrual"])
def test_a_noun_and_its_article(noun: str) -> None:
    assert article(noun.partition(" ")[2]) == noun


@pytest.mark.parametrize("code", sorted(CLASSES["outage"]))
def test_why_a_system_does_not_serve_is_said_in_words(code: str) -> None:
    assert "“" not in cause(code)
    assert "_" not in cause(code)


def test_a_cause_without_words_of_its_own_is_named() -> None:
    assert cause("period_locked") == "of “period locked”"


def test_what_closed_without_anybody_says_why_and_else_by_whom() -> None:
    assert closed("ada") == "by ada"
    assert closed("went on") == "because the process went on"
    assert closed("booked") == "because the remittance was booked"
    assert closed(None) == "by –"
