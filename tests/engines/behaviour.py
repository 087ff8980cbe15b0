"""What every process engine does: order, retries, waits, timers, approvals, branches, leases, fences, cancellation.

A test module adopts it by importing its classes and giving a `bench`.

The outside world is `World`, a system in memory that notes every call and fails as it is told to.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from suture.canonical.events import (
    AppointmentArrived,
    AppointmentBooked,
    AppointmentCancelled,
    EligibilityAnswered,
    Event,
    InvoiceDrafted,
    StockReturned,
)
from suture.canonical.routing import Route
from suture.catalogue.model import Retry
from suture.core.clock import Clock, ManualClock, SystemClock
from suture.core.failure import Failure, Fatal, Rejected, Retriable, Unknown
from suture.core.money import Money
from suture.engine.decide import Responsibility
from suture.engine.definition import (
    ApprovalVerdict,
    AwaitApproval,
    AwaitEvent,
    Definition,
    Node,
    Parallel,
    Step,
    wait_for,
    wait_until,
)
from suture.engine.port import Checkpoint
from suture.engine.process import NEVER, Process
from suture.engine.run import Outcome
from suture.engine.steer import Compensate, Correct, Decide, End, RedoSteps, Release, Resume, SteerCommand
from suture.processes.engine import ProcessEngine
from suture.store.gate import Gate, GateRow

NAME = "visit"
RETRY = Retry(attempts=3, first=0.01, longest=0.02)
FACT = "suture.stock.returned.v1"
AWAITED = "suture.invoice.drafted.v1"
AWAITING = AwaitEvent("wait", AWAITED)


class Note(msgspec.Struct, frozen=True):
    text: str


class World:
    """`failures` are raised by a call before it succeeds; a call in `gates` waits until its gate opens."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.failures: dict[str, list[Exception]] = defaultdict(list)
        self.gates: dict[str, asyncio.Event] = {}
        self.under_way = 0
        self.most_under_way = 0

    def step(self, name: str, **more: Any) -> Step:
        """A step that can be undone; every success tells a fact."""
        return Step(name, self._act(name), undo=self._act(f"{name}:undo"), **more)

    def _act(self, call: str) -> Callable[[Any, Any], Awaitable[Outcome]]:
        async def act(run: Any, _: Any) -> Outcome:
            key = run.input.appointment
            self.calls.append((key, call))
            self.under_way += 1
            self.most_under_way = max(self.most_under_way, self.under_way)
            try:
                await (self.gates[call].wait() if call in self.gates else asyncio.sleep(0))
            finally:
                self.under_way -= 1
            if self.failures[call]:
                raise self.failures[call].pop(0)
            return Outcome(Note(call), ((FACT, StockReturned(appointment=key, number=call)),))

        return act

    def of(self, key: str) -> list[str]:
        return [call for called, call in self.calls if called == key]


class Bench:
    """A store, a world and as many engines as a test wants. Each engine's test module has one of its own kind."""

    store: Any

    def __init__(self) -> None:
        self.world = World()
        self._engines: list[ProcessEngine] = []

    async def record(self, *facts: Event) -> None:
        """Record facts, with all that they set in motion."""
        raise NotImplementedError

    async def steer(self, key: str, command: SteerCommand) -> Process | None:
        """What the process of a business key is after a command; None where it did not obey."""
        raise NotImplementedError

    async def process(self, key: str) -> Process:
        raise NotImplementedError

    async def alter(self, key: str, **fields: Any) -> None:
        """Put a process into a state that takes long to come about."""
        raise NotImplementedError

    async def recorded(self, key: str) -> list[Event]:
        """The events of a journey, in the order recorded."""
        raise NotImplementedError

    async def exceptions(self) -> list[Any]:
        """What people are asked: open exceptions, or what says the same."""
        raise NotImplementedError

    async def told_again(self) -> int:
        """How often a process that has ended was to be started again by something else."""
        raise NotImplementedError

    def routed(self, *routes: Route) -> None:
        """Have recorded events set in motion what these routes say."""
        raise NotImplementedError

    def engine(
        self,
        *steps: Node,
        clock: Clock | None = None,
        worker: str = "w1",
        lease: float = 30,
        slots: int = 64,
        definition: str = NAME,
        input_type: type[msgspec.Struct] = AppointmentArrived,
        gates: Callable[[str], Gate] = Gate,
        older: tuple[Definition[Any], ...] = (),
        version: int = 1,
    ) -> ProcessEngine:
        engine = ProcessEngine(
            store=self.store,
            definitions=[Definition(definition, version, input_type, steps), *older],
            toolbox=None,
            responsible=responsible,
            organisation="test-clinics",
            worker=worker,
            clock=clock or SystemClock(),
            slots=slots,
            lease=timedelta(seconds=lease),
            jitter=lambda: 0.0,
            gates=gates,
        )
        self._engines.append(engine)
        return engine

    async def start(self, *keys: str, at: datetime | None = None) -> None:
        facts = [_event("suture.appointment.arrived.v1", AppointmentArrived(appointment=key), key, at) for key in keys]
        await self.record(*facts)

    async def cancel(self, *keys: str) -> None:
        facts = [_event("suture.appointment.cancelled.v1", AppointmentCancelled(appointment=k), k) for k in keys]
        await self.record(*facts)

    async def tell_awaited(self, key: str) -> None:
        data = InvoiceDrafted(appointment=key, invoice=7, total=Money.zero("USD"))
        await self.record(_event(AWAITED, data, key))

    def wake(self) -> None:
        for engine in self._engines:
            engine.wake()

    async def facts(self, key: str) -> list[str]:
        """What the world's steps told, in the order recorded."""
        recorded = await self.recorded(key)
        return [msgspec.json.decode(event.data)["number"] for event in recorded if event.type == FACT]

    async def until(self, key: str, *states: str, seconds: float = 15) -> Process:
        async with asyncio.timeout(seconds):
            while (process := await self.process(key)).state not in states:
                await asyncio.sleep(0.01)
        return process

    async def until_tried(self, key: str, attempts: int) -> Process:
        """Until that many attempts failed and the process was released."""
        async with asyncio.timeout(15):
            while (process := await self.process(key)).attempt < attempts:
                await asyncio.sleep(0.01)
        return process

    async def until_counted(self, count: int) -> Any:
        """Until the one open exception was met that many times."""
        async with asyncio.timeout(15):
            while [trouble.count for trouble in await self.exceptions()] != [count]:
                await asyncio.sleep(0.01)
        return (await self.exceptions())[0]

    async def until_called(self, call: str, times: int = 1) -> None:
        async with asyncio.timeout(15):
            while sum(called == call for _, called in self.world.calls) < times:
                await asyncio.sleep(0.01)


