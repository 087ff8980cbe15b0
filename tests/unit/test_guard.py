"""What a call to an outside system passes, and what its end tells the gate."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from suture.catalogue.model import Breaker, Interface, PauseAfter
from suture.connectors.guard import Guard
from suture.core.failure import CircuitOpen, Failure, Fatal, Rejected, Retriable, Throttled, Unknown
from suture.store.gates import Gate, GateRow, Order

NAME = "billing-api"
RULES = Interface(
    system="billing",
    direction="out",
    contract="rest-billing.v1",
    owner="revenue cycle",
    purpose="test",
    breaker=Breaker(count=3, share=0.5, within=30),
    pause_after=PauseAfter(count=2, share=1, within=30),
)
NO_ANSWER = Unknown("no_answer", "no answer")
OPENED = datetime(2026, 3, 2, 15, tzinfo=UTC)


class Line:
    """A gate with a guard before it, and a clock that the test turns. `orders` is what the gate decided."""

    def __init__(self, *, concurrency: int = 2, rate: float | None = None, silence: float = 10) -> None:
        self.now = 100.0
        self.workers = 1
        self.orders: list[Order] = []
        self.gate = Gate(NAME, RULES, silence=silence, tell=self.orders.append, now=lambda: self.now)
        self.guard = Guard(
            self.gate, concurrency=concurrency, rate=rate, workers=lambda: self.workers, now=lambda: self.now
        )

    async def call(self, ends: Failure | int = 200) -> None:
        """One call that ends in a failure or an HTTP status."""
        with suppress(Failure):
            async with self.guard.call() as watched:
                if isinstance(ends, Failure):
                    raise ends
                watched.answered(ends)

    async def calls(self, *ends: Failure | int) -> list[tuple[str, str]]:
        """What the gate decided by then: (change, code)."""
        for end in ends:
            await self.call(end)
        return [(order.change, order.failure.code if order.failure else "") for order in self.orders]

    def told(self, **fields: object) -> None:
        """What holds for all by now."""
        self.gate.apply(msgspec.structs.replace(GateRow(interface=NAME), **fields))

    def hang(self) -> asyncio.Task[None]:
        async def run() -> None:
            async with self.guard.call():
                await asyncio.Event().wait()

        return asyncio.create_task(run())


@pytest.fixture
def line() -> Line:
    return Line()


class TestOpens:
    @pytest.mark.parametrize(
        ("ends", "code"),
        [
            ([NO_ANSWER] * 3, "no_answer"),
            ([Retriable("unreachable", "away")] * 3, "unreachable"),
            ([Retriable("busy", "503")] * 3, "busy"),
            ([500] * 3, "server_error"),
            ([200, 200, 200, 500, NO_ANSWER, 503], "server_error"),
        ],
    )
    async def test_after_enough_calls_that_came_to_nothing(self, line: Line, ends: list, code: str) -> None:
        assert await line.calls(*ends) == [("open", code)]
        with pytest.raises(CircuitOpen, match="does not answer"):
            line.gate.check()

    @pytest.mark.parametrize(
        "ends",
        [
            [NO_ANSWER] * 2,
            [200, 404, 422, 409, NO_ANSWER, NO_ANSWER, NO_ANSWER],
            [Throttled("busy", "429")] * 9,
            [Fatal("credentials_refused", "401")] * 9,
            [Rejected("refused", "no")] * 9,
            [400] * 9,
        ],
        ids=["too few", "most are answered", "asked for fewer calls", "its configuration", "refusals", "client errors"],
    )
    async def test_not_for_anything_else(self, line: Line, ends: list) -> None:
        assert await line.calls(*ends) == []
        line.gate.check()

    async def test_once_and_the_guard_lets_nobody_pass_from_then_on(self, line: Line) -> None:
        assert await line.calls(*[NO_ANSWER] * 9) == [("open", "no_answer")]
        with pytest.raises(CircuitOpen):
            async with line.guard.call():
                raise AssertionError("it went out")

    async def test_not_for_failures_long_ago(self, line: Line) -> None:
        await line.calls(NO_ANSWER, NO_ANSWER)
        line.now += 31
        assert await line.calls(NO_ANSWER) == []

    async def test_after_as_many_pings_in_a_row_that_came_to_nothing_however_slowly(self, line: Line) -> None:
        """As where a network swallows what is sent: each ping waits for its end."""
        for waited, opened in ((0, 0), (31, 0), (31, 1)):
            line.now += waited
            await line.call(NO_ANSWER)
            line.gate.pinged_in_vain(NO_ANSWER)
            assert len(line.orders) == opened

    @pytest.mark.parametrize("answer", [200, 404, Throttled("busy", "429")])
    async def test_not_for_pings_between_which_something_is_answered(self, line: Line, answer: Failure | int) -> None:
        for _ in range(4):
            for end in (NO_ANSWER, NO_ANSWER, answer):
                line.now += 31
                await line.call(end)
                line.gate.pinged_in_vain(NO_ANSWER)
        assert line.orders == []

    async def test_when_calls_under_way_are_not_answered(self, line: Line) -> None:
        task = line.hang()
        await asyncio.sleep(0)
        for seconds, orders in ((9.0, []), (2.0, ["silent"])):
            line.now += seconds
            line.gate.look_for_silence()
            assert [order.failure and order.failure.code for order in line.orders] == orders
        await _end(task)

    async def test_not_while_some_calls_are_answered(self, line: Line) -> None:
        task = line.hang()
        await asyncio.sleep(0)
        for _ in range(3):
            line.now += 9
            await line.call(404)
            line.gate.look_for_silence()
        assert line.orders == []
        await _end(task)

    async def test_not_after_a_long_time_in_which_nothing_was_asked(self, line: Line) -> None:
        await line.call()
        line.now += 3600
        task = line.hang()
        await asyncio.sleep(0)
        line.gate.look_for_silence()
        assert line.orders == []
        await _end(task)

    async def test_not_where_a_caller_gave_up(self, line: Line) -> None:
        tasks = [line.hang() for _ in range(2)]
        await asyncio.sleep(0)
        for task in tasks:
            await _end(task)
        line.now += 60
        line.gate.look_for_silence()
        assert line.orders == []


class TestHalfOpen:
    async def test_a_failure_opens_again_at_once(self, line: Line) -> None:
        line.told(breaker="half_open")
        assert await line.calls(NO_ANSWER) == [("open", "no_answer")]

    async def test_work_that_was_done_closes(self, line: Line) -> None:
        line.told(breaker="half_open")
        await line.call()
        line.gate.succeeded()
        assert line.orders == [Order(NAME, "close")]
        line.gate.check()

    async def test_a_refusal_closes_too_for_it_is_an_answer(self, line: Line) -> None:
        line.told(breaker="half_open")
        line.gate.refused(Rejected("refused", "no"))
        assert line.orders == [Order(NAME, "close")]

    async def test_one_step_may_try_and_no_other(self, line: Line) -> None:
        line.told(breaker="half_open", probe_at=OPENED)
        line.gate.enter()
        with pytest.raises(CircuitOpen):
            line.gate.enter()
        line.told(breaker="half_open", probe_at=OPENED)
        with pytest.raises(CircuitOpen):
            line.gate.enter()
        line.told(breaker="half_open", probe_at=OPENED + timedelta(seconds=5))
        line.gate.enter()

    async def test_calls_that_hang_do_not_keep_the_one_out_that_tries(self, line: Line) -> None:
        tasks = [line.hang() for _ in range(2)]  # as many as may be under way
        await asyncio.sleep(0)
        line.told(breaker="half_open")
        async with asyncio.timeout(1):
            await line.call()
        for task in tasks:
            await _end(task)

    async def test_closed_again_the_failures_from_before_are_forgotten(self, line: Line) -> None:
        await line.calls(*[NO_ANSWER] * 3)
        line.told(breaker="half_open")
        line.gate.succeeded()
        line.told(breaker="closed")
        assert await line.calls(NO_ANSWER) == [("open", "no_answer"), ("close", "")]


class TestPauses:
    async def test_after_enough_refusals_and_once(self, line: Line) -> None:
        refusal = Rejected("refused", "no")
        for _ in range(4):
            line.gate.refused(refusal)
        assert line.orders == [Order(NAME, "pause", refusal)]

    async def test_not_while_most_of_the_work_is_done(self, line: Line) -> None:
        for _ in range(5):
            line.gate.refused(Rejected("refused", "no"))
            line.gate.succeeded()
        assert line.orders[1:] == []

    async def test_a_paused_gate_says_so(self, line: Line) -> None:
        line.told(paused_at=OPENED, paused_by="ann")
        with pytest.raises(CircuitOpen, match="is paused"):
            line.gate.check()
        with pytest.raises(CircuitOpen, match="is paused"):
            line.gate.enter()

    async def test_paused_it_is_not_tried_either(self, line: Line) -> None:
        line.told(breaker="half_open", paused_at=OPENED)
        with pytest.raises(CircuitOpen, match="is paused"):
            line.gate.enter()


class TestTurns:
    async def test_that_are_near_are_waited_for(self) -> None:
        line = Line(rate=100)
        for _ in range(3):
            line.now += 0.001
            await line.call()
        assert line.orders == []

    async def test_that_are_far_are_not_waited_for(self) -> None:
        line = Line(rate=0.1)
        await line.call()
        line.now += 1
        with pytest.raises(CircuitOpen) as told:
            async with line.guard.call():
                raise AssertionError("it went out")
        assert told.value.not_before == timedelta(seconds=9)
        assert line.guard._bulkhead.under_way == 0

    @pytest.mark.parametrize("failure", [Throttled, Retriable])
    async def test_whoever_is_asked_to_wait_makes_all_calls_wait(self, line: Line, failure: Callable) -> None:
        await line.call(failure("busy", "later", not_before=timedelta(seconds=30)))
        with pytest.raises(CircuitOpen) as told:
            async with line.guard.call():
                raise AssertionError("it went out")
        assert told.value.not_before == timedelta(seconds=30)
        line.now += 30
        await line.call()

    async def test_are_shared_among_the_workers_that_are_alive(self) -> None:
        line = Line(rate=1)
        line.workers = 4
        await line.call()
        with pytest.raises(CircuitOpen) as told:
            async with line.guard.call():
                raise AssertionError("it went out")
        assert told.value.not_before == timedelta(seconds=4)

    async def test_are_lost_when_the_gate_shuts_meanwhile(self) -> None:
        line = Line(concurrency=1)
        first = line.hang()
        await asyncio.sleep(0)
        second = line.hang()
        await asyncio.sleep(0)
        line.told(breaker="open")
        await _end(first)
        with pytest.raises(CircuitOpen):
            await second


class TestConcurrency:
    async def test_is_bounded_and_shared_among_workers(self) -> None:
        line = Line(concurrency=4)
        line.workers = 2
        tasks = [line.hang() for _ in range(3)]
        await _has_under_way(line, 2)
        for task in tasks:
            await _end(task)

    async def test_is_never_less_than_one(self) -> None:
        line = Line(concurrency=2)
        line.workers = 9
        async with asyncio.timeout(1):
            await line.call()

    async def test_grows_for_those_who_wait_when_a_worker_leaves(self) -> None:
        line = Line(concurrency=2)
        line.workers = 2
        tasks = [line.hang() for _ in range(3)]
        await _has_under_way(line, 1)
        line.workers = 1
        tasks.append(line.hang())
        await _has_under_way(line, 2)
        for task in reversed(tasks):
            await _end(task)

    async def test_a_failed_call_gives_its_place_back(self, line: Line) -> None:
        for _ in range(2):
            await line.call(NO_ANSWER)
        assert line.guard._bulkhead.under_way == 0


async def test_a_guard_that_nobody_hears_of_never_shuts() -> None:
    guard = Guard.unwatched("odoo", 2)
    for _ in range(50):
        with suppress(Unknown):
            async with guard.call():
                raise NO_ANSWER
    async with guard.call() as watched:
        watched.answered(200)


async def _has_under_way(line: Line, calls: int) -> None:
    """So many calls come through, and no more."""
    for _ in range(500):
        if line.gate._calls == calls:
            break
        await asyncio.sleep(0.01)
    for _ in range(50):
        await asyncio.sleep(0)
    assert line.gate._calls == calls


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
