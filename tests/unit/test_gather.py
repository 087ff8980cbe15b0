"""Gather: idle, a call is flushed at once; under load, calls share a flush; a failing batch is split."""

import asyncio
from collections.abc import Sequence

import pytest

from suture.core.gather import Gather


class Flushes:
    """A flush that waits for its gate and doubles numbers; items in `bad` fail any batch they are in."""

    def __init__(self, *bad: int) -> None:
        self.batches: list[list[int]] = []
        self.bad = set(bad)
        self.gate = asyncio.Event()
        self.gate.set()
        self.under_way = 0
        self.most_under_way = 0

    async def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await self.gate.wait()
        self.under_way -= 1
        if culprits := self.bad & set(items):
            raise ValueError(min(culprits))
        return [2 * item for item in items]


async def call_all(gather: Gather[int, int], count: int) -> list[int | BaseException]:
    return await asyncio.gather(*(gather(item) for item in range(count)), return_exceptions=True)


async def held(flushes: Flushes, gather: Gather[int, int], count: int) -> list[int | BaseException]:
    """Calls of which all but the first arrive while the first is being flushed."""
    flushes.gate.clear()
    calls = asyncio.ensure_future(call_all(gather, count))
    await asyncio.sleep(0.01)
    flushes.gate.set()
    return await asyncio.wait_for(calls, 5)


async def test_a_single_call_is_flushed_at_once() -> None:
    flushes = Flushes()
    assert await Gather(flushes, limit=10)(21) == 42
    assert flushes.batches == [[21]]


@pytest.mark.parametrize(
    ("limit", "batches"), [(10, [[0, 1, 2, 3, 4]]), (2, [[0, 1], [2, 3], [4]]), (1, [[0], [1], [2], [3], [4]])]
)
async def test_calls_share_flushes_up_to_the_limit(limit: int, batches: list[list[int]]) -> None:
    flushes = Flushes()
    assert await held(flushes, Gather(flushes, limit=limit), 5) == [0, 2, 4, 6, 8]
    assert flushes.batches == batches


async def test_calls_that_come_during_a_flush_share_the_next() -> None:
    flushes = Flushes()
    gather = Gather(flushes, limit=10)
    flushes.gate.clear()
    first = asyncio.ensure_future(gather(0))
    await asyncio.sleep(0.01)
    later = [asyncio.ensure_future(gather(item)) for item in (1, 2, 3)]
    await asyncio.sleep(0.01)
    flushes.gate.set()
    assert await asyncio.gather(first, *later) == [0, 2, 4, 6]
    assert flushes.batches == [[0], [1, 2, 3]]


async def test_lanes_bound_the_flushes_under_way() -> None:
    flushes = Flushes()
    await held(flushes, Gather(flushes, limit=1, lanes=3), 10)
    assert flushes.most_under_way <= 3


async def test_a_failing_batch_is_split_until_the_culprit_is_alone() -> None:
    flushes = Flushes(2)
    answers = await held(flushes, Gather(flushes, limit=10), 4)
    assert [answer for answer in answers if isinstance(answer, int)] == [0, 2, 6]
    assert [(type(answer), str(answer)) for answer in answers[2:3]] == [(ValueError, "2")]
    assert flushes.batches == [[0, 1, 2, 3], [0, 1], [2, 3], [2], [3]]


async def test_an_error_that_is_no_items_fault_reaches_every_caller() -> None:
    flushes = Flushes(2)
    answers = await held(flushes, Gather(flushes, limit=10, divisible=lambda _: False), 4)
    assert [type(answer) for answer in answers] == [ValueError] * 4
    assert flushes.batches == [[0, 1, 2, 3]]


async def test_goes_on_after_a_failure() -> None:
    flushes = Flushes(1)
    gather = Gather(flushes, limit=10)
    with pytest.raises(ValueError, match="1"):
        await gather(1)
    assert await gather(3) == 6


async def test_a_flush_that_answers_too_little_is_an_error() -> None:
    async def forgetful(_: Sequence[int]) -> list[int]:
        return []

    with pytest.raises(RuntimeError, match="1 items answered 0"):
        await Gather(forgetful, limit=10)(1)


async def test_a_caller_that_gave_up_disturbs_no_other() -> None:
    flushes = Flushes()
    gather = Gather(flushes, limit=10)
    flushes.gate.clear()
    calls = [asyncio.ensure_future(gather(item)) for item in range(3)]
    await asyncio.sleep(0.01)
    calls[1].cancel()
    flushes.gate.set()
    assert await asyncio.gather(calls[0], calls[2]) == [0, 4]
    assert await gather(5) == 10


async def test_nobody_waits_for_ever_when_a_flush_is_cancelled_while_a_batch_is_split() -> None:
    async def stopped(items: Sequence[int]) -> list[int]:
        if len(items) > 1:
            raise ValueError
        raise asyncio.CancelledError

    answers = await asyncio.wait_for(call_all(Gather(stopped, limit=10), 4), 5)
    assert {type(answer) for answer in answers} == {asyncio.CancelledError}
