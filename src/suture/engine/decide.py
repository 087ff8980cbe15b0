"""What a worker does next with a process that it has in hand: `decide(definition, process, happening)`. Pure.

A step is done; or, on the way back, *settled* (done to its end, because it may have been begun), *checked* (can it be
undone at all?) and undone. A failure's type says what follows: try again later, look and try again, wait at a shut
gate, or ask a person. A cancellation that came meanwhile turns the process round at the next happening, with all the
tries and time that an undo has.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

import msgspec

from suture.canonical.routing import awaiting
from suture.catalogue.manifest import Role
from suture.catalogue.model import Retry
from suture.core.failure import CircuitOpen, Failure, Fatal, Rejected, Throttled, Unknown
from suture.engine import complaints
from suture.engine.definition import AwaitApproval, AwaitEvent, Definition, Leaf, Parallel, Step, Timer
from suture.engine.process import NEVER, Journal, Process, StepRecord

_FATAL_PAUSE = timedelta(seconds=60)
_LONGEST_RECHECK = timedelta(minutes=1)
_MOST_DOUBLINGS = 20
_OUTCOMES = frozenset({"done", "skipped", "undone"})
_replace = msgspec.structs.replace

Manner = Literal["do", "settle", "check", "undo"]
Fact = tuple[str, str, msgspec.Struct]
"""The step that tells it (``<step>:undo`` on the way back), its event type and data."""


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


class Rules(Protocol):
    """What decisions go by beside the definition; all of it pure."""

    def responsible(self, role: Role | None) -> Responsibility:
        """Who answers for the system in a role, and by which policy."""
        ...

    def applies(self, step: Step, process: Process) -> bool:
        """Whether a step's condition holds. True where it breaks: performing the step shows that."""
        ...

    def until(self, timer: Timer, process: Process, reached: datetime) -> datetime:
        """When a timer goes on that was reached at a time."""
        ...


class Perform(msgspec.Struct, frozen=True):
    """Do this next, and tell what happened. Of an `AwaitEvent`: look for its event."""

    step: Step | AwaitEvent
    manner: Manner


class ProcessClaimed(msgspec.Struct, frozen=True, kw_only=True):
    """A worker took the process."""

    at: datetime


class StepDone(msgspec.Struct, frozen=True, kw_only=True):
    """A step (or a look for an event) came to its end, `seconds` after it was begun."""

    step: Step | AwaitEvent
    manner: Manner
    at: datetime
    result: msgspec.Raw
    facts: tuple[tuple[str, msgspec.Struct], ...] = ()
    seconds: float = 0.0


class StepFailed(msgspec.Struct, frozen=True, kw_only=True):
    """It did not. `begun` False: nothing was sent; `gate` is the one that its system has; `shut`: the failure shut it.
    `draw`, in [0, 1), spreads the next tries of many."""

    step: Step | AwaitEvent
    manner: Manner
    at: datetime
    failure: Failure
    begun: bool = True
    gate: str = ""
    shut: bool = False
    draw: float = 0.0


class EventMissing(msgspec.Struct, frozen=True, kw_only=True):
    """The awaited event was not recorded yet. `foretold`: one that foretells it was."""

    step: AwaitEvent
    manner: Manner
    at: datetime
    foretold: bool = False


Happening = ProcessClaimed | StepDone | StepFailed | EventMissing


class Complaint(msgspec.Struct, frozen=True):
    """What a person gets to see: a failure of a step. `owner` is asked, else who answers for the `role`."""

    step: str
    role: Role | None
    failure: Failure
    owner: str | None = None


class StepWait(msgspec.Struct, frozen=True):
    """What a step waits for, and until when at most."""

    step: str
    due_at: datetime
    awaits: str | None = None