def responsible(_: Any) -> Responsibility:
    return Responsibility("revenue cycle", "billing-api", RETRY)


ROUTES = tuple(
    Route(
        type=f"suture.appointment.{fact}.v1",
        action=action,
        definition=NAME,
        version=1,
        key=lambda payload: payload.appointment,
    )
    for fact, action in (("arrived", "start"), ("cancelled", "cancel"))
)


def _key(payload: Any) -> str:
    return payload.appointment


def _event(event_type: str, data: msgspec.Struct, key: str, at: datetime | None = None) -> Event:
    now = at or datetime.now(UTC)
    return Event(
        id=uuid4(),
        type=event_type,
        source="suture/test",
        subject=f"Appointment/{key}",
        organisation="test-clinics",
        facility="MAIN",
        occurred_at=now,
        recorded_at=now,
        correlation_id=key,
        data=msgspec.Raw(msgspec.json.encode(data)),
    )


@asynccontextmanager
async def running(*engines: ProcessEngine) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(engine.run()) for engine in engines]
    try:
        yield
        assert not any(task.done() for task in tasks), "an engine stopped by itself"
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task


@pytest.fixture
def world(bench: Bench) -> World:
    return bench.world


class TestSteps:
    async def test_run_in_order_and_each_leaves_a_checkpoint(self, bench: Bench, world: World) -> None:
        await bench.start("a")
        async with running(bench.engine(world.step("one"), world.step("two"), world.step("three"))):
            process = await bench.until("a", "done")
        assert world.of("a") == ["one", "two", "three"]
        assert await bench.facts("a") == ["one", "two", "three"]
        assert {name: record.state for name, record in process.journal.items()} == dict.fromkeys(
            ("one", "two", "three"), "done"
        )
        assert process.finished_at is not None

    async def test_see_the_results_of_those_before(self, bench: Bench, world: World) -> None:
        seen: list[object] = []

        async def look(run: Any, _: Any) -> Outcome:
            seen.extend((run.result("one", Note), run.was_done("one"), run.was_done("three")))
            return Outcome()

        await bench.start("a")
        async with running(bench.engine(world.step("one"), Step("look", look), world.step("three"))):
            await bench.until("a", "done")
        assert seen == [Note("one"), True, False]

    async def test_that_do_not_apply_are_skipped(self, bench: Bench, world: World) -> None:
        await bench.start("a")
        never = world.step("never", when=lambda *_: False)
        async with running(bench.engine(world.step("one"), never, world.step("three"))):
            process = await bench.until("a", "done")
        assert world.of("a") == ["one", "three"]
        assert process.journal["never"].state == "skipped"

    async def test_start_once_however_often_their_event_is_told(self, bench: Bench, world: World) -> None:
        await bench.start("a", "a")
        await bench.start("a")
        async with running(bench.engine(world.step("one"))):
            await bench.until("a", "done")
        assert world.of("a") == ["one"]

    async def test_are_bounded_by_the_slots(self, bench: Bench, world: World) -> None:
        keys = [f"a{n}" for n in range(20)]
        await bench.start(*keys)
        async with running(bench.engine(world.step("one"), world.step("two"), slots=3)):
            for key in keys:
                await bench.until(key, "done")
        assert world.most_under_way <= 3

    async def test_of_an_unknown_definition_wait_for_who_knows_it_and_then_for_a_person(
        self, bench: Bench, world: World, clock: ManualClock
    ) -> None:
        await bench.start("a", at=clock.now())
        async with running(bench.engine(world.step("one"), definition="another", clock=clock)):
            clock.advance(timedelta(minutes=9))
            bench.wake()
            await asyncio.sleep(0.2)
            assert (await bench.process("a")).state == "running"
            clock.advance(timedelta(minutes=2))
            bench.wake()
            await bench.until("a", "stuck")
        (trouble,) = await bench.exceptions()
        assert (trouble.code, trouble.process) == ("unknown_definition", "visit:a")


class TestFailures:
    async def test_retriable_waits_as_long_as_it_is_asked_to(
        self, bench: Bench, world: World, clock: ManualClock
    ) -> None:
        world.failures["one"] = [Retriable("busy", "busy", not_before=timedelta(hours=1))]
        await bench.start("a", at=clock.now())
        async with running(bench.engine(world.step("one"), clock=clock)):
            process = await bench.until_tried("a", 1)
            assert (process.state, process.due_at) == ("running", clock.now() + timedelta(hours=1))
            clock.advance(timedelta(minutes=59))
            bench.wake()
            await asyncio.sleep(0.1)
            assert world.of("a") == ["one"]
            clock.advance(timedelta(minutes=2))
            bench.wake()
            process = await bench.until("a", "done")
        assert world.of("a") == ["one", "one"]
        assert process.journal["one"].attempts == 2
        assert await bench.exceptions() == []

    @pytest.mark.parametrize("failure", [Retriable("busy", "busy"), Unknown("no_answer", "no answer")])
    async def test_that_may_pass_are_tried_again(self, bench: Bench, world: World, failure: Failure) -> None:
        world.failures["two"] = [failure, failure]
        await bench.start("a")
        async with running(bench.engine(world.step("one"), world.step("two"))):
            await bench.until("a", "done")
        assert world.of("a") == ["one", "two", "two", "two"]
        assert await bench.facts("a") == ["one", "two"]

    async def test_that_go_on_too_long_come_to_a_person(self, bench: Bench, world: World) -> None:
        world.failures["one"] = [Retriable("busy", "billing is busy", "wait")] * 99
        await bench.start("a")
        async with running(bench.engine(world.step("one"))):
            await bench.until("a", "stuck")
        assert len(world.calls) == RETRY.attempts
        (trouble,) = await bench.exceptions()
        assert (trouble.code, trouble.outcome, trouble.reason) == ("busy", "retriable", "billing is busy")
        assert (trouble.owner, trouble.interface, trouble.step) == ("revenue cycle", "billing-api", "one")

    async def test_that_leave_nothing_but_a_stuck_process_do_not_stop_the_engine(
        self, bench: Bench, world: World
    ) -> None:
        world.failures["one"] = [Rejected("coverage_refused", "not covered")]
        await bench.start("a")
        engine = bench.engine(world.step("one"))
        async with running(engine):
            await bench.until("a", "stuck")
            assert await engine._claim_due() > 0, "the stuck one is all there is, due in thousands of years"
            await bench.start("b")
            await bench.until("b", "done")

    async def test_rejected_comes_to_a_person_at_once(self, bench: Bench, world: World) -> None:
        world.failures["two"] = [Rejected("coverage_refused", "not covered", "correct it")]
        await bench.start("a")
        async with running(bench.engine(world.step("one"), world.step("two"), world.step("three"))):
            await bench.until("a", "stuck")
        assert world.of("a") == ["one", "two"]
        (trouble,) = await bench.exceptions()
        assert (trouble.code, trouble.outcome, trouble.remedy) == ("coverage_refused", "rejected", "correct it")
        assert (trouble.process, trouble.step, trouble.subject) == ("visit:a", "two", "Appointment/a")

    async def test_fatal_is_shown_at_once_and_tried_until_it_is_mended(
        self, bench: Bench, world: World, clock: ManualClock
    ) -> None:
        world.failures["one"] = [Fatal("credentials_refused", "401", "renew the secret")] * 5
        await bench.start("a", at=clock.now())
        async with running(bench.engine(world.step("one"), clock=clock)):
            for count in range(1, 6):
                trouble = await bench.until_counted(count)
                assert (trouble.code, trouble.outcome) == ("credentials_refused", "fatal")
                process = await bench.process("a")
                assert (process.state, process.due_at) == ("running", clock.now() + timedelta(minutes=1))
                assert process.attempt == 1, "tries in vain for want of a key don't use up the policy's"
                clock.advance(timedelta(minutes=1))
                bench.wake()
            await bench.until("a", "done")
        assert await bench.exceptions() == []

    async def test_may_last_for_weeks(self, bench: Bench, world: World, clock: ManualClock) -> None:
        world.failures["one"] = [Fatal("credentials_refused", "401")]
        await bench.start("a", at=clock.now())
        await bench.alter("a", attempt=20000)
        async with running(bench.engine(world.step("one"), clock=clock)):
            process = await bench.until_tried("a", 20000)
        assert process.state == "running"


