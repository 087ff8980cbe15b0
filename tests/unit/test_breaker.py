"""When outcomes of the last seconds are bad enough."""

import pytest

from suture.catalogue.model import Breaker
from suture.core.breaker import Window

LIMIT = Breaker(count=3, share=0.5, within=10)


def noted(*outcomes: tuple[float, bool], limit: Breaker = LIMIT) -> list[bool]:
    """What the window answers to each (time, good)."""
    window = Window(limit)
    return [window.note(good, now) for now, good in outcomes]


@pytest.mark.parametrize(
    ("outcomes", "reached"),
    [
        ([(0, False), (1, False)], False),
        ([(0, False), (1, False), (2, False)], True),
        ([(0, False), (1, False), (10, False)], True),
        ([(0, False), (1, False), (10.5, False)], False),
        ([(0, True), (1, True), (2, True), (3, False), (4, False), (5, False)], True),
        ([(0, True), (1, True), (2, True), (2, True), (3, False), (4, False), (5, False)], False),
        ([(0, True), (1, True), (2, True), (2, True), (11.5, False), (11.6, False), (11.7, False)], True),
    ],
    ids=[
        "too few",
        "enough",
        "at the edge of the time",
        "one too old",
        "half of all",
        "less than half",
        "good ones age",
    ],
)
def test_the_limit_needs_a_count_within_a_time_and_a_share(outcomes: list[tuple[float, bool]], reached: bool) -> None:
    assert noted(*outcomes)[-1] is reached


def test_a_good_outcome_never_reaches_the_limit() -> None:
    assert noted((0, False), (0, False), (0, False), (0, True)) == [False, False, True, False]


def test_the_limit_is_reached_by_each_bad_outcome_from_then_on() -> None:
    assert noted(*[(0.0, False)] * 5) == [False, False, True, True, True]


def test_one_may_be_enough() -> None:
    assert noted((0, False), limit=Breaker(count=1, share=1, within=1)) == [True]


def test_cleared_it_has_forgotten() -> None:
    window = Window(LIMIT)
    for _ in range(3):
        window.note(False, 0)
    window.clear()
    assert [window.note(False, 1) for _ in range(3)] == [False, False, True]