class Scene(msgspec.Struct, frozen=True, kw_only=True):
    """What a worker knows beside what is stored: steps `under_way`, `failed` ones and `waits` of parallel branches, and
    steps that were `checked` before an undo; `unstored`: what a step asked, found or told waits for the next
    checkpoint. It is gone with the worker, and nothing is lost by that."""

    under_way: frozenset[str] = frozenset()
    failed: tuple[StepFailed, ...] = ()
    waits: tuple[StepWait, ...] = ()
    checked: frozenset[str] = frozenset()
    unstored: bool = False


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """The process as it is now, and what follows.

    `records` are news of its journal; `facts` are true from here on; `resolves` closes its open exceptions. `save`: it
    is to be stored before anything else is done. Without anything to `perform` and under way, the worker is through
    with it.
    """

    process: Process
    scene: Scene = Scene()
    perform: tuple[Perform, ...] = ()
    records: Journal = {}
    facts: tuple[Fact, ...] = ()
    complaint: Complaint | None = None
    resolves: bool = False
    save: bool = False


def decide(
    definition: Definition[Any] | None, process: Process, happening: Happening, rules: Rules, scene: Scene
) -> Decision:
    """What follows from a happening. `process` may know of a cancellation that the happening didn't; for the same
    arguments the answer is the same."""
    if definition is None:
        return _nobody_knows(process)
    course = _Course(definition, rules, process, scene)
    match happening:
        case ProcessClaimed():
            return course.claimed(happening.at)
        case StepDone():
            return course.done(happening)
        case StepFailed():
            return course.failed(happening)
        case EventMissing():
            return course.not_there(happening)


def may_complain(step: AwaitEvent, process: Process, at: datetime) -> bool:
    """Whether a person is to hear of an event that has not come, unless it was foretold."""
    return step.patience is not None and process.failing_since is None and at - process.started_at >= step.patience


def _nobody_knows(process: Process) -> Decision:
    stuck = _replace(
        process,
        state="stuck",
        attempt=process.attempt + 1,
        due_at=NEVER,
        released=True,
        undoing=process.undoing or process.cancel_requested,
    )
    complaint = Complaint(process.step, None, complaints.unknown_definition(process))
    return Decision(process=stuck, complaint=complaint, save=True)