class Other(msgspec.Struct, frozen=True):
    """An input that no event of these tests has."""

    missing: int


class TestBugs:
    """A bug stops its own process, in front of a person, and no other."""

    async def _stuck_beside_others(self, bench: Bench, engine: ProcessEngine) -> Any:
        await bench.start("bad", "good1", "good2")
        async with running(engine):
            await bench.until("bad", "stuck")
            await bench.until("good1", "done")
            await bench.until("good2", "done")
        (trouble,) = await bench.exceptions()
        assert (trouble.code, trouble.process) == ("step_broke", "visit:bad")
        assert "Mustermann" not in trouble.reason
        return trouble

    async def test_in_a_step(self, bench: Bench, world: World) -> None:
        async def broken(run: Any, _: Any) -> Outcome:
            if run.input.appointment == "bad":
                raise ValueError("Mustermann, Erika")
            return Outcome()

        trouble = await self._stuck_beside_others(bench, bench.engine(Step("broken", broken)))
        assert trouble.reason == "the step broken failed with ValueError"

    async def test_in_a_condition(self, bench: Bench, world: World) -> None:
        def when(run: Any, _: Any) -> bool:
            return {"good1": True, "good2": True}[run.input.appointment]

        trouble = await self._stuck_beside_others(bench, bench.engine(world.step("maybe", when=when)))
        assert trouble.step == "maybe"

    async def test_in_a_result(self, bench: Bench, world: World) -> None:
        async def odd(run: Any, _: Any) -> Outcome:
            return Outcome(object() if run.input.appointment == "bad" else None)  # type: ignore[arg-type]

        await self._stuck_beside_others(bench, bench.engine(Step("odd", odd)))

    async def test_in_a_result_that_the_store_refuses(self, bench: Bench, world: World) -> None:
        async def odd(run: Any, _: Any) -> Outcome:
            return Outcome(Note("\x00" if run.input.appointment == "bad" else "fine"))

        await self._stuck_beside_others(bench, bench.engine(Step("odd", odd)))

    async def test_in_reading_the_input(self, bench: Bench, world: World) -> None:
        await bench.start("a")
        async with running(bench.engine(world.step("one"), input_type=Other)):
            await bench.until("a", "stuck")
        assert world.calls == []

    async def test_of_a_connection_that_nobody_translated_are_tried_and_then_shown(
        self, bench: Bench, world: World
    ) -> None:
        world.failures["one"] = [ConnectionResetError()] * 99
        await bench.start("a")
        async with running(bench.engine(world.step("one"))):
            await bench.until("a", "stuck")
        assert len(world.calls) == RETRY.attempts
        (trouble,) = await bench.exceptions()
        assert trouble.code == "connection_lost"


