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


class Orders:
    """A flush of orders ``(company, record, number)`` that waits for its gate."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[str, str, int]]] = []
        self.under_way: list[tuple[str, str, int]] = []
        self.clashes = 0
        self.gate = asyncio.Event()

    async def __call__(self, items: Sequence[tuple[str, str, int]]) -> list[int]:
        records = [item[:2] for item in (*items, *self.under_way)]
        self.clashes += len(records) - len(set(records))
        self.batches.append(list(items))
        self.under_way += items
        await self.gate.wait()
        await asyncio.sleep(0)
        self.under_way = [item for item in self.under_way if item not in items]
        return [number for _, _, number in items]


async def ordered(orders: Sequence[tuple[str, str, int]], *, limit: int = 10, lanes: int = 1) -> Orders:
    flush = Orders()
    gather = Gather(flush, limit=limit, lanes=lanes, group=lambda item: item[0], record=lambda item: item[:2])
    calls = [asyncio.ensure_future(gather(order)) for order in orders]
    await asyncio.sleep(0.01)
    flush.gate.set()
    assert await asyncio.wait_for(asyncio.gather(*calls), 5) == [number for _, _, number in orders]
    return flush


async def test_a_busy_group_keeps_a_quiet_one_waiting_for_one_flush_only() -> None:
    busy = [("busy", f"r{number}", number) for number in range(30)]
    flush = await ordered([*busy, ("quiet", "r", 99)], limit=5)
    assert [{company for company, _, _ in batch} for batch in flush.batches[:3]] == [{"busy"}, {"quiet"}, {"busy"}]


async def test_a_flush_holds_orders_of_one_group() -> None:
    orders = [(f"c{number % 3}", f"r{number}", number) for number in range(12)]
    flush = await ordered(orders, lanes=2)
    assert all(len({company for company, _, _ in batch}) == 1 for batch in flush.batches)


async def test_orders_of_one_record_keep_their_order_and_are_never_under_way_together() -> None:
    orders = [("c", f"r{number % 2}", number) for number in range(8)]
    flush = await ordered(orders, lanes=3)
    assert flush.clashes == 0
    for record in ("r0", "r1"):
        done = [number for batch in flush.batches for _, of, number in batch if of == record]
        assert done == sorted(done)


async def test_an_order_behind_a_busy_record_goes_first() -> None:
    flush = await ordered([("c", "same", 0), ("c", "same", 1), ("c", "other", 2)])
    assert [[number for _, _, number in batch] for batch in flush.batches] == [[0], [2], [1]] or [
        [number for _, _, number in batch] for batch in flush.batches
    ] == [[0, 2], [1]]
