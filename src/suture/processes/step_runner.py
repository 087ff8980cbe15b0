"""Runs one claimed process, step by step, and writes a checkpoint after each.

A step that was done is never run again; one that may have been begun is run again, and its connector looks first.
A failure's type says what follows: try again later, look and try again, wait at a shut gate, or ask a person.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, Literal

import msgspec
import structlog

from suture.canonical.events import EVENT_TYPES, Event
from suture.canonical.routing import awaiting
from suture.catalogue.manifest import Role
from suture.catalogue.model import Retry
from suture.core.clock import Clock
from suture.core.failure import CircuitOpen, Failure, Fatal, Rejected, Throttled, Unknown
from suture.core.ids import fact_id
from suture.processes.definition import AwaitEvent, Definition, Step
from suture.processes.run import Outcome, Run
from suture.store.database import DATABASE_AWAY
from suture.store.exceptions import Trouble
from suture.store.gate import Gate
from suture.store.processes import Checkpoint, ClaimedProcess, Journal, ProcessStore, Saved, StepRecord
from suture.telemetry import metrics, tracing

log = structlog.get_logger()

_FATAL_PAUSE = timedelta(seconds=60)
_LONGEST_RECHECK = timedelta(minutes=1)
_MOST_DOUBLINGS = 20


NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""The due time of what waits for a person alone (`datetime.max` would be Postgres's infinity, and come back naive)."""

Manner = Literal["do", "settle", "check", "undo"]


class _NotBegun(CircuitOpen):
    """Held before anything was sent."""

    def __init__(self, held: CircuitOpen) -> None:
        super().__init__(held.interface, held.message.removeprefix(f"{held.interface} "), not_before=held.not_before)


class LeaseLost(Exception):
    """Another worker has this process now; ours has nothing more to say."""


class Responsibility(msgspec.Struct, frozen=True):
    """Who answers for a system's failures, how long its steps are tried, and what follows when nobody decides.

    `sla` is how long an exception may wait; after `undo_after` what was done is undone (None: it waits on).
    """

    owner: str
    interface: str
    retry: Retry
    retry_by_step: Mapping[str, Retry] = {}
    sla: timedelta = timedelta(days=1)
    undo_after: timedelta | None = None

    def retry_of(self, step: str) -> Retry:
        return self.retry_by_step.get(step, self.retry)


class RunnerContext(msgspec.Struct, frozen=True, kw_only=True):
    """What every process of a worker shares. `toolbox` is handed to each step; `jitter` answers in [0, 1).

    `find` answers an event's data by (correlation id, type), None where it wasn't recorded yet; `gates` the gate of an
    interface.
    """

    find: Callable[[tuple[str, str]], Awaitable[bytes | None]]
    store: ProcessStore
    toolbox: Any
    responsible: Callable[[Role | None], Responsibility]
    gates: Callable[[str], Gate]
    organisation: str
    clock: Clock
    jitter: Callable[[], float]