class TestWaiting:
    async def test_goes_on_with_an_event_that_is_there_already(self, bench: Bench, world: World) -> None:
        await bench.start("a")
        await bench.tell_awaited("a")
        async with running(bench.engine(AWAITING, world.step("two"))):
            process = await bench.until("a", "done")
        assert msgspec.json.decode(process.journal["wait"].result)["invoice"] == 7

    async def test_is_woken_by_the_event_of_its_own_journey(
        self, bench: Bench, world: World, clock: ManualClock
    ) -> None:
        await bench.start("a", "b", at=clock.now())
        async with running(bench.engine(world.step("one"), AWAITING, world.step("two"), clock=clock)):
            await bench.until("a", "waiting")
            await bench.until("b", "waiting")
            await bench.record(
                _event(AWAITED, InvoiceDrafted(appointment="a", invoice=7, total=Money.zero("USD")), "a", clock.now())
            )
            await bench.until("a", "done")
        assert world.of("a") == ["one", "two"]
        assert (await bench.process("b")).state == "waiting"

    async def test_looks_again_in_case_the_event_came_in_that_very_moment(self, bench: Bench, world: World) -> None:
        await bench.start("a")
        async with running(bench.engine(AWAITING, world.step("two"))):
            await bench.until("a", "waiting")
            await bench.alter("a", awaits=None)  # as a recorder saw it that looked too early
            await bench.tell_awaited("a")
            await bench.until("a", "done", seconds=3)

    async def test_of_what_nothing_foretells_is_told_once_and_goes_on_when_it_comes(
        self, bench: Bench, world: World, clock: ManualClock
    ) -> None:
        impatient = AwaitEvent(
            "wait", AWAITED, patience=timedelta(minutes=5), foretell=("suture.appointment.booked.v1",)
        )
        booked = AppointmentBooked(
            appointment="b", patient="Patient/p", practitioner="Practitioner/d", facility="MAIN", start=clock.now()
        )
        await bench.record(_event("suture.appointment.booked.v1", booked, "b", clock.now()))
        await bench.start("a", "b", at=clock.now() - timedelta(minutes=4))
        async with running(bench.engine(impatient, world.step("two"), clock=clock)):
            await bench.until("a", "waiting")
            await bench.until("b", "waiting")
            assert await bench.exceptions() == []
            for _ in range(3):
                clock.advance(timedelta(minutes=2))
                for key in ("a", "b"):
                    await bench.alter(key, due_at=clock.now())
                async with asyncio.timeout(10):
                    while not [one for one in await bench.exceptions() if one.count == 1]:
                        await asyncio.sleep(0.02)
            (trouble,) = await bench.exceptions()
            assert (trouble.code, trouble.process, trouble.count) == (
                "visit_unknown",
                (await bench.process("a")).key,
                1,
            )
            drafted = InvoiceDrafted(appointment="a", invoice=7, total=Money.zero("USD"))
            await bench.record(_event(AWAITED, drafted, "a", clock.now()))
            await bench.until("a", "done")
        assert (world.of("a"), await bench.exceptions()) == (["two"], [])

    async def test_in_vain_comes_to_a_person(self, bench: Bench, world: World, clock: ManualClock) -> None:
        await bench.start("a", at=clock.now() - timedelta(days=4))
        async with running(bench.engine(AWAITING, clock=clock)):
            await bench.until("a", "stuck")
        assert [trouble.code for trouble in await bench.exceptions()] == ["event_never_came"]

    async def test_may_last_long(self, bench: Bench, world: World, clock: ManualClock) -> None:
        await bench.start("a", at=clock.now())
        await bench.alter("a", attempt=5000)
        async with running(bench.engine(AWAITING, clock=clock)):
            process = await bench.until("a", "waiting", "stuck")
        assert process.state == "waiting"
        assert process.due_at - clock.now() == timedelta(minutes=1)