class _Course:
    """One decision in the making: process and scene change as it goes, and the answer holds what they are then."""

    def __init__(self, definition: Definition[Any], rules: Rules, process: Process, scene: Scene) -> None:
        self._definition = definition
        self._rules = rules
        self._process = process
        self._scene = scene
        self._records: Journal = {}
        self._facts: tuple[Fact, ...] = ()
        self._complaint: Complaint | None = None
        self._resolves = False
        self._save = False

    # What happened

    def claimed(self, at: datetime) -> Decision:
        before = self._process
        silent = before.in_doubt or (not before.released and before.state in ("running", "waiting"))
        self._set(in_doubt=False, awaits=None, released=False)
        if silent:
            self._doubt_what_may_have_been_begun(at)
        if before.state == "stuck" or (before.cancel_requested and before.state != "compensating"):
            self._turn_round(at)
        elif before.state == "waiting":
            self._set(state="running")
        return self._onward(at)

    def done(self, happening: StepDone) -> Decision:
        step, manner = happening.step, happening.manner
        self._leave(step)
        if manner == "check":
            self._scene = _replace(self._scene, checked=self._scene.checked | {step.name})
            return self._onward(happening.at)
        undone = manner == "undo"
        self._note(
            step.name,
            StepRecord(
                state="undone" if undone else "done",
                at=happening.at,
                attempts=self._process.attempt + 1,
                result=happening.result,
                seconds=happening.seconds,
            ),
        )
        name = f"{step.name}:undo" if undone else step.name
        self._facts = tuple((name, event_type, data) for event_type, data in happening.facts)
        self._resolves = self._process.attempt > 0
        self._save = self._resolves or undone or _has_effect(step)
        if not isinstance(step, Step) or step.role is not None or happening.facts:
            self._scene = _replace(self._scene, unstored=True)
        self._set(step=step.name, attempt=0, failing_since=None)
        self._heed_cancellation(happening.at)
        return self._onward(happening.at)

    def failed(self, happening: StepFailed) -> Decision:
        self._leave(happening.step)
        if self._process.state == "compensating" and happening.manner == "do":
            self._mark(happening)
            return self._onward(happening.at)
        if self._scene.under_way:
            self._scene = _replace(self._scene, failed=(*self._scene.failed, happening))
            return self._answer()
        return self._consequence(happening)

    def not_there(self, happening: EventMissing) -> Decision:
        step, at = happening.step, happening.at
        self._leave(step)
        if happening.manner == "settle":
            return self._onward(at)
        if at - self._process.started_at > step.deadline:
            return self.failed(StepFailed(step=step, manner="do", at=at, failure=complaints.event_never_came(step)))
        pause = min(step.recheck * 2 ** min(self._process.attempt, _MOST_DOUBLINGS), _LONGEST_RECHECK)
        wait = StepWait(step.name, at + pause, awaiting(step.type, self._process.correlation_id))
        self._scene = _replace(self._scene, waits=(*self._scene.waits, wait))
        if may_complain(step, self._process, at) and not happening.foretold:
            self._complaint = Complaint(step.name, step.told_by or step.role, complaints.visit_unknown(self._process))
            self._set(failing_since=at)  # told once
        return self._onward(at)

    # What follows

    def _onward(self, at: datetime) -> Decision:
        """Find what is to be done next, in the direction in which the process goes."""
        if self._process.state == "compensating":
            return self._back(at)
        if self._scene.failed:
            return self._answer() if self._scene.under_way else self._consequence(_worst(self._scene.failed))
        ready: list[Step | AwaitEvent] = []
        for leaf in self._frontier(at):
            if leaf.name in self._scene.under_way or any(wait.step == leaf.name for wait in self._scene.waits):
                continue
            if isinstance(leaf, Timer | AwaitApproval):
                self._wait_for(leaf, at)
            else:
                ready.append(leaf)
        if ready or self._scene.under_way:
            return self._answer(*(Perform(leaf, "do") for leaf in ready))
        return self._waiting(at) if self._scene.waits else self._finish("done", at)

    def _frontier(self, at: datetime) -> list[Leaf]:
        """The next step of each branch that is open, after those that don't apply and timers that are up."""
        for node in self._definition.steps:
            branches = node.branches if isinstance(node, Parallel) else ((node,),)
            ahead = [leaf for branch in branches if (leaf := self._next_of(branch, at)) is not None]
            if ahead:
                return ahead
        return []

    def _next_of(self, branch: Sequence[Leaf], at: datetime) -> Leaf | None:
        for leaf in branch:
            if self._process.state_of(leaf.name) in _OUTCOMES:
                continue
            if isinstance(leaf, Step) and not self._rules.applies(leaf, self._process):
                self._note(leaf.name, StepRecord(state="skipped", at=at, attempts=0))
            elif isinstance(leaf, Timer) and self._time_of(leaf, at) <= at:
                self._note(leaf.name, StepRecord(state="done", at=at))
            else:
                return leaf
        return None

    def _time_of(self, timer: Timer, at: datetime) -> datetime:
        record = self._process.journal.get(timer.name)
        return self._rules.until(timer, self._process, record.at if record is not None else at)

    def _wait_for(self, leaf: Timer | AwaitApproval, at: datetime) -> None:
        record = self._process.journal.get(leaf.name)
        if record is None:
            record = StepRecord(state="waiting", at=at)
            self._note(leaf.name, record)
        if isinstance(leaf, Timer):
            wait = StepWait(leaf.name, self._time_of(leaf, at))
        elif at < record.at + leaf.within:
            wait = StepWait(leaf.name, record.at + leaf.within)
        else:
            wait = StepWait(leaf.name, NEVER)
            if record.attempts == 1:
                self._note(leaf.name, _replace(record, attempts=2))
                self._complaint = Complaint(leaf.name, None, complaints.approval_overdue(leaf), leaf.escalate_to)
        self._scene = _replace(self._scene, waits=(*self._scene.waits, wait))

    def _back(self, at: datetime) -> Decision:
        """On the way back: settle what may have been begun, check what can't be undone, undo the rest in reverse."""
        for failed in self._scene.failed:
            self._mark(failed)
        self._scene = _replace(self._scene, failed=(), waits=())
        if self._scene.under_way:
            return self._answer()
        doubtful = self._to_settle()
        if doubtful is not None:
            return self._answer(Perform(doubtful, "settle"))
        back = [step for step in reversed(list(self._steps())) if self._is_to_undo(step)]
        if all(record.state != "undone" for record in self._process.journal.values()):
            for step in back:
                unchecked = step.may_undo is not None and step.name not in self._scene.checked
                if unchecked and self._process.state_of(step.name) == "done":
                    return self._answer(Perform(step, "check"))
        if back:
            return self._answer(Perform(back[0], "undo"))
        return self._finish("compensated", at)

    def _to_settle(self) -> Step | None:
        """A step that may have been begun, or one before it whose result it needs."""
        for branch in self._lines():
            for place, leaf in enumerate(branch):
                if isinstance(leaf, Step) and self._process.state_of(leaf.name) == "begun":
                    needed = (one for one in branch[:place] if isinstance(one, Step) and self._is_open(one))
                    return next(needed, leaf)
        return None

    def _is_open(self, step: Step) -> bool:
        return self._process.state_of(step.name) is None and self._rules.applies(step, self._process)

    def _lines(self) -> Iterator[tuple[Leaf, ...]]:
        """The definition as lines of steps that follow each other: a branch is a line of its own."""
        line: list[Leaf] = []
        for node in self._definition.steps:
            if isinstance(node, Parallel):
                yield tuple(line)
                yield from node.branches
                line = []
            else:
                line.append(node)
        yield tuple(line)

    def _doubt_what_may_have_been_begun(self, at: datetime) -> None:
        """A worker fell silent: of each open branch, the step with an effect that came next may have been begun. Before
        it may stand steps that leave nothing outside and need no system: those were not stored for themselves."""
        for node in self._definition.steps:
            branches = node.branches if isinstance(node, Parallel) else ((node,),)
            ended = True
            for branch in branches:
                ahead = next((leaf for leaf in branch if not self._is_past(leaf, at)), None)
                ended = ended and ahead is None
                if isinstance(ahead, Step) and ahead.has_effect and self._process.state_of(ahead.name) is None:
                    self._note(ahead.name, StepRecord(state="begun", at=at, attempts=self._process.attempt + 1))
            if not ended:
                return

    def _is_past(self, leaf: Leaf, at: datetime) -> bool:
        if self._process.state_of(leaf.name) in _OUTCOMES:
            return True
        if not isinstance(leaf, Step):
            return isinstance(leaf, Timer) and self._time_of(leaf, at) <= at
        return (not leaf.has_effect and leaf.role is None) or not self._rules.applies(leaf, self._process)

    def _steps(self) -> Iterator[Step]:
        return (leaf for leaf in self._definition.leaves() if isinstance(leaf, Step))

    def _is_to_undo(self, step: Step) -> bool:
        return step.undo is not None and self._process.state_of(step.name) in ("done", "refused")

    # Where it stops

    def _consequence(self, happening: StepFailed) -> Decision:
        """A failure's type says what happens next."""
        for other in self._scene.failed:
            if other is not happening:
                self._mark(other)
        self._scene = _replace(self._scene, failed=())
        match happening.failure:
            case CircuitOpen() as held:
                return self._hold(happening, held.interface, held.not_before)
            case Fatal():
                return self._shut_out(happening)
            case Rejected():
                return self._refused(happening)
            case _:
                return self._retry_later(happening)

    def _mark(self, happening: StepFailed) -> None:
        """Note what a failure leaves behind: something refused, or a doubt. On the way back neither is new."""
        step, at = happening.step, happening.at
        if not isinstance(step, Step) or not step.has_effect or happening.manner not in ("do", "settle"):
            return
        if isinstance(happening.failure, Rejected):
            self._note(step.name, StepRecord(state="refused", at=at, attempts=1))
        elif self._process.state_of(step.name) == "begun" or _may_have_happened(happening):
            self._doubt(step, at)

    def _doubt(self, step: Step, at: datetime) -> None:
        """The step may have happened, or a part of it: whoever goes on must look."""
        self._note(step.name, StepRecord(state="begun", at=at, attempts=self._process.attempt + 1))

    def _hold(self, happening: StepFailed, interface: str, not_before: timedelta | None) -> Decision:
        """It is not this process's fault and costs it no try: it waits for its turn, or for the gate to open."""
        self._mark(happening)
        self._set(failing_since=None)
        if not_before is not None:
            return self._release(happening, not_before, self._process.attempt)
        if self._heed_cancellation(happening.at):
            return self._onward(happening.at)
        self._set(state="parked", step=happening.step.name, held_by=interface, due_at=happening.at, released=True)
        return self._stored()

    def _shut_out(self, happening: StepFailed) -> Decision:
        """What is wrong with the configuration is wrong for all: the gate shuts, and work waits until it is fixed."""
        if happening.shut:
            return self._hold(happening, happening.gate, None)
        self._mark(happening)
        self._complain(happening)
        attempt = max(self._process.attempt, 1)  # tries in vain for want of a key don't use up those that come after
        return self._release(happening, _FATAL_PAUSE, attempt)

    def _refused(self, happening: StepFailed) -> Decision:
        """The step can't be done as things are. A person decides, unless the process is on its way back anyway."""
        self._mark(happening)
        if happening.manner == "settle" and self._process.state_of(happening.step.name) == "refused":
            return self._onward(happening.at)
        return self.stop(Complaint(happening.step.name, happening.step.role, happening.failure), happening.at)

    def _retry_later(self, happening: StepFailed) -> Decision:
        """Release the process until the policy's next try; out of tries or time, a person decides."""
        step, failure, at = happening.step, happening.failure, happening.at
        retry = self._rules.responsible(step.role).retry_of(step.name)
        attempt = self._process.attempt + (not isinstance(failure, Throttled))
        since = self._process.failing_since or at
        wait = max(retry.wait(max(attempt, 1), happening.draw), failure.not_before or timedelta(0))
        self._mark(happening)
        self._set(failing_since=since)
        spent = attempt >= retry.attempts or at + wait - since > timedelta(seconds=retry.within)
        if spent and not isinstance(step, AwaitEvent):
            return self.stop(Complaint(step.name, step.role, failure), at)
        return self._release(happening, wait, attempt)

    def stop(self, complaint: Complaint, at: datetime) -> Decision:
        """Stop and say why. What nobody decides in time is undone, where the catalogue wants that: at once, perhaps."""
        self._complaint, self._save = complaint, True
        patience = self._rules.responsible(complaint.role).undo_after
        undoable = any(self._is_to_undo(step) for step in self._steps())
        forward = self._process.state != "compensating"
        self._set(step=complaint.step)
        if forward and (self._heed_cancellation(at) or (undoable and patience == timedelta(0))):
            self._turn_round(at)
            return self._onward(at)
        due_at = at + patience if patience is not None and undoable and forward else NEVER
        self._set(state="stuck", attempt=self._process.attempt + 1, due_at=due_at, released=True)
        return self._stored()

    def _release(self, happening: StepFailed, wait: timedelta, attempt: int) -> Decision:
        self._set(step=happening.step.name, attempt=attempt, due_at=happening.at + wait, released=True)
        self._heed_cancellation(happening.at)
        return self._stored()

    def _waiting(self, at: datetime) -> Decision:
        """Give it up until what it waits for comes, or is to be looked for again."""
        waits = self._scene.waits
        first = min(waits, key=lambda wait: wait.due_at)
        awaits = next((wait.awaits for wait in waits if wait.awaits), None)
        if self._heed_cancellation(at):
            return self._onward(at)
        attempt = self._process.attempt + (awaits is not None)
        self._set(state="waiting", step=first.step, awaits=awaits, due_at=first.due_at, attempt=attempt, released=True)
        return self._stored()

    def _finish(self, state: Literal["done", "compensated"], at: datetime) -> Decision:
        """What was undone because it was cancelled needs nobody any more; what was undone because it failed does."""
        if state == "done" and self._heed_cancellation(at):
            return self._onward(at)
        past_trouble = self._process.cancel_requested if state == "compensated" else self._process.attempt > 0
        self._resolves = self._resolves or past_trouble
        self._set(state=state, step="", awaits=None, held_by=None, finished_at=at, released=True)
        return self._stored()

    # How it is noted

    def _heed_cancellation(self, at: datetime) -> bool:
        """Turn round where a cancellation came meanwhile; answers whether one did."""
        if not self._process.cancel_requested or self._process.undoing:
            return False
        self._turn_round(at)
        return True

    def _turn_round(self, at: datetime) -> None:
        """Stored before anything is undone: whoever takes over from a worker that falls silent on the way back knows
        that no step ahead was begun after this. What is under way in other branches may have been."""
        self._save = True
        for step in self._steps():
            if step.name in self._scene.under_way and step.has_effect:
                self._doubt(step, at)
        self._set(state="compensating", undoing=True, attempt=0, failing_since=None, held_by=None)

    def _complain(self, happening: StepFailed) -> None:
        self._complaint = Complaint(happening.step.name, happening.step.role, happening.failure)

    def _leave(self, step: Step | AwaitEvent) -> None:
        if self._scene.under_way:
            self._scene = _replace(self._scene, under_way=self._scene.under_way - {step.name})

    def _note(self, step: str, record: StepRecord) -> None:
        self._records = {**self._records, step: record}
        self._process = self._process.noting({step: record})

    def _set(self, **fields: Any) -> None:
        self._process = _replace(self._process, **fields)

    def _stored(self) -> Decision:
        self._save, self._scene = True, Scene(checked=self._scene.checked)
        return self._answer()

    def _answer(self, *perform: Perform) -> Decision:
        if perform:
            under_way = self._scene.under_way | {one.step.name for one in perform}
            self._scene = _replace(self._scene, under_way=under_way)
            self._save = self._save or (self._scene.unstored and any(_has_effect(one.step) for one in perform))
        self._save = self._save or self._complaint is not None
        if self._save and self._scene.unstored:
            self._scene = _replace(self._scene, unstored=False)
        return Decision(
            process=self._process,
            scene=self._scene,
            perform=perform,
            records=self._records,
            facts=self._facts,
            complaint=self._complaint,
            resolves=self._resolves,
            save=self._save,
        )


def _may_have_happened(happening: StepFailed) -> bool:
    held_midway = isinstance(happening.failure, CircuitOpen) and happening.begun
    return held_midway or isinstance(happening.failure, Unknown | Fatal)


def _has_effect(step: Step | AwaitEvent) -> bool:
    return isinstance(step, Step) and step.has_effect


def _worst(failed: Sequence[StepFailed]) -> StepFailed:
    """Of what failed side by side, what the process stops for: what asks for a person before what passes."""
    return min(failed, key=lambda one: _rank(one.failure))


def _rank(failure: Failure) -> int:
    match failure:
        case Rejected():
            return 0
        case Fatal():
            return 1
        case CircuitOpen():
            return 3
        case _:
            return 2
