"""`decide` by itself, without a store, a clock or a loop: whatever happens and wherever a worker falls silent, what a
process leaves outside is right in the end."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from suture.catalogue.manifest import Role
from suture.catalogue.model import Retry
from suture.core.failure import CircuitOpen, Failure, Fatal, Rejected, Retriable, Unknown
from suture.engine.decide import (
    Decision,
    Happening,
    Perform,
    ProcessClaimed,
    Responsibility,
    Scene,
    StepDone,
    StepFailed,
    decide,
)
from suture.engine.definition import Definition, Leaf, Node, Parallel, Step, Timer, wait_for
from suture.engine.process import Process
from suture.engine.steer import Cancel, Release, Resume, steer

T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
NOTHING = msgspec.Raw(b"null")

FATES = ("fine", "busy", "lost before", "lost after", "refused", "refused with a part", "held", "misconfigured",
         "dies before", "dies after", "cancelled meanwhile")  # fmt: skip


class Rules:
    def responsible(self, role: Role | None) -> Responsibility:
        return Responsibility("revenue cycle", "billing-api", Retry(attempts=2, first=1, longest=1))

    def applies(self, step: Step, process: Process) -> bool:
        return not step.name.startswith("never")

    def until(self, timer: Timer, process: Process, reached: datetime) -> datetime:
        return timer.until(None, None, reached)  # type: ignore[arg-type]


async def _act(run: Any, tools: Any) -> Any: ...


def _steps() -> st.SearchStrategy[Any]:
    kinds = st.sampled_from(["write", "read", "ask", "never", "timer"])
    line = st.lists(kinds, min_size=1, max_size=3)
    return st.lists(st.one_of(kinds, st.lists(line, min_size=2, max_size=3)), min_size=1, max_size=4)


def _definition(shape: list[Any]) -> Definition[Any]:
    numbers = iter(range(99))

    def leaf(kind: str) -> Leaf:
        name = f"{kind}{next(numbers)}"
        if kind == "timer":
            return wait_for(name, timedelta(minutes=3))
        undo = _act if kind in ("write", "never") else None
        return Step(name, _act, undo=undo, when=None, role=None if kind == "read" else "billing")

    def node(one: Any) -> Node:
        return leaf(one) if isinstance(one, str) else Parallel(tuple(tuple(map(leaf, branch)) for branch in one))

    return Definition("visit", 1, msgspec.Struct, tuple(map(node, shape)))


class Life:
    """A process, what is stored of it, and the outside: `there` are the effects that stand."""

    def __init__(self, definition: Definition[Any], fates: Iterator[str]) -> None:
        self.definition = definition
        self.fates = fates
        self.now = T0
        self.stored = Process(
            key="visit:a", definition="visit", version=1, subject="Appointment/a", correlation_id="a", input="{}",
            due_at=T0, started_at=T0,
        )  # fmt: skip
        self.there: set[str] = set()
        self.cancelled = False
        self.done: list[str] = []

    def run(self) -> None:
        for _ in range(500):
            if self.stored.state in ("done", "compensated"):
                return
            if self.stored.state == "parked":
                self._steer(Release(self.now))
            if self.stored.state == "stuck":
                self._steer(Resume(self.now))
            self.now = max(self.now, self.stored.due_at)
            self._work()
        raise AssertionError(f"it never ends: {self.stored}")

    def _steer(self, command: Any) -> None:
        self.stored = steer(self.stored, command) or self.stored

    def _work(self) -> None:
        """What one worker does with it, until it gives it up or falls silent."""
        self.process = msgspec.structs.replace(self.stored, fence=self.stored.fence + 1)
        self.stored = msgspec.structs.replace(self.process, released=False, due_at=self.now)
        self.scene, self.unsaved = Scene(), {}
        todo = list(self._follow(ProcessClaimed(at=self.now)))
        while todo:
            happening = self._perform(todo.pop(0))
            if happening is None:
                return
            todo += self._follow(happening)

    def _follow(self, happening: Happening) -> tuple[Perform, ...]:
        decision = self._decide(happening)
        if decision.save and self.stored.cancel_requested != decision.process.cancel_requested:
            self.process = msgspec.structs.replace(self.process, cancel_requested=True)
            decision = self._decide(happening)
        self.unsaved |= decision.records
        if decision.save:
            process = decision.process
            self.stored = msgspec.structs.replace(process, journal={**self.stored.journal, **self.unsaved})
            if not process.released:
                self.stored = msgspec.structs.replace(self.stored, due_at=self.now)
            self.unsaved = {}
        self.process, self.scene = decision.process, decision.scene
        return decision.perform

    def _decide(self, happening: Happening) -> Decision:
        decision = decide(self.definition, self.process, happening, Rules(), self.scene)
        assert decision == decide(self.definition, self.process, happening, Rules(), self.scene)
        return decision

    def _perform(self, perform: Perform) -> Happening | None:
        step, manner = perform.step, perform.manner
        assert isinstance(step, Step)
        assert not step.name.startswith("never"), "what does not apply is not done"
        self._keeps_the_order(perform)
        self.now += timedelta(seconds=1)
        fate = next(self.fates, "fine")
        if fate == "cancelled meanwhile":
            self.cancelled = True
            self._steer(Cancel(self.now))
        if (
            fate in ("fine", "lost after", "refused with a part", "dies after", "cancelled meanwhile")
            and step.has_effect
        ):
            (self.there.discard if manner == "undo" else self.there.add)(step.name)
        if fate.startswith("dies"):
            return None
        failure = _failure(fate)
        if failure is not None:
            return StepFailed(step=step, manner=manner, at=self.now, failure=failure, begun=fate != "held", draw=0.5)
        return StepDone(step=step, manner=manner, at=self.now, result=NOTHING)

    def _keeps_the_order(self, perform: Perform) -> None:
        """Nothing is begun forward before what stands before it in its line was done."""
        if perform.manner != "do":
            return
        for node in self.definition.steps:
            branches = node.branches if isinstance(node, Parallel) else ((node,),)
            for branch in branches:
                names = [leaf.name for leaf in branch]
                if perform.step.name in names:
                    for earlier in names[: names.index(perform.step.name)]:
                        assert self.process.state_of(earlier) in ("done", "skipped")
                    return
            for name in (leaf.name for branch in branches for leaf in branch):
                assert self.process.state_of(name) in ("done", "skipped")


def _failure(fate: str) -> Failure | None:
    match fate:
        case "busy":
            return Retriable("busy", "busy")
        case "lost before" | "lost after":
            return Unknown("no_answer", "no answer")
        case "refused" | "refused with a part":
            return Rejected("refused", "refused")
        case "held":
            return CircuitOpen("billing-api", "is paused")
        case "misconfigured":
            return Fatal("credentials_refused", "401")
        case _:
            return None


@settings(max_examples=400, deadline=None)
@given(shape=_steps(), fates=st.lists(st.sampled_from(FATES), max_size=12))
def test_whatever_happens_what_stands_outside_in_the_end_is_right(shape: list[Any], fates: list[str]) -> None:
    definition = _definition(shape)
    life = Life(definition, iter(fates))
    life.run()
    effects = {name for name in definition.effects if not name.startswith("never")}
    if life.stored.state == "done":
        assert life.there == effects
        assert not life.cancelled, "who cancels meanwhile has it undone"
    else:
        assert life.cancelled
        assert life.there == set()


@settings(max_examples=200, deadline=None)
@given(shape=_steps(), fates=st.lists(st.sampled_from(FATES), max_size=8))
def test_what_was_done_is_taken_back_whenever_its_source_takes_it_back(shape: list[Any], fates: list[str]) -> None:
    definition = _definition(shape)
    life = Life(definition, iter(fates))
    life.run()
    if life.stored.state == "done":
        life._steer(Cancel(life.now))
        life.run()
    assert (life.stored.state, life.there) == ("compensated", set())