class TestCancellation:
    async def test_before_the_start_does_nothing(self, bench: Bench, world: World) -> None:
        await bench.start("a")
        await bench.cancel("a")
        async with running(bench.engine(world.step("one"))):
            await bench.until("a", "compensated")
        assert world.calls == []

    async def test_of_one_that_never_was_is_nothing(self, bench: Bench, world: World) -> None:
        await bench.cancel("a")
        await bench.start("a")
        async with running(bench.engine(world.step("one"))):
            await bench.until("a", "done")

    async def test_while_a_step_runs_undoes_it_when_it_is_done(self, bench: Bench, world: World) -> None:
        gate = world.gates["two"] = asyncio.Event()
        await bench.start("a")
        async with running(bench.engine(world.step("one"), world.step("two"), world.step("three"))):
            await bench.until_called("two")
            await bench.cancel("a")
            gate.set()
            process = await bench.until("a", "compensated")
        assert world.of("a") == ["one", "two", "two:undo", "one:undo"]
        assert await bench.facts("a") == ["one", "two", "two:undo", "one:undo"]
        assert {record.state for record in process.journal.values()} == {"undone"}

    async def test_while_waiting_undoes_what_was_done(self, bench: Bench, world: World) -> None:
        await bench.start("a")
        async with running(bench.engine(world.step("one"), AWAITING)):
            await bench.until("a", "waiting")
            await bench.cancel("a")
            await bench.until("a", "compensated")
        assert world.of("a") == ["one", "one:undo"]

    async def test_after_the_end_undoes_all_in_reverse(self, bench: Bench, world: World) -> None:
        await bench.start("a")
        skipped = world.step("never", when=lambda *_: False)
        final = Step("final", world._act("final"))
        async with running(bench.engine(world.step("one"), skipped, world.step("three"), final)):
            await bench.until("a", "done")
            await bench.cancel("a")
            await bench.until("a", "compensated")
        assert world.of("a") == ["one", "three", "final", "three:undo", "one:undo"]

    async def test_of_a_stuck_one_closes_its_exception_and_counts_attempts_anew(
        self, bench: Bench, world: World
    ) -> None:
        world.failures["two"] = [Retriable("busy", "busy")] * 99
        world.failures["one:undo"] = [Retriable("busy", "busy")] * (RETRY.attempts - 1)
        await bench.start("a")
        async with running(bench.engine(world.step("one"), world.step("two"))):
            await bench.until("a", "stuck")
            await bench.cancel("a")
            await bench.until("a", "compensated")
        assert await bench.exceptions() == []

    async def test_between_two_tries_counts_attempts_anew(self, bench: Bench, world: World, clock: ManualClock) -> None:
        world.failures["two"] = [Retriable("busy", "busy")] * 99
        world.failures["one:undo"] = [Retriable("busy", "busy")] * (RETRY.attempts - 1)
        await bench.start("a", at=clock.now())
        async with running(bench.engine(world.step("one"), world.step("two"), clock=clock)):
            await bench.until_tried("a", 1)
            await bench.cancel("a")
            for _ in range(RETRY.attempts + 1):
                clock.advance(timedelta(seconds=1))
                bench.wake()
                await asyncio.sleep(0.1)
            await bench.until("a", "compensated")

    async def test_settles_a_step_of_unknown_outcome_before_it_is_undone(self, bench: Bench, world: World) -> None:
        world.failures["two"] = [Unknown("no_answer", "it may have happened")]
        await bench.start("a")
        async with running(bench.engine(world.step("one"), world.step("two"), world.step("three"))):
            await bench.until_called("two")
            await bench.cancel("a")
            await bench.until("a", "compensated")
        assert world.of("a") == ["one", "two", "two", "two:undo", "one:undo"]

    async def test_keeps_its_doubt_while_it_waits_at_a_shut_gate(self, bench: Bench, world: World) -> None:
        await bench.start("a")
        now = datetime.now(UTC)
        await bench.store.claim("silent", now, now - timedelta(seconds=1), 1)  # it fell silent in the midst of a step
        await bench.cancel("a")
        gate = Gate("billing-api")
        gate.row = GateRow(interface="billing-api", breaker="open")
        async with running(bench.engine(world.step("one"), gates=lambda _: gate)):
            await bench.until("a", "parked")
        assert world.calls == []
        await bench.steer("a", Release(datetime.now(UTC)))
        async with running(bench.engine(world.step("one"))):
            await bench.until("a", "compensated")
        assert world.of("a") == ["one", "one:undo"]

    async def test_does_not_settle_what_certainly_did_not_happen(self, bench: Bench, world: World) -> None:
        world.failures["two"] = [Retriable("busy", "busy", not_before=timedelta(seconds=1))]
        await bench.start("a")
        async with running(bench.engine(world.step("one"), world.step("two"))):
            await bench.until_called("two")
            await bench.cancel("a")
            await bench.until("a", "compensated")
        assert world.of("a") == ["one", "two", "one:undo"]

    @pytest.mark.parametrize(
        ("silent_in", "calls"),
        [
            ("two", "one two two two:undo one:undo"),
            ("two:undo", "one two two:undo two:undo one:undo"),
            ("one:undo", "one two two:undo one:undo one:undo"),
        ],
    )
    async def test_goes_on_forward_with_nothing_that_was_not_begun_wherever_a_worker_falls_silent(
        self, bench: Bench, world: World, silent_in: str, calls: str
    ) -> None:
        steps = (world.step("one"), world.step("two"), world.step("three"))
        for call in ("two", silent_in):
            world.gates[call] = asyncio.Event()
        await bench.start("a")
        async with running(bench.engine(*steps, worker="w1")):
            await bench.until_called("two")
            await bench.cancel("a")
            if silent_in != "two":
                world.gates["two"].set()
            await bench.until_called(silent_in)
        world.gates[silent_in].set()
        async with running(bench.engine(*steps, worker="w2")):
            await bench.until("a", "compensated")
        assert world.of("a") == calls.split()

    async def test_that_comes_while_a_step_is_rejected_is_not_lost(self, bench: Bench, world: World) -> None:
        gate = world.gates["two"] = asyncio.Event()
        world.failures["two"] = [Rejected("refused", "refused")]
        await bench.start("a")
        async with running(bench.engine(world.step("one"), world.step("two"))):
            await bench.until_called("two")
            await bench.cancel("a")
            gate.set()
            await bench.until("a", "compensated")
        assert world.of("a") == ["one", "two", "two:undo", "one:undo"], "what was refused may have left a part behind"

    async def test_then_started_again_comes_to_a_person(self, bench: Bench, world: World) -> None:
        await bench.start("a")
        async with running(bench.engine(world.step("one"))):
            await bench.until("a", "done")
            await bench.cancel("a")
            await bench.until("a", "compensated")
            await bench.start("a")
        assert (await bench.process("a")).state == "compensated"
        assert await bench.told_again() == 1

    async def test_twice_undoes_once(self, bench: Bench, world: World) -> None:
        await bench.start("a")
        async with running(bench.engine(world.step("one"))):
            await bench.until("a", "done")
            await bench.cancel("a")
            await bench.until("a", "compensated")
            await bench.cancel("a")
            await asyncio.sleep(0.1)
        assert world.of("a") == ["one", "one:undo"]

    async def test_that_can_not_be_undone_comes_to_a_person(self, bench: Bench, world: World) -> None:
        world.failures["two:undo"] = [Rejected("period_closed", "the period is closed")]
        await bench.start("a")
        async with running(bench.engine(world.step("one"), world.step("two"))):
            await bench.until("a", "done")
            await bench.cancel("a")
            await bench.until("a", "stuck")
        assert world.of("a") == ["one", "two", "two:undo"]
        (trouble,) = await bench.exceptions()
        assert (trouble.code, trouble.step) == ("period_closed", "two")

    async def test_takes_effect_in_the_order_of_the_versions_also_within_one_transaction(
        self, bench: Bench, world: World
    ) -> None:
        def versioned(version: int, event: Event) -> Event:
            return msgspec.structs.replace(event, sequence=version)

        def came(key: str) -> Event:
            return _event("suture.appointment.arrived.v1", AppointmentArrived(appointment=key), key)

        def went(key: str) -> Event:
            return _event("suture.appointment.cancelled.v1", AppointmentCancelled(appointment=key), key)

        await bench.record(
            versioned(1, went("came-after-all")),
            versioned(2, went("went-after-all")),
            versioned(2, came("came-after-all")),
            versioned(1, came("went-after-all")),
        )
        async with running(bench.engine(world.step("one"))):
            await bench.until("came-after-all", "done")
            await bench.until("went-after-all", "compensated")


