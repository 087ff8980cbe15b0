"""Runs one claimed process: performs what `engine.decide` says, tells it what happened, and stores what follows."""

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime
from time import monotonic
from typing import Any

import msgspec
import structlog

from suture.canonical.events import Event
from suture.catalogue.manifest import Role
from suture.core.clock import Clock
from suture.core.failure import CircuitOpen, Failure, Fatal, Rejected
from suture.core.ids import fact_id
from suture.engine import complaints
from suture.engine.decide import (
    EventMissing,
    Happening,
    Manner,
    Perform,
    ProcessClaimed,
    Responsibility,
    Scene,
    StepDone,
    StepFailed,
    decide,
    may_complain,
)
from suture.engine.definition import AwaitEvent, Definition, Step, Timer
from suture.engine.port import Checkpoint, EngineStore
from suture.engine.process import Journal, Process
from suture.engine.run import Outcome, Run
from suture.store.database import DATABASE_AWAY
from suture.store.gate import Gate
from suture.telemetry import metrics, tracing

log = structlog.get_logger()


class LeaseLost(Exception):
    """Another worker has this process now; ours has nothing more to say."""


class RunnerContext(msgspec.Struct, frozen=True, kw_only=True):
    """What every process of a worker shares. `toolbox` is handed to each step; `jitter` answers in [0, 1); `gates`
    answers the gate of an interface."""

    store: EngineStore
    toolbox: Any
    responsible: Callable[[Role | None], Responsibility]
    gates: Callable[[str], Gate]
    organisation: str
    clock: Clock
    jitter: Callable[[], float]


