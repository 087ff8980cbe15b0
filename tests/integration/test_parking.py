"""Processes at gates: parked without a try or a slot, gone on in order, undone where that is wanted.

The engine and its gates run on a real Postgres; the outside is a world in memory.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from suture.acting.context import CommandContext
from suture.catalogue.model import Breaker, Retry
from suture.commands import process_commands
from suture.connectors.guard import Guard
from suture.core.clock import ManualClock, SystemClock
from suture.core.failure import CircuitOpen, Failure, Fatal, Rejected, Retriable, Throttled, Unknown
from suture.engine.definition import Step
from suture.engine.run import Outcome
from suture.store import gates as gate_store
from suture.store.database import Database
from suture.store.gates import Gates

from .recovery import ANN, BILLING, LEDGER, Bench, World, gate_row, governed, make_gates, rows, running

AWAY = Retriable("unreachable", "billing can't be reached")
NO = Rejected("period_locked", "the period is locked", "Open it, then retry.")
QUICK = {
    BILLING: governed(breaker=Breaker(count=3, share=0.5, within=30, pause=0.3, longest_pause=0.3)),
    LEDGER: governed(),
}


@pytest.fixture
def bench(database: Database) -> Bench:
    return Bench(database)


@pytest.fixture
def world(bench: Bench) -> World:
    return bench.world


@pytest.fixture
def gates(database: Database) -> Gates:
    return make_gates(database, SystemClock(), interfaces=QUICK)


@pytest.fixture
def desk(bench: Bench, vault, catalogue) -> CommandContext:
    return CommandContext(bench.database, vault, bench.recorder, catalogue, SystemClock())


async def pause(bench: Bench, gates: Gates, interface: str = BILLING) -> None:
    async with bench.database.connection() as connection:
        await gate_store.pause(connection, interface, SystemClock().now(), "ann", "a test")
    await gates.turn()


async def resume(bench: Bench, gates: Gates, interface: str = BILLING) -> None:
    async with bench.database.connection() as connection:
        await gate_store.resume(connection, interface, SystemClock().now())
    gates.wake()


class TestAtAShutGate:
    async def test_a_process_is_parked_before_its_call_without_a_try(
        self, bench: Bench, world: World, gates: Gates
    ) -> None:
        await pause(bench, gates)
        await bench.start("a")
        async with running(
            bench.engine(world.step("one", role="ledger"), world.step("two"), gates=gates),
            gates,
            url=bench.database.url,
        ):
            process = await bench.until("a", "parked")
            assert (process.held_by, process.step, process.attempt) == (BILLING, "two", 0)
            assert world.of("a") == ["one"]
            assert "two" not in process.journal
            await resume(bench, gates)
            process = await bench.until("a", "done")
        assert world.of("a") == ["one", "two"]
        assert process.held_by is None
        assert await bench.exceptions() == []

    async def test_held_between_two_calls_of_a_step_it_is_done_again_later(
        self, bench: Bench, world: World, gates: Gates
    ) -> None:
        world.failures["one"] = [CircuitOpen(BILLING, "does not answer at present")]
        await gates.turn()
        await bench.start("a")
        async with running(bench.engine(world.step("one"), gates=gates)):
            process = await bench.until("a", "parked")
        assert process.journal["one"].state == "begun", "a part of it may have happened"

    async def test_held_until_its_turn_it_only_waits(self, bench: Bench, world: World, clock: ManualClock) -> None:
        world.failures["one"] = [
            CircuitOpen(BILLING, "is at its limit of concurrent calls", not_before=timedelta(seconds=3))
        ] * 9
        await bench.start("a", at=clock.now())
        async with running(bench.engine(world.step("one"), clock=clock)):
            for times in range(1, 10):
                await bench.until_tried("one", times)
                process = await bench.process("a")
                assert (process.state, process.attempt) == ("running", 0)
                clock.advance(timedelta(seconds=3))
                bench.wake()
            await bench.until("a", "done")

    async def test_processes_go_on_in_the_order_of_their_start(self, bench: Bench, world: World, gates: Gates) -> None:
        keys = [f"p{n:02}" for n in range(40)]
        await pause(bench, gates)
        async with running(bench.engine(world.step("one"), gates=gates), gates, url=bench.database.url):
            await bench.start(*keys)
            for key in keys:
                await bench.until(key, "parked")
            await resume(bench, gates)
            for key in keys:
                await bench.until(key, "done")
        order = world.keys_of("one")
        for place in range(0, 40, 10):  # ten at a time
            assert set(order[place : place + 10]) == set(keys[place : place + 10])

    async def test_of_a_wrong_configuration_they_wait_and_go_on_when_it_is_mended(
        self, bench: Bench, world: World, gates: Gates, eventually
    ) -> None:
        world.failures["one"] = [Fatal("credentials_refused", "401", "Renew the secret.")] * 3
        await bench.start("a")
        async with running(bench.engine(world.step("one"), gates=gates), gates, url=bench.database.url):
            process = await bench.until("a", "parked")
            assert process.attempt == 0
            await bench.until("a", "done")

            async def closed() -> bool:
                return await bench.exceptions() == []

            await eventually(closed)
        (trouble,) = await bench.exceptions("resolved")
        assert (trouble.code, trouble.interface) == ("credentials_refused", BILLING)

    async def test_a_system_that_comes_back_is_tried_by_one_and_then_by_all(
        self, bench: Bench, world: World, gates: Gates
    ) -> None:
        guard = Guard(gates(BILLING), concurrency=8)
        away = True

        async def call(run: Any, _: Any) -> Outcome:
            async with guard.call() as watched:
                world.calls.append((run.input.appointment, "call"))
                if away:
                    raise AWAY
                watched.answered(200)
            return Outcome()

        keys = [f"p{n}" for n in range(20)]
        forever = Retry(attempts=1000, first=0.05, longest=0.05)
        async with running(bench.engine(Step("call", call), gates=gates, retry=forever), gates, url=bench.database.url):
            await bench.start(*keys)
            for key in keys:
                await bench.until(key, "parked")
            tried = len(world.calls)
            await asyncio.sleep(1.2)
            assert 1 <= len(world.calls) - tried <= 4, "one a pause"
            away = False
            for key in keys:
                await bench.until(key, "done")
        assert (await gate_row(bench.database)).breaker == "closed"
        assert await bench.exceptions() == []


class TestASystemThatHangs:
    async def test_keeps_nobody_from_work_that_needs_others(self, bench: Bench, world: World) -> None:
        """300 processes, 64 slots: the first hang in their calls, the rest must not fill the slots behind them."""
        gates = make_gates(bench.database, SystemClock(), silences={BILLING: 0.4})
        guard = Guard(gates(BILLING), concurrency=16)

        async def hang(run: Any, _: Any) -> Outcome:
            async with guard.call():
                await asyncio.Event().wait()
            return Outcome()

        def billed(run: Any, _: Any) -> bool:
            return run.input.appointment.startswith("hang")

        hanging, free = [f"hang{n:03}" for n in range(300)], [f"free{n:03}" for n in range(200)]
        engine = bench.engine(
            Step("bill", hang, when=billed, role="billing"), world.step("post", role="ledger"), gates=gates
        )
        async with running(engine, gates, url=bench.database.url):
            await bench.start(*hanging)
            async with asyncio.timeout(10):
                while (await gate_row(bench.database)).breaker == "closed":
                    await asyncio.sleep(0.05)
            began = time.monotonic()
            await bench.start(*free)
            for key in free:
                await bench.until(key, "done")
            assert time.monotonic() - began < 8
            states = await bench.states()
            assert sum(states[key] == "parked" for key in hanging) > 200
            assert await bench.exceptions() == []


class TestCancelled:
    async def test_while_parked_it_is_undone(self, bench: Bench, world: World, gates: Gates) -> None:
        await pause(bench, gates)
        await bench.start("a")
        async with running(
            bench.engine(world.step("one", role="ledger"), world.step("two"), gates=gates),
            gates,
            url=bench.database.url,
        ):
            await bench.until("a", "parked")
            await bench.cancel("a")
            process = await bench.until("a", "compensated")
        assert world.of("a") == ["one", "one:undo"]
        assert process.held_by is None

    async def test_while_parked_with_an_undo_behind_the_same_gate_it_is_undone_when_that_opens(
        self, bench: Bench, world: World, gates: Gates
    ) -> None:
        await gates.turn()
        world.held["two"] = asyncio.Event()
        await bench.start("a")
        async with running(
            bench.engine(world.step("one"), world.step("two"), world.step("three"), gates=gates),
            gates,
            url=bench.database.url,
        ):
            async with asyncio.timeout(10):
                while not world.keys_of("two"):
                    await asyncio.sleep(0.01)
            await pause(bench, gates)
            world.held["two"].set()
            await bench.until("a", "parked")
            await bench.cancel("a")
            async with asyncio.timeout(10):
                while not (parked := await bench.process("a")).undoing or parked.state != "parked":
                    await asyncio.sleep(0.01)
            await resume(bench, gates)
            await bench.until("a", "compensated")
        assert world.of("a") == ["one", "two", "two:undo", "one:undo"]

    async def test_held_in_the_midst_of_a_step_that_is_settled_before_it_is_undone(
        self, bench: Bench, world: World, gates: Gates
    ) -> None:
        world.failures["two"] = [CircuitOpen(BILLING, "does not answer at present")]
        await gates.turn()
        await bench.start("a")
        async with running(bench.engine(world.step("one"), world.step("two"), world.step("three"), gates=gates)):
            await bench.until("a", "parked")
            await bench.cancel("a")
            await bench.until("a", "compensated")
        assert world.of("a") == ["one", "two", "two", "two:undo", "one:undo"]

    async def test_while_stuck_for_long_its_undo_has_all_its_time(
        self, bench: Bench, world: World, clock: ManualClock
    ) -> None:
        world.failures["two"] = [AWAY] * 99
        world.failures["one:undo"] = [AWAY]
        await bench.start("a", at=clock.now())
        retry = Retry(attempts=2, first=1, longest=1, within=60)
        async with running(bench.engine(world.step("one"), world.step("two"), clock=clock, retry=retry)):
            await bench.until_tried("two", 1)
            clock.advance(timedelta(seconds=1))
            bench.wake()
            await bench.until("a", "stuck")
            clock.advance(timedelta(hours=2))
            await bench.cancel("a", at=clock.now())
            await bench.until_tried("one:undo", 1)
            assert (await bench.process("a")).state == "compensating", "its tries and its time begin anew"
            clock.advance(timedelta(seconds=1))
            bench.wake()
            await bench.until("a", "compensated")

    async def test_in_the_moment_its_last_try_fails_its_undo_has_all_its_tries(
        self, bench: Bench, world: World
    ) -> None:
        world.failures["two"] = [AWAY]
        world.failures["one:undo"] = [AWAY]
        world.held["two"] = asyncio.Event()
        await bench.start("a")
        retry = {"two": Retry(attempts=1, first=0.01, longest=0.02)}
        async with running(
            bench.engine(
                world.step("one"),
                world.step("two"),
                retry=Retry(attempts=2, first=0.01, longest=0.02),
                retry_by_step=retry,
            )
        ):
            async with asyncio.timeout(10):
                while not world.keys_of("two"):
                    await asyncio.sleep(0.01)
            await bench.cancel("a")
            world.held["two"].set()
            process = await bench.until("a", "compensated", "stuck")
        assert process.state == "compensated"


class TestRetry:
    async def test_ends_after_its_time(self, bench: Bench, world: World, clock: ManualClock) -> None:
        world.failures["one"] = [AWAY] * 99
        retry = Retry(attempts=1000, first=10, longest=10, within=60)
        await bench.start("a", at=clock.now())
        async with running(bench.engine(world.step("one"), clock=clock, retry=retry)):
            for times in range(1, 12):
                await bench.until_tried("one", times)
                clock.advance(timedelta(seconds=5))
                bench.wake()
            assert (await bench.process("a")).state == "running"
            for _ in range(3):
                clock.advance(timedelta(seconds=5))
                bench.wake()
                await asyncio.sleep(0.05)
            await bench.until("a", "stuck")
        assert 11 <= len(world.calls) <= 13

    async def test_counts_no_time_in_which_the_gate_was_shut(
        self, bench: Bench, world: World, database: Database, clock: ManualClock
    ) -> None:
        gates = make_gates(database, clock)
        world.failures["one"] = [AWAY, AWAY]
        retry = Retry(attempts=1000, first=10, longest=10, within=60)
        await bench.start("a", at=clock.now())
        await gates.turn()
        async with running(bench.engine(world.step("one"), clock=clock, retry=retry, gates=gates)):
            await bench.until_tried("one", 1)
            await pause(bench, gates)
            clock.advance(timedelta(seconds=10))
            bench.wake()
            await bench.until("a", "parked")
            clock.advance(timedelta(hours=9))
            await resume(bench, gates)
            await gates.turn()
            clock.advance(timedelta(seconds=1))
            await gates.turn()
            bench.wake()
            await bench.until_tried("one", 2)
            assert (await bench.process("a")).state == "running"
            clock.advance(timedelta(seconds=10))
            bench.wake()
            await bench.until("a", "done")

    async def test_may_differ_by_step(self, bench: Bench, world: World) -> None:
        world.failures["one"] = [AWAY] * 4
        world.failures["two"] = [AWAY] * 99
        by_step = {"one": Retry(attempts=5, first=0.01, longest=0.02)}
        await bench.start("a")
        async with running(bench.engine(world.step("one"), world.step("two"), retry_by_step=by_step)):
            await bench.until("a", "stuck")
        assert (world.of("a").count("one"), world.of("a").count("two")) == (5, 3)

    async def test_of_whoever_is_asked_for_fewer_calls_uses_no_try(self, bench: Bench, world: World) -> None:
        world.failures["one"] = [Throttled("busy", "429")] * 9
        await bench.start("a")
        async with running(bench.engine(world.step("one"))):
            process = await bench.until("a", "done")
        assert process.journal["one"].attempts == 1
        assert len(world.calls) == 10

    async def test_of_whoever_is_asked_for_fewer_calls_ends_after_its_time_all_the_same(
        self, bench: Bench, world: World
    ) -> None:
        world.failures["one"] = [Throttled("busy", "429")] * 999
        await bench.start("a")
        async with running(
            bench.engine(world.step("one"), retry=Retry(attempts=3, first=0.05, longest=0.05, within=0.3))
        ):
            await bench.until("a", "stuck")

    async def test_goes_on_where_it_was_after_a_restart(self, bench: Bench, world: World, clock: ManualClock) -> None:
        world.failures["one"] = [AWAY, AWAY]
        retry = Retry(attempts=3, first=600, longest=600, within=7200)
        await bench.start("a", at=clock.now())
        async with running(bench.engine(world.step("one"), clock=clock, retry=retry)):
            await bench.until_tried("one", 1)
        process = await bench.process("a")
        assert (process.attempt, process.due_at) == (1, clock.now() + timedelta(minutes=5))
        async with running(bench.engine(world.step("one"), clock=clock, retry=retry, worker="w2")):
            await asyncio.sleep(0.1)
            assert len(world.calls) == 1
            clock.advance(timedelta(minutes=5))
            bench.wake()
            await bench.until_tried("one", 2)
            assert (await bench.process("a")).attempt == 2


class TestUndoing:
    async def test_what_nobody_decides_waits_where_the_catalogue_says_nothing(
        self, bench: Bench, world: World, clock: ManualClock
    ) -> None:
        world.failures["two"] = [NO]
        await bench.start("a", at=clock.now())
        async with running(bench.engine(world.step("one"), world.step("two"), clock=clock)):
            await bench.until("a", "stuck")
            clock.advance(timedelta(days=400))
            bench.wake()
            await asyncio.sleep(0.1)
            assert (await bench.process("a")).state == "stuck"
        assert world.of("a") == ["one", "two"]

    async def test_at_once_undoes_what_failed_and_leaves_its_exception_open(self, bench: Bench, world: World) -> None:
        world.failures["two"] = [NO]
        await bench.start("a")
        async with running(bench.engine(world.step("one"), world.step("two"), undo_after=timedelta(0))):
            await bench.until("a", "compensated")
        assert world.of("a") == ["one", "two", "two:undo", "one:undo"]
        (trouble,) = await bench.exceptions()
        assert (trouble.code, trouble.step) == ("period_locked", "two")

    async def test_at_once_does_not_do_what_came_after_although_what_failed_was_in_doubt(
        self, bench: Bench, world: World
    ) -> None:
        world.failures["one"] = [NO]
        await bench.start("a")
        now = datetime.now(UTC)
        await bench.store.claim("silent", now, now - timedelta(seconds=1), 1)  # it fell silent in the midst of a step
        async with running(bench.engine(world.step("one"), world.step("two"), undo_after=timedelta(0))):
            await bench.until("a", "compensated")
        assert world.of("a") == ["one", "one:undo"]

    async def test_after_a_time_undoes_what_nobody_decided_until_then(
        self, bench: Bench, world: World, clock: ManualClock
    ) -> None:
        world.failures["two"] = [NO]
        await bench.start("a", at=clock.now())
        engine = bench.engine(world.step("one"), world.step("two"), undo_after=timedelta(hours=72), clock=clock)
        async with running(engine):
            await bench.until("a", "stuck")
            clock.advance(timedelta(hours=71))
            bench.wake()
            await asyncio.sleep(0.1)
            assert world.of("a") == ["one", "two"]
            clock.advance(timedelta(hours=2))
            bench.wake()
            process = await bench.until("a", "compensated")
        assert world.of("a") == ["one", "two", "two:undo", "one:undo"]
        assert process.undoing
        assert len(await bench.exceptions()) == 1

    async def test_a_decision_in_time_keeps_it_from_being_undone(
        self, bench: Bench, world: World, desk: CommandContext
    ) -> None:
        world.failures["two"] = [NO]
        await bench.start("a")
        engine = bench.engine(world.step("one"), world.step("two"), undo_after=timedelta(hours=1))
        async with running(engine):
            await bench.until("a", "stuck")
            await process_commands.resume(desk, ANN, ["visit:a"])
            await bench.until("a", "done")
        assert world.of("a") == ["one", "two", "two"]
        assert await bench.exceptions() == []

    async def test_where_nothing_was_done_there_is_nothing_to_undo(self, bench: Bench, world: World) -> None:
        world.failures["one"] = [AWAY] * 99
        await bench.start("a")
        async with running(bench.engine(world.step("one"), world.step("two"), undo_after=timedelta(0))):
            await bench.until("a", "stuck")

    async def test_because_of_a_cancellation_closes_the_exception(self, bench: Bench, world: World) -> None:
        world.failures["two"] = [NO]
        await bench.start("a")
        async with running(bench.engine(world.step("one"), world.step("two"))):
            await bench.until("a", "stuck")
            await bench.cancel("a")
            await bench.until("a", "compensated")
        assert await bench.exceptions() == []

    async def test_is_refused_before_anything_is_undone_where_that_is_known_beforehand(
        self, bench: Bench, world: World
    ) -> None:
        async def paid(run: Any, _: Any) -> None:
            raise Rejected("charge_paid", "the charge is paid", "Refund it first.")

        await bench.start("a")
        steps = (world.step("one", may_undo=paid), world.step("two"))
        async with running(bench.engine(*steps)):
            await bench.until("a", "done")
            await bench.cancel("a")
            await bench.until("a", "stuck")
        assert world.of("a") == ["one", "two"], "nothing is half undone"
        (trouble,) = await bench.exceptions()
        assert (trouble.code, trouble.step) == ("charge_paid", "one")

    async def test_asks_of_what_was_done_only(self, bench: Bench, world: World) -> None:
        asked: list[str] = []

        def asking(name: str) -> Callable[[Any, Any], Any]:
            async def may(run: Any, _: Any) -> None:
                asked.append(name)

            return may

        world.failures["two"] = [NO]
        await bench.start("a")
        steps = [world.step(name, may_undo=asking(name)) for name in ("one", "two", "three")]
        async with running(bench.engine(*steps)):
            await bench.until("a", "stuck")
            await bench.cancel("a")
            await bench.until("a", "compensated")
        assert asked == ["one"]

    @pytest.mark.parametrize("failure", [AWAY, Unknown("no_answer", "no answer")])
    async def test_that_fails_in_passing_is_tried_again(self, bench: Bench, world: World, failure: Failure) -> None:
        world.failures["one:undo"] = [failure] * 2
        await bench.start("a")
        async with running(bench.engine(world.step("one"), world.step("two"))):
            await bench.until("a", "done")
            await bench.cancel("a")
            await bench.until("a", "compensated")
        assert world.of("a") == ["one", "two", "two:undo", *["one:undo"] * 3]

    async def test_that_goes_on_failing_waits_for_a_person_and_then_goes_on_undoing(
        self, bench: Bench, world: World, desk: CommandContext
    ) -> None:
        world.failures["one:undo"] = [AWAY] * 3
        await bench.start("a")
        async with running(bench.engine(world.step("one"), world.step("two"), undo_after=timedelta(0))):
            await bench.until("a", "done")
            await bench.cancel("a")
            process = await bench.until("a", "stuck")
            assert process.undoing
            (trouble,) = await bench.exceptions()
            assert (trouble.code, trouble.step) == ("unreachable", "one")
            steered = await process_commands.resume(desk, ANN, ["visit:a"])
            assert steered.done == ("visit:a",)
            await bench.until("a", "compensated")
        assert world.of("a") == ["one", "two", "two:undo", *["one:undo"] * 4]
        assert await bench.exceptions() == []

    async def test_waits_at_a_shut_gate_too(self, bench: Bench, world: World, gates: Gates) -> None:
        await gates.turn()
        await bench.start("a")
        async with running(bench.engine(world.step("one"), gates=gates), gates, url=bench.database.url):
            await bench.until("a", "done")
            await pause(bench, gates)
            await bench.cancel("a")
            await bench.until("a", "parked")
            assert world.of("a") == ["one"]
            await resume(bench, gates)
            await bench.until("a", "compensated")


async def test_a_process_that_is_parked_keeps_no_lease(bench: Bench, world: World, gates: Gates) -> None:
    await pause(bench, gates)
    await bench.start("a")
    async with running(bench.engine(world.step("one"), gates=gates)):
        await bench.until("a", "parked")
    assert await rows(bench.database, "SELECT released FROM process") == [(True,)]