class TestLeases:
    async def _claimed(self, bench: Bench, worker: str, lease: float = 30) -> Process:
        now = datetime.now(UTC)
        (claim,) = await bench.store.claim(worker, now, now + timedelta(seconds=lease), 1)
        return claim

    @staticmethod
    def _checkpoint(claim: Process, step: str, **more: Any) -> Checkpoint:
        fact = _event(FACT, StockReturned(appointment="a", number=f"{step} by {claim.fence}"), "a")
        process = msgspec.structs.replace(claim, step=step, released=False)
        process = msgspec.structs.replace(process, **more)
        return Checkpoint(process=process, at=datetime.now(UTC), events=(fact,))

    async def test_of_a_silent_worker_end_and_another_goes_on(self, bench: Bench, world: World) -> None:
        await bench.start("a")
        await self._claimed(bench, "silent", lease=0.3)
        async with running(bench.engine(world.step("one"))):
            process = await bench.until("a", "done")
        assert (process.worker, process.fence) == ("w1", 2)
        assert world.of("a") == ["one"]

    async def test_are_nobody_elses_while_they_last(self, bench: Bench, world: World) -> None:
        await bench.start("a")
        await self._claimed(bench, "busy", lease=30)
        async with running(bench.engine(world.step("one"))):
            await asyncio.sleep(0.3)
        assert world.calls == []

    async def test_are_kept_while_a_long_step_runs(self, bench: Bench, world: World) -> None:
        gate = world.gates["one"] = asyncio.Event()
        await bench.start("a")
        first = bench.engine(world.step("one"), worker="w1", lease=0.6)
        second = bench.engine(world.step("one"), worker="w2", lease=0.6)
        async with running(first, second):
            await asyncio.sleep(2)
            gate.set()
            await bench.until("a", "done")
        assert world.of("a") == ["one"]

    async def test_survive_a_renewal_that_failed(self, bench: Bench, world: World) -> None:
        gate = world.gates["one"] = asyncio.Event()
        renew, failed = bench.store.renew, []

        async def fails_once(*arguments: Any) -> None:
            if not failed:
                failed.append(True)
                raise RuntimeError("a deadlock, say")
            await renew(*arguments)

        bench.store.renew = fails_once  # type: ignore[method-assign]
        await bench.start("a")
        async with running(bench.engine(world.step("one"), lease=0.9)):
            await asyncio.sleep(2)
            gate.set()
            await bench.until("a", "done")
        assert failed
        assert world.of("a") == ["one"]

    async def test_lost_refuse_the_checkpoint_and_its_facts(self, bench: Bench) -> None:
        await bench.start("a")
        stale = await self._claimed(bench, "stale", lease=-1)
        await self._claimed(bench, "fresh")
        saved = await bench.store.save(self._checkpoint(stale, "one"))
        assert not saved.held
        assert await bench.facts("a") == []
        assert (await bench.process("a")).step == ""

    async def test_given_up_are_not_taken_back_by_a_renewal_under_way(self, bench: Bench) -> None:
        await bench.start("a")
        claim = await self._claimed(bench, "w1")
        later = datetime.now(UTC) + timedelta(hours=1)
        await bench.store.save(self._checkpoint(claim, "one", due_at=later, released=True))
        await bench.store.renew([claim], datetime.now(UTC))
        assert (await bench.process("a")).due_at == later

    async def test_tell_a_worker_of_a_cancellation_that_it_did_not_know_of(self, bench: Bench) -> None:
        await bench.start("a")
        claim = await self._claimed(bench, "w1")
        await bench.cancel("a")
        saved = await bench.store.save(self._checkpoint(claim, "one"))
        assert (saved.held, saved.cancelled) == (True, True)
        assert await bench.facts("a") == [], "what was decided without knowing is decided again"

    async def test_are_handed_back_at_once_by_a_worker_that_is_stopped(self, bench: Bench, world: World) -> None:
        world.gates["two"] = asyncio.Event()
        await bench.start("a")
        steps = (world.step("one"), world.step("two"))
        async with running(bench.engine(*steps, worker="w1", lease=600)):
            await bench.until_called("two")
        assert (await bench.process("a")).due_at <= datetime.now(UTC)
        world.gates["two"].set()
        async with running(bench.engine(*steps, worker="w2", lease=600)):
            process = await bench.until("a", "done")
        assert world.of("a") == ["one", "two", "two"]
        assert process.worker == "w2"

    async def test_share_the_work_of_two_engines_without_doubling_any(self, bench: Bench, world: World) -> None:
        keys = [f"a{n:03}" for n in range(200)]
        steps = (world.step("one"), world.step("two"), world.step("three"))
        engines = [bench.engine(*steps, worker=worker, slots=40) for worker in ("w1", "w2")]
        async with running(*engines):
            for n in range(0, 200, 50):
                await bench.start(*keys[n : n + 50])
            for key in keys:
                await bench.until(key, "done")
        assert Counter(world.calls) == Counter((key, step) for key in keys for step in ("one", "two", "three"))
        workers = Counter([(await bench.process(key)).worker for key in keys])
        assert workers.keys() == {"w1", "w2"}


class TestWhatIsToldAnewToAProcessThatWroteNothing:
    """It begins at its first step by what it is told now; what a refused step may have left outside is remembered."""

    @staticmethod
    def _booked(facility: str) -> Event:
        at = datetime(2026, 3, 2, 9, tzinfo=UTC)
        data = AppointmentBooked(appointment="a", patient="Patient/p", practitioner=None, facility=facility, start=at)
        return _event("suture.appointment.booked.v1", data, "a")

    @staticmethod
    def _steps(world: World) -> tuple[Step, Step]:
        async def ask(run: Any, _: Any) -> Outcome:
            answer = EligibilityAnswered(appointment="a", payer=run.input.facility)
            return Outcome(facts=(("suture.eligibility.verified.v1", answer),))

        return Step("ask", ask), world.step("write")

    @pytest.fixture
    def anew(self, bench: Bench) -> Bench:
        start = Route(
            type="suture.appointment.booked.v1",
            action="start",
            definition=NAME,
            version=1,
            key=_key,
            effects=frozenset({"write"}),
        )
        stop = Route(type="suture.appointment.cancelled.v1", action="cancel", definition=NAME, version=1, key=_key)
        bench.routed(start, stop)
        return bench

    async def test_is_told_as_a_fact_of_its_own(self, anew: Bench, world: World) -> None:
        world.failures["write"] = [Rejected("unknown_code", "no such code")]
        await anew.record(self._booked("MAIN"))
        async with running(anew.engine(*self._steps(world), input_type=AppointmentBooked)):
            await anew.until("a", "stuck")
            await anew.record(self._booked("NORTH"))
            await anew.until("a", "done")
        assert await anew.exceptions() == [], "another answer by another input is no fact told differently"
        told = [event for event in await anew.recorded("a") if "eligibility" in event.type]
        assert [msgspec.json.decode(event.data)["payer"] for event in told] == ["MAIN", "NORTH"]

    async def test_does_not_forget_what_a_refused_step_left_outside(self, anew: Bench, world: World) -> None:
        world.failures["write"] = [Rejected("charge_differs", "it stands, and differs")]
        await anew.record(self._booked("MAIN"))
        async with running(anew.engine(*self._steps(world), input_type=AppointmentBooked)):
            await anew.until("a", "stuck")
        await anew.record(self._booked("NORTH"))
        await anew.cancel("a")
        async with running(anew.engine(*self._steps(world), input_type=AppointmentBooked)):
            await anew.until("a", "compensated")
        assert world.of("a") == ["write", "write:undo"]


def _verdict(by: str = "ann") -> ApprovalVerdict:
    return ApprovalVerdict(by=by, at=datetime.now(UTC), reason="looked at it")


