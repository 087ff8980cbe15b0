"""Turns a second, and calls at a time."""

import asyncio
from contextlib import suppress

import pytest

from suture.core.throttle import Bulkhead, Throttle


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


def waits(throttle: Throttle, turns: int) -> list[float]:
    """How far away each of the next turns is, all asked for now."""
    told = []
    for _ in range(turns):
        told.append(round(throttle.until_turn(), 6))
        throttle.take_turn()
    return told


class TestThrottle:
    def test_spaces_turns_evenly(self, time: Time) -> None:
        throttle = Throttle(time)
        throttle.rate = 4
        assert waits(throttle, 4) == [0, 0.25, 0.5, 0.75]

    def test_does_not_save_up_turns_that_nobody_took(self, time: Time) -> None:
        throttle = Throttle(time)
        throttle.rate = 4
        waits(throttle, 1)
        time.now += 60
        assert waits(throttle, 3) == [0, 0.25, 0.5]

    def test_lets_a_burst_through_first(self, time: Time) -> None:
        throttle = Throttle(time, burst=3)
        throttle.rate = 2
        assert waits(throttle, 5) == [0, 0, 0, 0.5, 1]

    def test_without_a_rate_every_turn_is_now(self, time: Time) -> None:
        assert waits(Throttle(time), 3) == [0, 0, 0]

    def test_asking_takes_no_turn(self, time: Time) -> None:
        throttle = Throttle(time)
        throttle.rate = 1
        assert (throttle.until_turn(), throttle.until_turn()) == (0, 0)

    @pytest.mark.parametrize("rate", [None, 10.0])
    def test_on_hold_no_turn_comes_before_its_end(self, time: Time, rate: float | None) -> None:
        throttle = Throttle(time)
        throttle.rate = rate
        throttle.hold(5)
        assert throttle.until_turn() == 5
        time.now += 5
        assert throttle.until_turn() == 0

    def test_a_shorter_hold_does_not_end_a_longer_one(self, time: Time) -> None:
        throttle = Throttle(time)
        throttle.hold(5)
        throttle.hold(1)
        assert throttle.until_turn() == 5

    def test_a_rate_may_change_between_turns(self, time: Time) -> None:
        throttle = Throttle(time)
        throttle.rate = 10
        assert waits(throttle, 2) == [0, 0.1]
        throttle.rate = 1
        assert waits(throttle, 2) == [0.2, 1.2]


class Callers:
    """Calls through a bulkhead that stay in until they are let out."""

    def __init__(self, bulkhead: Bulkhead) -> None:
        self.bulkhead = bulkhead
        self.inside: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._ends: dict[str, asyncio.Event] = {}

    async def come(self, *names: str) -> None:
        for name in names:
            self._ends[name] = asyncio.Event()
            self.tasks[name] = asyncio.create_task(self._call(name))
        await asyncio.sleep(0)

    async def go(self, name: str) -> None:
        self._ends[name].set()
        await self.tasks[name]
        await asyncio.sleep(0)

    async def give_up(self, *names: str) -> None:
        for name in names:
            self.tasks[name].cancel()
        for name in names:
            with suppress(asyncio.CancelledError):
                await self.tasks[name]
        await asyncio.sleep(0)

    async def _call(self, name: str) -> None:
        await self.bulkhead.enter()
        try:
            self.inside.append(name)
            await self._ends[name].wait()
        finally:
            self.inside.remove(name)
            self.bulkhead.leave()


class TestBulkhead:
    async def test_lets_in_as_many_as_its_limit_and_the_rest_in_order(self) -> None:
        callers = Callers(Bulkhead(2))
        await callers.come("a", "b", "c", "d")
        assert callers.inside == ["a", "b"]
        await callers.go("b")
        assert callers.inside == ["a", "c"]
        await callers.go("a")
        assert callers.inside == ["c", "d"]

    async def test_one_that_gives_up_waiting_leaves_its_place_to_the_next(self) -> None:
        callers = Callers(Bulkhead(1))
        await callers.come("a", "b", "c")
        await callers.give_up("b")
        await callers.go("a")
        assert callers.inside == ["c"]
        await callers.go("c")
        assert callers.bulkhead.under_way == 0

    async def test_one_that_gives_up_in_the_moment_of_its_turn_hands_it_on(self) -> None:
        callers = Callers(Bulkhead(1))
        await callers.come("a", "b", "c")
        callers._ends["a"].set()
        await asyncio.sleep(0)  # a left: it is b's turn, and b has not noticed yet
        await callers.give_up("b")
        assert callers.inside == ["c"]
        assert callers.bulkhead.under_way == 1

    async def test_nobody_overtakes_those_who_wait(self) -> None:
        bulkhead = Bulkhead(1)
        callers = Callers(bulkhead)
        await callers.come("a", "b")
        bulkhead.limit = 2
        await callers.come("c")
        assert callers.inside == ["a"]
        bulkhead.admit()
        await asyncio.sleep(0)
        assert callers.inside == ["a", "b"]

    async def test_a_lower_limit_holds_for_those_who_come_next(self) -> None:
        bulkhead = Bulkhead(3)
        callers = Callers(bulkhead)
        await callers.come("a", "b", "c", "d")
        bulkhead.limit = 1
        await callers.go("a")
        await callers.go("b")
        assert callers.inside == ["c"]
        await callers.go("c")
        assert callers.inside == ["d"]