class StepRunner:
    """One claimed process on its way. `run` returns when it ended, waits, will be retried or needs a person."""

    def __init__(self, claim: Process, definition: Definition[Any] | None, setting: RunnerContext) -> None:
        self._process = claim
        self._definition = definition
        self._setting = setting
        self._scene = Scene()
        self._unsaved: Journal = {}
        self._untold: tuple[Event, ...] = ()
        self._input: Any = None

    async def run(self) -> datetime | None:
        """Answers when the process is due again, None where it ended or stopped.

        Raises `LeaseLost` when another worker has the process, and what the database raises when it is away.
        """
        perform = await self._follow(ProcessClaimed(at=self._setting.clock.now()))
        while perform:
            if len(perform) == 1 and len(self._scene.under_way) == 1:
                perform = await self._heard(await self._happening(perform[0]))
            else:
                perform = await self._side_by_side(perform)
        going_on = self._process.state in ("running", "waiting", "compensating")
        return self._process.due_at if going_on else None

    async def _side_by_side(self, perform: Iterable[Perform]) -> tuple[Perform, ...]:
        """Perform steps of several branches; answers what is to be done once one alone is left to do."""
        tasks = {asyncio.create_task(self._happening(one)) for one in perform}
        try:
            while tasks:
                done, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    following = await self._heard(task.result())
                    tasks |= {asyncio.create_task(self._happening(one)) for one in following}
        finally:
            for task in tasks:
                task.cancel()
        return ()

    async def _heard(self, happening: Happening) -> tuple[Perform, ...]:
        """`_follow`, where what a step answered and can't be stored stops this process and no other."""
        try:
            return await self._follow(happening)
        except (LeaseLost, *DATABASE_AWAY):
            raise
        except Exception as error:
            if not isinstance(happening, StepDone):
                raise
            self._unsaved, self._untold = {}, ()
            return await self._follow(self._broke(happening.step, happening.manner, error))

    async def _follow(self, happening: Happening) -> tuple[Perform, ...]:
        """Decide, and store what is to be stored. A cancellation that came meanwhile is decided on, too."""
        decision = decide(self._definition, self._process, happening, self, self._scene)
        events = (*self._untold, *(self._event(happening.at, *fact) for fact in decision.facts))
        records = {**self._unsaved, **decision.records}
        if decision.save:
            saved = await self._setting.store.save(
                Checkpoint(
                    process=decision.process,
                    at=happening.at,
                    journal=records,
                    events=events,
                    complaint=decision.complaint,
                    resolves=decision.resolves,
                )
            )
            if not saved.held:
                raise LeaseLost(self._process.key)
            if saved.cancelled:
                self._process = msgspec.structs.replace(self._process, cancel_requested=True)
                return await self._follow(happening)
            events, records = (), {}
        self._process, self._scene = decision.process, decision.scene
        self._unsaved, self._untold = records, events
        return decision.perform

    async def _happening(self, perform: Perform) -> Happening:
        """Perform one step. A bug (in the step, its condition or its input) stops this process and no other."""
        step, manner = perform.step, perform.manner
        try:
            if isinstance(step, AwaitEvent):
                return await self._look(step, manner)
            return await self._through_gate(step, manner)
        except Failure as failure:
            return self._failed(step, manner, failure)
        except DATABASE_AWAY as error:
            return self._failed(step, manner, complaints.cut_off(step.name, error))
        except Exception as error:
            return self._broke(step, manner, error)

    async def _look(self, step: AwaitEvent, manner: Manner) -> Happening:
        now, journey = self._setting.clock.now(), self._process.correlation_id
        data = await self._setting.store.find((journey, step.type))
        if data is not None:
            return StepDone(step=step, manner=manner, at=now, result=msgspec.Raw(data))
        foretold = may_complain(step, self._process, now) and await self._any_of(step.foretell)
        return EventMissing(step=step, manner=manner, at=now, foretold=foretold)

    async def _any_of(self, types: Iterable[str]) -> bool:
        for event_type in types:
            if await self._setting.store.find((self._process.correlation_id, event_type)) is not None:
                return True
        return False

    async def _through_gate(self, step: Step, manner: Manner) -> Happening:
        """Act, if the gate of the step's system lets it. What becomes of it tells the gate how the system is."""
        gate = self._gate(step)
        if manner != "undo" and step.when is not None:
            step.when(self._as_seen(), self._setting.toolbox)  # one that breaks shows so
        try:
            gate.enter()
        except CircuitOpen as held:
            message = held.message.removeprefix(f"{held.interface} ")
            held = CircuitOpen(held.interface, message, not_before=held.not_before)
            return self._failed(step, manner, held, begun=False)
        begun = self._setting.clock.now()
        try:
            outcome = await self._observed(step, manner)
        finally:
            gate.leave()
        gate.succeeded()
        now = self._setting.clock.now()
        return StepDone(
            step=step,
            manner=manner,
            at=now,
            result=msgspec.Raw(msgspec.json.encode(outcome.result)),
            facts=outcome.facts,
            seconds=round((now - begun).total_seconds(), 4),
        )

    async def _observed(self, step: Step, manner: Manner) -> Outcome:
        """Act, and tell how long it took and what came of it."""
        process, began, told = self._process, monotonic(), "broke"
        try:
            with tracing.span(
                step.name, process.correlation_id, process=process.key, manner=manner, attempt=process.attempt + 1
            ):
                outcome = await self._in_time(step, manner)
            told = "done"
            return outcome
        except Failure as failure:
            told = failure.outcome
            raise
        finally:
            metrics.observe("suture_step_seconds", monotonic() - began, process.definition, step.name, told)

    async def _in_time(self, step: Step, manner: Manner) -> Outcome:
        if step.timeout is None:
            return await self._act(step, manner)
        limit = asyncio.timeout(step.timeout.total_seconds())
        try:
            async with limit:
                return await self._act(step, manner)
        except TimeoutError:
            if not limit.expired():
                raise
            raise complaints.timed_out(step.name, step.timeout.total_seconds()) from None

    async def _act(self, step: Step, manner: Manner) -> Outcome:
        run, tools = self._as_seen(), self._setting.toolbox
        if manner == "check" and step.may_undo is not None:
            await step.may_undo(run, tools)
            return Outcome()
        act = step.undo if manner == "undo" else step.do
        if act is None:
            raise TypeError(f"{step.name} has nothing to {manner}")
        return await act(run, tools)

    def _failed(self, step: Step | AwaitEvent, manner: Manner, failure: Failure, *, begun: bool = True) -> StepFailed:
        gate = self._gate(step) if isinstance(step, Step) else None
        if gate is not None and isinstance(failure, Rejected):
            gate.refused(failure)
        return StepFailed(
            step=step,
            manner=manner,
            at=self._setting.clock.now(),
            failure=failure,
            begun=begun,
            gate=gate.interface if gate is not None else "",
            shut=gate is not None and isinstance(failure, Fatal) and gate.shut(failure),
            draw=self._setting.jitter(),
        )

    def _broke(self, step: Step | AwaitEvent, manner: Manner, error: Exception) -> StepFailed:
        log.error("step_broke", process=self._process.key, step=step.name, error_type=type(error).__name__)
        return self._failed(step, manner, complaints.broken(step.name, error))

    def _gate(self, step: Step) -> Gate:
        return self._setting.gates(self._setting.responsible(step.role).interface)

    def _event(self, at: datetime, step: str, event_type: str, data: msgspec.Struct) -> Event:
        process = self._process
        again = [str(process.round)] if process.round else []
        return Event(
            id=fact_id("process", process.key, step, event_type, *again),
            type=event_type,
            source="suture/processes",
            subject=process.subject,
            organisation=self._setting.organisation,
            facility=process.facility,
            occurred_at=at,
            recorded_at=at,
            correlation_id=process.correlation_id,
            causation_id=process.causation_id,
            data=msgspec.Raw(msgspec.json.encode(data)),
        )

    def _as_seen(self, process: Process | None = None) -> Run[Any]:
        process = process or self._process
        if self._definition is None:
            raise TypeError("a process without a definition has no steps")
        if self._input is None:
            self._input = msgspec.json.decode(process.input, type=self._definition.input)
        return Run(process.key, self._input, process.journal, self._setting.clock.now())

    # What decisions go by (`engine.decide.Rules`)

    def responsible(self, role: Role | None) -> Responsibility:
        return self._setting.responsible(role)

    def applies(self, step: Step, process: Process) -> bool:
        if step.when is None:
            return True
        try:
            return step.when(self._as_seen(process), self._setting.toolbox)
        except Exception:  # it asks for what a step before it would have answered; or it broke, which is shown later
            return True

    def until(self, timer: Timer, process: Process, reached: datetime) -> datetime:
        return timer.until(self._as_seen(process), self._setting.toolbox, reached)