class TestSteering:
    """What people do to processes; `released` ones only."""

    async def test_ends_one_where_it_stands(self, bench: Bench, world: World) -> None:
        world.failures["two"] = [Rejected("refused", "refused")]
        await bench.start("a")
        async with running(bench.engine(world.step("one"), world.step("two"))):
            await bench.until("a", "stuck")
            ended = await bench.steer("a", End(datetime.now(UTC)))
        assert (ended is not None, world.of("a"), (await bench.process("a")).state) == (
            True,
            ["one", "two"],
            "cancelled",
        )
        assert await bench.steer("a", Resume(datetime.now(UTC))) is None

    async def test_has_a_stuck_one_go_on_from_the_step_it_stopped_at(self, bench: Bench, world: World) -> None:
        world.failures["two"] = [Rejected("refused", "refused")]
        await bench.start("a")
        async with running(bench.engine(world.step("one"), world.step("two"))):
            await bench.until("a", "stuck")
            await bench.steer("a", Resume(datetime.now(UTC)))
            bench.wake()
            await bench.until("a", "done")
        assert (world.of("a"), await bench.exceptions()) == (["one", "two", "two"], [])

    async def test_undoes_what_was_done_and_does_steps_again(self, bench: Bench, world: World) -> None:
        await bench.start("a", "b")
        async with running(bench.engine(world.step("one"), world.step("two"))):
            for key in ("a", "b"):
                await bench.until(key, "done")
            await bench.steer("a", Compensate(datetime.now(UTC)))
            await bench.steer("b", RedoSteps(("two",), datetime.now(UTC)))
            bench.wake()
            await bench.until("a", "compensated")
            await bench.until("b", "done")
        assert world.of("a") == ["one", "two", "two:undo", "one:undo"]
        assert world.of("b") == ["one", "two", "two"]
        assert await bench.facts("b") == ["one", "two", "two"], "what is done again is a fact of its own"

    async def test_puts_another_input_under_a_stuck_one(self, bench: Bench, world: World) -> None:
        world.failures["one"] = [Rejected("refused", "refused")]
        await bench.start("a")
        async with running(bench.engine(world.step("one"))):
            await bench.until("a", "stuck")
            await bench.steer("a", Correct(msgspec.json.encode(AppointmentArrived(appointment="other")).decode()))
            await bench.steer("a", Resume(datetime.now(UTC)))
            bench.wake()
            await bench.until("a", "done")
        assert world.of("other") == ["one"]

    async def test_leaves_alone_what_a_worker_has_in_hand(self, bench: Bench, world: World) -> None:
        world.gates["one"] = asyncio.Event()
        await bench.start("a")
        async with running(bench.engine(world.step("one"))):
            await bench.until_called("one")
            now = datetime.now(UTC)
            for command in (End(now), Resume(now), Compensate(now), RedoSteps(("one",), now), Correct("{}")):
                assert await bench.steer("a", command) is None


class TestTimers:
    async def test_wait_as_long_as_they_say(self, bench: Bench, world: World, clock: ManualClock) -> None:
        await bench.start("a", at=clock.now())
        reached = clock.now()
        async with running(
            bench.engine(world.step("one"), wait_for("cool", timedelta(hours=2)), world.step("two"), clock=clock)
        ):
            process = await bench.until("a", "waiting")
            assert process.due_at == reached + timedelta(hours=2)
            clock.advance(timedelta(hours=2))
            bench.wake()
            await bench.until("a", "done")
        assert world.of("a") == ["one", "two"]

    async def test_go_on_at_once_where_their_moment_is_past(
        self, bench: Bench, world: World, clock: ManualClock
    ) -> None:
        past = wait_until("morning", lambda run, tools: clock.now() - timedelta(hours=1))
        await bench.start("a", at=clock.now())
        async with running(bench.engine(past, world.step("one"), clock=clock)):
            await bench.until("a", "done")

    async def test_do_not_begin_anew_when_a_worker_looks_again(
        self, bench: Bench, world: World, clock: ManualClock
    ) -> None:
        await bench.start("a", at=clock.now())
        due = clock.now() + timedelta(hours=2)
        async with running(bench.engine(wait_for("cool", timedelta(hours=2)), world.step("one"), clock=clock)):
            await bench.until("a", "waiting")
            clock.advance(timedelta(hours=1))
            await bench.alter("a", due_at=clock.now())
            bench.wake()
            async with asyncio.timeout(10):
                while (await bench.process("a")).due_at != due:
                    await asyncio.sleep(0.01)

    async def test_are_left_by_a_cancellation(self, bench: Bench, world: World, clock: ManualClock) -> None:
        await bench.start("a", at=clock.now())
        async with running(bench.engine(world.step("one"), wait_for("cool", timedelta(days=2)), clock=clock)):
            await bench.until("a", "waiting")
            await bench.record(
                _event("suture.appointment.cancelled.v1", AppointmentCancelled(appointment="a"), "a", clock.now())
            )
            await bench.until("a", "compensated")


APPROVAL = AwaitApproval(
    "agree", by="finance", asks="Write it off?", within=timedelta(hours=4), escalate_to="controller"
)


class TestApprovals:
    async def test_let_it_go_on_once_somebody_approves(self, bench: Bench, world: World) -> None:
        await bench.start("a")
        async with running(bench.engine(world.step("one"), APPROVAL, world.step("two"))):
            await bench.until("a", "waiting")
            assert await bench.steer("a", Decide("other", True, _verdict())) is None
            assert await bench.steer("a", Decide("agree", True, _verdict())) is not None
            bench.wake()
            process = await bench.until("a", "done")
        assert world.of("a") == ["one", "two"]
        assert msgspec.json.decode(process.journal["agree"].result, type=ApprovalVerdict).by == "ann"

    async def test_undo_what_was_done_where_somebody_refuses(self, bench: Bench, world: World) -> None:
        await bench.start("a")
        async with running(bench.engine(world.step("one"), APPROVAL, world.step("two"))):
            await bench.until("a", "waiting")
            await bench.steer("a", Decide("agree", False, _verdict()))
            bench.wake()
            await bench.until("a", "compensated")
        assert world.of("a") == ["one", "one:undo"]

    async def test_that_nobody_decides_in_time_are_escalated_once(
        self, bench: Bench, world: World, clock: ManualClock
    ) -> None:
        await bench.start("a", at=clock.now())
        async with running(bench.engine(APPROVAL, world.step("one"), clock=clock)):
            assert (await bench.until("a", "waiting")).due_at == clock.now() + timedelta(hours=4)
            clock.advance(timedelta(hours=4))
            bench.wake()
            trouble = await bench.until_counted(1)
            assert (trouble.code, trouble.owner, trouble.step) == ("approval_overdue", "controller", "agree")
            assert (await bench.process("a")).due_at == NEVER
            await bench.steer("a", Decide("agree", True, ApprovalVerdict(by="ann", at=clock.now(), reason="late")))
            bench.wake()
            await bench.until("a", "done")
        assert await bench.exceptions() == [], "what goes on needs nobody"