class Advance:
    """One claimed process on its way. `run` returns when it ended, waits, will be retried or needs a person.

    A step is done; or, on the way back, *settled* (done to its end, because it may have been begun), *checked* (can it
    be undone at all?) and undone.
    """

    def __init__(self, claim: ClaimedProcess, definition: Definition[Any] | None, setting: RunnerContext) -> None:
        self._claim = claim
        self._definition = definition
        self._setting = setting
        self._state = claim.state
        self._attempt = claim.attempt
        self._failing_since = claim.failing_since
        self._journal: Journal = dict(claim.journal)
        self._unsaved: Journal = {}
        self._due_at: datetime | None = None
        self._in_doubt = claim.in_doubt
        self._cancelled = claim.cancel_requested
        self._checked: set[str] = set()
        self._manner: Manner = "do"

    async def run(self) -> datetime | None:
        """Answers when the process is due again, None where it ended or stopped.

        Raises `LeaseLost` when another worker has the process, and what the database raises when it is away.
        """
        if self._definition is None:
            await self._ask_a_person(self._claim.step, None, _unknown_definition(self._claim))
            return None
        going_on = True
        while going_on:
            self._manner, step = self._next()
            going_on = await (self._end() if step is None else self._guarded(step))
        return self._due_at

    def _next(self) -> tuple["Manner", Step | AwaitEvent | None]:
        """What to do next, and with which step; None at the end."""
        if self._state != "compensating":
            return "do", next((step for step in self._steps if not self._has_outcome(step)), None)
        # A step that was left out has no checkpoint of its own: what was begun may stand behind it.
        ahead = next((step for step in self._steps if not self._has_outcome(step) and self._may_apply(step)), None)
        if isinstance(ahead, Step) and ahead.has_effect and (self._in_doubt or self._was_begun(ahead)):
            return "settle", ahead
        back = [step for step in reversed(self._steps) if isinstance(step, Step) and self._is_to_undo(step)]
        if all(record.state != "undone" for record in self._journal.values()):
            for step in back:
                if step.may_undo is not None and step.name not in self._checked and self._state_of(step) == "done":
                    return "check", step
        return "undo", next(iter(back), None)

    def _has_outcome(self, step: Step | AwaitEvent) -> bool:
        return self._state_of(step) in ("done", "skipped", "undone") or (
            self._state == "compensating" and self._state_of(step) == "refused"
        )

    def _may_apply(self, step: Step | AwaitEvent) -> bool:
        """Whether a step's condition holds, or can't be told yet."""
        try:
            return (
                isinstance(step, AwaitEvent) or step.when is None or step.when(self._as_seen(), self._setting.toolbox)
            )
        except Exception:  # it asks for what a step before it would have answered; or it broke, which is shown later
            return True

    def _was_begun(self, step: Step) -> bool:
        return self._state_of(step) == "begun"

    def _is_to_undo(self, step: Step) -> bool:
        return step.undo is not None and self._state_of(step) in ("done", "refused")

    def _state_of(self, step: Step | AwaitEvent) -> str | None:
        record = self._journal.get(step.name)
        return record.state if record is not None else None

    async def _guarded(self, step: Step | AwaitEvent) -> bool:
        """`_perform`, where a bug (in the step, its condition or what it answers) stops this process and no other."""
        try:
            return await self._perform(step)
        except (LeaseLost, *DATABASE_AWAY):
            raise
        except Exception as error:
            log.error("step_broke", process=self._claim.key, step=step.name, error_type=type(error).__name__)
            return await self._refused(step, _broken(step.name, error))

    async def _perform(self, step: Step | AwaitEvent) -> bool:
        """Do (or undo) one step and write its checkpoint. False: nothing more to do for now."""
        begun = self._setting.clock.now()
        if not self._applies(step):
            self._note(step.name, StepRecord(state="skipped", at=begun, attempts=0))
            return True
        try:
            outcome = await self._await_event(step) if isinstance(step, AwaitEvent) else await self._through_gate(step)
        except Failure as failure:
            return await self._met(step, failure)
        except DATABASE_AWAY as error:
            return await self._retry_later(step, _cut_off(step.name, error))
        if outcome is None:
            return False
        if self._manner == "check":
            self._checked.add(step.name)
        else:
            await self._record(step, outcome, begun)
        return True

    async def _met(self, step: Step | AwaitEvent, failure: Failure) -> bool:
        """A failure's type says what happens next."""
        match failure:
            case CircuitOpen():
                return await self._hold(step, failure)
            case Fatal():
                return await self._shut_out(step, failure)
            case Rejected():
                return await self._refused(step, failure)
            case _:
                return await self._retry_later(step, failure)

    def _applies(self, step: Step | AwaitEvent) -> bool:
        """Whether a step's condition holds; what was done is undone whatever its condition says by then."""
        if isinstance(step, AwaitEvent) or step.when is None or self._manner in ("check", "undo"):
            return True
        return step.when(self._as_seen(), self._setting.toolbox)

    async def _through_gate(self, step: Step) -> Outcome:
        """Act, if the gate of the step's system lets it. What becomes of it tells the gate how the system is."""
        gate = self._gate(step)
        try:
            gate.enter()
        except CircuitOpen as failure:
            raise _NotBegun(failure) from failure
        try:
            outcome = await self._observed(step)
        finally:
            gate.leave()
        gate.succeeded()
        return outcome

    async def _observed(self, step: Step) -> Outcome:
        """Act, and tell how long it took and what came of it."""
        claim, began, told = self._claim, monotonic(), "broke"
        try:
            with tracing.span(
                step.name,
                claim.correlation_id,
                process=claim.key,
                manner=self._manner,
                attempt=self._attempt + 1,
            ):
                outcome = await self._act(step)
            told = "done"
            return outcome
        except Failure as failure:
            told = failure.outcome
            raise
        finally:
            metrics.observe("suture_step_seconds", monotonic() - began, claim.definition, step.name, told)

    async def _act(self, step: Step) -> Outcome:
        run, tools = self._as_seen(), self._setting.toolbox
        if self._manner == "check" and step.may_undo is not None:
            await step.may_undo(run, tools)
            return Outcome()
        act = step.undo if self._manner == "undo" else step.do
        if act is None:
            raise TypeError(f"{step.name} has nothing to {self._manner}")
        return await act(run, tools)

    async def _record(self, step: Step | AwaitEvent, outcome: Outcome, begun: datetime) -> None:
        now = self._setting.clock.now()
        undone = self._manner == "undo"
        self._in_doubt = False
        self._note(
            step.name,
            StepRecord(
                state="undone" if undone else "done",
                at=now,
                attempts=self._attempt + 1,
                result=msgspec.Raw(msgspec.json.encode(outcome.result)),
                seconds=round((now - begun).total_seconds(), 4),
            ),
        )
        name = f"{step.name}:undo" if undone else step.name
        facts = tuple(self._event(name, event_type, data) for event_type, data in outcome.facts)
        troubled, self._attempt, self._failing_since = self._attempt > 0, 0, None
        saved = await self._save(step=step.name, events=facts, resolves=troubled)
        if saved.cancel_requested:
            self._state, self._cancelled = "compensating", True

    async def _end(self) -> bool:
        """Write the end. True: a cancellation came meanwhile, and there is more to do.

        What was undone because it was cancelled needs nobody any more; what was undone because it failed does.
        """
        ended = "compensated" if self._state == "compensating" else "done"
        saved = await self._save(step="", state=ended, resolves=ended == "compensated" and self._cancelled)
        self._state, self._cancelled = saved.state, self._cancelled or saved.cancel_requested
        return saved.state == "compensating"

    async def _refused(self, step: Step | AwaitEvent, failure: Rejected) -> bool:
        """The step can't be done as things are. A person decides, unless the process is on its way back anyway."""
        if isinstance(step, Step):
            self._gate(step).refused(failure)
            if step.has_effect and self._manner in ("do", "settle"):
                self._note(step.name, StepRecord(state="refused", at=self._setting.clock.now(), attempts=1))
                self._in_doubt = False  # it was this one that may have been begun, and none after it
        if self._manner == "settle":
            return True
        return await self._ask_a_person(step.name, step.role, failure)

    async def _shut_out(self, step: Step | AwaitEvent, failure: Fatal) -> bool:
        """What is wrong with the configuration is wrong for all: the gate shuts, and work waits until it is mended."""
        if isinstance(step, Step) and (gate := self._gate(step)).shut(failure):
            return await self._hold(step, CircuitOpen(gate.interface, "waits for its configuration to be mended"))
        self._doubt(step)
        attempt = max(self._attempt, 1)  # tries in vain for want of a key don't use up those that come after
        await self._release(step.name, _FATAL_PAUSE, attempt, self._trouble(step.name, step.role, failure))
        return False

    async def _hold(self, step: Step | AwaitEvent, failure: CircuitOpen) -> bool:
        """It is not this process's fault and costs it no try: it waits for its turn, or for the gate to open."""
        if self._in_doubt or self._manner == "settle" or not isinstance(failure, _NotBegun):
            self._doubt(step)
        self._failing_since = None
        now = self._setting.clock.now()
        if failure.not_before is not None:
            await self._save(step=step.name, due_at=now + failure.not_before)
        else:
            await self._save(step=step.name, state="parked", held_by=failure.interface, due_at=now)
            self._due_at = None
        return False

    async def _retry_later(self, step: Step | AwaitEvent, failure: Failure) -> bool:
        """Release the process until the policy's next try; out of tries or time, a person decides."""
        now = self._setting.clock.now()
        retry = self._setting.responsible(step.role).retry_of(step.name)
        attempt = self._attempt + (not isinstance(failure, Throttled))
        self._failing_since = self._failing_since or now
        wait = max(retry.wait(max(attempt, 1), self._setting.jitter()), failure.not_before or timedelta(0))
        too_long = now + wait - self._failing_since > timedelta(seconds=retry.within)
        if isinstance(failure, Unknown) or self._in_doubt or self._manner == "settle":
            self._doubt(step)
        if (attempt >= retry.attempts or too_long) and not isinstance(step, AwaitEvent):
            return await self._ask_a_person(step.name, step.role, failure)
        await self._release(step.name, wait, attempt)
        return False

    def _doubt(self, step: Step | AwaitEvent) -> None:
        """The step may have happened, or a part of it: whoever goes on must look."""
        if self._manner in ("do", "settle"):
            self._note(step.name, StepRecord(state="begun", at=self._setting.clock.now(), attempts=self._attempt + 1))

    async def _release(self, step: str, wait: timedelta, attempt: int, trouble: Trouble | None = None) -> None:
        await self._save(step=step, due_at=self._setting.clock.now() + wait, attempt=attempt, trouble=trouble)

    async def _ask_a_person(self, step: str, role: Role | None, failure: Failure) -> bool:
        """Stop and say why. What nobody decides in time is undone, where the catalogue wants that: at once, perhaps."""
        trouble = self._trouble(step, role, failure)
        patience = self._setting.responsible(role).undo_after
        undoable = any(isinstance(done, Step) and self._is_to_undo(done) for done in self._steps)
        if patience is None or not undoable or self._state == "compensating":
            due_at = NEVER
        elif patience:
            due_at = self._setting.clock.now() + patience
        else:
            self._state, self._attempt, self._failing_since = "compensating", 0, None
            await self._save(step=step, trouble=trouble)
            return True
        await self._save(step=step, state="stuck", attempt=self._attempt + 1, trouble=trouble, due_at=due_at)
        self._due_at = None  # nothing that this worker should look out for
        return False

    async def _await_event(self, step: AwaitEvent) -> Outcome | None:
        correlation = self._claim.correlation_id
        data = await self._setting.find((correlation, step.type))
        if data is not None:
            return Outcome(msgspec.json.decode(data, type=EVENT_TYPES[step.type]))
        if self._setting.clock.now() - self._claim.started_at > step.deadline:
            raise Rejected(
                "event_never_came",
                f"{step.type} was awaited for {step.deadline.days} days",
                "Find out why it never came (`suture journey` shows the appointment: unknown, cancelled, or "
                "stuck itself?); then retry it.",
            )
        trouble = await self._unforeseen(step)
        if trouble is not None:
            self._failing_since = self._setting.clock.now()  # told once
        await self._save(
            step=step.name,
            state="waiting",
            awaits=awaiting(step.type, correlation),
            due_at=self._setting.clock.now()
            + min(step.recheck * 2 ** min(self._attempt, _MOST_DOUBLINGS), _LONGEST_RECHECK),
            attempt=self._attempt + 1,
            trouble=trouble,
        )
        return None

    async def _unforeseen(self, step: AwaitEvent) -> Trouble | None:
        """What is told of an event that nothing foretells, once it has been waited for long enough."""
        waited = self._setting.clock.now() - self._claim.started_at
        if step.patience is None or waited < step.patience or self._failing_since is not None:
            return None
        subject, correlation = self._claim.subject, self._claim.correlation_id
        for foretelling in step.foretell:
            if await self._setting.find((correlation, foretelling)) is not None:
                return None
        return self._trouble(
            step.name,
            step.told_by or step.role,
            Rejected(
                "visit_unknown",
                f"{subject} is for visit {correlation}, of which nobody has told",
                "It is applied by itself as soon as the visit is billed. Find out whether the visit was never sent, or "
                "was not understood; or whether the payment names a wrong one: then void it in billing and cancel its "
                "process.",
            ),
        )

    async def _save(
        self,
        *,
        step: str,
        state: str | None = None,
        attempt: int | None = None,
        awaits: str | None = None,
        held_by: str | None = None,
        due_at: datetime | None = None,
        events: tuple[Event, ...] = (),
        trouble: Trouble | None = None,
        resolves: bool = False,
    ) -> Saved:
        journal, self._unsaved = self._unsaved, {}
        self._due_at = due_at
        saved = await self._setting.store.save(
            Checkpoint(
                key=self._claim.key,
                fence=self._claim.fence,
                state=state or self._state,
                step=step,
                at=self._setting.clock.now(),
                attempt=self._attempt if attempt is None else attempt,
                failing_since=self._failing_since,
                awaits=awaits,
                held_by=held_by,
                due_at=due_at,
                journal=journal,
                events=events,
                trouble=trouble,
                correlation_id=self._claim.correlation_id,
                facility=self._claim.facility,
                resolves=resolves,
            )
        )
        if not saved.held:
            raise LeaseLost(self._claim.key)
        return saved

    def _note(self, step: str, record: StepRecord) -> None:
        self._journal[step] = self._unsaved[step] = record

    @property
    def _steps(self) -> tuple[Step | AwaitEvent, ...]:
        return self._definition.steps if self._definition else ()

    def _gate(self, step: Step) -> Gate:
        return self._setting.gates(self._setting.responsible(step.role).interface)

    def _as_seen(self) -> Run[Any]:
        if self._definition is None:
            raise TypeError("a process without a definition has no steps")
        return Run(self._claim, self._definition.input, self._journal, self._setting.clock.now())

    def _trouble(self, step: str, role: Role | None, failure: Failure) -> Trouble:
        responsible = self._setting.responsible(role)
        return Trouble(
            code=failure.code,
            outcome=failure.outcome,
            reason=failure.message,
            remedy=failure.remedy,
            owner=responsible.owner,
            interface=responsible.interface,
            process=self._claim.key,
            step=step,
            subject=self._claim.subject,
            sla=responsible.sla,
        )

    def _event(self, step: str, event_type: str, data: msgspec.Struct) -> Event:
        now = self._setting.clock.now()
        again = [str(self._claim.round)] if self._claim.round else []
        return Event(
            id=fact_id("process", self._claim.key, step, event_type, *again),
            type=event_type,
            source="suture/processes",
            subject=self._claim.subject,
            organisation=self._setting.organisation,
            facility=self._claim.facility,
            occurred_at=now,
            recorded_at=now,
            correlation_id=self._claim.correlation_id,
            causation_id=self._claim.causation_id,
            data=msgspec.Raw(msgspec.json.encode(data)),
        )


def _unknown_definition(claim: ClaimedProcess) -> Rejected:
    return Rejected(
        "unknown_definition",
        f"no worker here knows the process {claim.definition!r}",
        "Start workers of the version that knows it, or `suture processes cancel` it.",
    )


def _cut_off(step: str, error: Exception) -> Unknown:
    """The database (or what a connector didn't translate) was away in the midst of a step."""
    return Unknown(
        "connection_lost",
        f"the step {step} lost a connection ({type(error).__name__})",
        "Check that the database is well (`suture doctor`), then retry it.",
    )


def _broken(step: str, error: Exception) -> Rejected:
    """An error nobody foresaw. Only its type is told: its text could carry patient data."""
    return Rejected(
        "step_broke",
        f"the step {step} broke with {type(error).__name__}",
        "This is a defect in Suture: report it with the process's key, then retry it after the mend.",
    )
