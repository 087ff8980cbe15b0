"""Pace: how much is gathered, and for how long, follows from how long flushes take."""

import asyncio
from collections.abc import Sequence

import pytest

from suture.core.gather import Gather
from suture.core.pace import Pace


def a_pace(limit: int = 20) -> Pace:
    return Pace(limit, least=5, most=60, aim=2.0, longest=0.05)


@pytest.mark.parametrize(
    ("size", "took", "limit"),
    [
        (20, 0.5, 30),  # full and quick: more
        (20, 3.0, 20),  # full and as slow as it should be
        (20, 5.0, 10),  # too slow: half
        (3, 0.5, 20),  # not full: nothing is known about more
        (3, 9.0, 5),  # so slow that even few are too many, but never fewer than the least
    ],
)
def test_the_size_follows_the_time_that_a_flush_took(size: int, took: float, limit: int) -> None:
    pace = a_pace()
    pace.flushed(size, took)
    assert pace.limit == limit


def test_the_size_stays_within_its_bounds() -> None:
    pace = a_pace()
    for _ in range(20):
        pace.flushed(pace.limit, 0.1)
    assert pace.limit == 60
    for _ in range(20):
        pace.flushed(pace.limit, 30.0)
    assert pace.limit == 5


def test_idle_nothing_waits() -> None:
    pace = a_pace()
    assert pace.window(1) == 0.0
    pace.flushed(1, 1.0)
    assert pace.window(1) == 0.0


def test_under_load_a_flush_waits_a_moment_for_its_callers_to_come_back() -> None:
    pace = a_pace()
    pace.flushed(12, 0.3)
    assert pace.window(2) == pytest.approx(0.03)
    assert pace.window(12) == 0.0
    pace.flushed(12, 60.0)
    assert pace.window(2) == 0.05


def test_a_steady_pace_never_changes() -> None:
    pace = Pace.steady(7)
    for took in (0.001, 100.0):
        pace.flushed(7, took)
        assert (pace.limit, pace.window(1)) == (7, 0.0)


async def test_callers_that_come_back_at_once_share_flushes_again() -> None:
    """Without a window the first to come back would be flushed alone, and the others after it."""
    sizes: list[int] = []

    async def flush(items: Sequence[int]) -> Sequence[int]:
        sizes.append(len(items))
        await asyncio.sleep(0.03)
        return items

    gather = Gather(flush, limit=Pace(50, least=5, most=50, longest=0.05))

    async def caller(number: int) -> None:
        for _ in range(3):
            await gather(number)
            await asyncio.sleep(0.0005 * (number % 4))

    await asyncio.wait_for(asyncio.gather(*(caller(number) for number in range(20))), 5)
    assert sum(sizes) == 60
    assert len(sizes) <= 6