class TestParallelBranches:
    async def test_go_on_side_by_side_and_join(self, bench: Bench, world: World) -> None:
        left, right = world.gates["left"], world.gates["right"] = asyncio.Event(), asyncio.Event()
        await bench.start("a")
        both = Parallel(((world.step("left"), world.step("left2")), (world.step("right"),)))
        async with running(bench.engine(world.step("one"), both, world.step("two"))):
            await bench.until_called("left")
            await bench.until_called("right")
            left.set()
            await bench.until_called("left2")
            assert "two" not in world.of("a")
            right.set()
            await bench.until("a", "done")
        assert world.of("a")[-1] == "two"

    async def test_are_undone_in_reverse_of_how_they_are_written(self, bench: Bench, world: World) -> None:
        await bench.start("a")
        both = Parallel(((world.step("left"),), (world.step("right"),)))
        async with running(bench.engine(both, world.step("two"))):
            await bench.until("a", "done")
            await bench.cancel("a")
            await bench.until("a", "compensated")
        assert world.of("a")[3:] == ["two:undo", "right:undo", "left:undo"]

    async def test_of_which_one_fails_end_what_they_began_and_no_more(self, bench: Bench, world: World) -> None:
        gate = world.gates["right"] = asyncio.Event()
        world.failures["left"] = [Rejected("refused", "refused")]
        await bench.start("a")
        both = Parallel(((world.step("left"),), (world.step("right"), world.step("right2"))))
        async with running(bench.engine(both)):
            await bench.until_called("left")
            await bench.until_called("right")
            gate.set()
            process = await bench.until("a", "stuck")
            assert (process.step, sorted(world.of("a"))) == ("left", ["left", "right"])
            await bench.steer("a", Resume(datetime.now(UTC)))
            bench.wake()
            await bench.until("a", "done")
        assert sorted(world.of("a")) == ["left", "left", "right", "right2"]

    async def test_that_wait_in_one_go_on_in_the_other(self, bench: Bench, world: World) -> None:
        await bench.start("a")
        both = Parallel(((AWAITING, world.step("left")), (world.step("right"),)))
        async with running(bench.engine(both)):
            await bench.until("a", "waiting")
            assert world.of("a") == ["right"]
            await bench.tell_awaited("a")
            await bench.until("a", "done")
        assert world.of("a") == ["right", "left"]

    async def test_of_which_one_waits_in_vain_tell_a_person_while_the_other_is_at_work(
        self, bench: Bench, world: World
    ) -> None:
        gate = world.gates["right"] = asyncio.Event()
        impatient = replace(AWAITING, patience=timedelta(minutes=5))
        await bench.start("a", at=datetime.now(UTC) - timedelta(minutes=6))
        async with running(bench.engine(Parallel(((impatient,), (world.step("right"),))))):
            trouble = await bench.until_counted(1)
            assert (trouble.code, world.of("a")) == ("visit_unknown", ["right"])
            gate.set()
            await bench.until("a", "waiting")

    @pytest.mark.parametrize("first", ["left", "right"])
    async def test_cancelled_in_their_midst_are_undone_as_far_as_they_came(
        self, bench: Bench, world: World, first: str
    ) -> None:
        world.gates |= {"left": asyncio.Event(), "right": asyncio.Event()}
        await bench.start("a")
        both = Parallel(((world.step("left"), world.step("left2")), (world.step("right"), world.step("right2"))))
        async with running(bench.engine(both)):
            await bench.until_called("left")
            await bench.until_called("right")
            await bench.cancel("a")
            world.gates[first].set()
            await asyncio.sleep(0.05)
            for gate in world.gates.values():
                gate.set()
            await bench.until("a", "compensated")
        assert world.of("a")[2:] == ["right:undo", "left:undo"]

    async def test_whose_worker_falls_silent_are_settled_each(self, bench: Bench, world: World) -> None:
        world.gates |= {"left": asyncio.Event(), "right": asyncio.Event()}
        await bench.start("a")
        both = Parallel(((world.step("left"), world.step("left2")), (world.step("right"), world.step("right2"))))
        async with running(bench.engine(both, worker="w1")):
            await bench.until_called("left")
            await bench.until_called("right")
            await bench.cancel("a")
        for gate in world.gates.values():
            gate.set()
        async with running(bench.engine(both, worker="w2")):
            await bench.until("a", "compensated")
        assert world.of("a")[2:] == ["left", "right", "right:undo", "left:undo"]


class TestTimeOuts:
    async def test_leave_the_outcome_unknown_and_are_tried_again(self, bench: Bench, world: World) -> None:
        world.gates["one"] = asyncio.Event()
        await bench.start("a")
        async with running(bench.engine(world.step("one", timeout=timedelta(seconds=0.02)))):
            await bench.until("a", "stuck")
        assert world.of("a") == ["one"] * RETRY.attempts
        (trouble,) = await bench.exceptions()
        assert (trouble.code, trouble.outcome) == ("step_timed_out", "unknown")
        assert (await bench.process("a")).journal["one"].state == "begun"


class TestVersions:
    async def test_a_process_goes_on_by_the_version_it_began_with(self, bench: Bench, world: World) -> None:
        old = Definition(NAME, 1, AppointmentArrived, (world.step("one"), AWAITING, world.step("old")))
        await bench.start("a")
        async with running(bench.engine(*old.steps)):
            await bench.until("a", "waiting")
        steps = (world.step("one"), AWAITING, world.step("new"))
        async with running(bench.engine(*steps, version=2, older=(old,))):
            await bench.tell_awaited("a")
            await bench.until("a", "done")
        assert world.of("a") == ["one", "old"]

    async def test_a_version_that_nobody_here_knows_comes_to_a_person(
        self, bench: Bench, world: World, clock: ManualClock
    ) -> None:
        await bench.start("a", at=clock.now() - timedelta(minutes=11))
        async with running(bench.engine(world.step("one"), version=2, clock=clock)):
            await bench.until("a", "stuck")
        assert [trouble.code for trouble in await bench.exceptions()] == ["unknown_definition"]

    async def test_a_cancelled_one_that_nobody_knows_is_not_taken_for_undone(
        self, bench: Bench, world: World, clock: ManualClock
    ) -> None:
        await bench.start("a", at=clock.now() - timedelta(minutes=11))
        await bench.cancel("a")
        async with running(bench.engine(world.step("one"), version=2, clock=clock)):
            await bench.until("a", "stuck")
