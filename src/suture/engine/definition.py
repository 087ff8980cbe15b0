"""The grammar of a business process: steps with do, undo, condition and policy; waits, timers, approvals, branches."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

import msgspec

from suture.catalogue.manifest import Role
from suture.engine.run import Outcome, Run

Input = TypeVar("Input", bound=msgspec.Struct)

Act = Callable[[Run[Any], Any], Awaitable[Outcome]]
Condition = Callable[[Run[Any], Any], bool]


@dataclass(frozen=True)
class Step:
    """One thing to do, in one outside system or none.

    `do` and `undo` get the run and the toolbox; both are idempotent by the business key, since a step that was begun
    may be begun again. `undo` also finds nothing to undo where `do` was refused. `may_undo` raises `Rejected` where it
    is known beforehand that `undo` will be refused: it is asked before anything of the process is undone. `when` says
    whether the step applies: by the run and the toolbox's tables alone, so that it answers the same whenever it is
    asked. `role` says in which role the system is that it works with (None: none): who answers for its failures, whose
    retry policy holds, and at whose gate it waits. A step without `undo` that `changes` something outside is undone by
    another's. One that changes nothing may be done again after a crash. What takes longer than `timeout` is given up,
    and its outcome unknown.
    """

    name: str
    do: Act
    undo: Act | None = None
    may_undo: Callable[[Run[Any], Any], Awaitable[None]] | None = None
    when: Condition | None = None
    role: Role | None = None
    changes: bool = False
    timeout: timedelta | None = None

    @property
    def has_effect(self) -> bool:
        """Whether it changes something outside."""
        return self.changes or self.undo is not None


@dataclass(frozen=True)
class AwaitEvent:
    """Goes on once an event of `type` is recorded in the same journey; its data becomes this step's result.

    A waiting process is woken by the event. One that was recorded in that very moment may miss it: it looks again
    after `recheck`, then at doubled intervals. After `patience` a person is told, while it waits on until `deadline`;
    but not where one of the events that `foretell` it was recorded: then it is only a matter of time. `role` is
    that of the system that answers for what is waited for, `told_by` (else the same) for what waits.
    """

    name: str
    type: str
    recheck: timedelta = timedelta(milliseconds=250)
    deadline: timedelta = timedelta(days=3)
    patience: timedelta | None = None
    foretell: tuple[str, ...] = ()
    role: Role | None = None
    told_by: Role | None = None


@dataclass(frozen=True)
class Timer:
    """Goes on at a time: `until` says which, by the run, the toolbox's tables and when the timer was reached."""

    name: str
    until: Callable[[Run[Any], Any, datetime], datetime]


def wait_for(name: str, duration: timedelta) -> Timer:
    """Goes on `duration` after it was reached."""
    return Timer(name, lambda run, tools, reached: reached + duration)


def wait_until(name: str, moment: Callable[[Run[Any], Any], datetime]) -> Timer:
    """Goes on at a moment; at once where that is past."""
    return Timer(name, lambda run, tools, reached: moment(run, tools))


@dataclass(frozen=True)
class AwaitApproval:
    """Goes on once somebody with the access role `by` approves; where they refuse, what was done is undone.

    `asks` is the question that they read. Where nobody decides `within` its time, those who `escalate_to` names (an
    owner of the catalogue) get it as an exception, and it waits on. Its result is an `ApprovalVerdict`.
    """

    name: str
    by: str
    asks: str
    within: timedelta
    escalate_to: str


class ApprovalVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """Who approved, when and why."""

    by: str
    at: datetime
    reason: str


Leaf = Step | AwaitEvent | Timer | AwaitApproval


@dataclass(frozen=True)
class Parallel:
    """Branches that go on side by side; what follows begins when all have ended.

    Where a step of one fails, no further step of the others begins before that is settled: a process is stuck, waits
    or is tried again as a whole. They are undone one after the other, in reverse of the order they are written in.
    """

    branches: tuple[tuple[Leaf, ...], ...]


Node = Leaf | Parallel


@dataclass(frozen=True)
class Definition(Generic[Input]):
    """A business process. A running one goes on by the version it began with, so a version is kept until none of its
    processes is under way; `continues` are earlier ones that this one goes on with, because it changed nothing that
    they depend on (`tests/unit/test_definitions.py` holds it)."""

    name: str
    version: int
    input: type[Input]
    steps: tuple[Node, ...]
    continues: frozenset[int] = frozenset()

    def leaves(self) -> Iterator[Leaf]:
        """All steps in the order in which they are written."""
        for node in self.steps:
            if isinstance(node, Parallel):
                for branch in node.branches:
                    yield from branch
            else:
                yield node

    @property
    def effects(self) -> frozenset[str]:
        """The steps that change something outside."""
        return frozenset(step.name for step in self.leaves() if isinstance(step, Step) and step.has_effect)

    @property
    def awaited(self) -> frozenset[str]:
        """The types of the events that it waits for."""
        return frozenset(step.type for step in self.leaves() if isinstance(step, AwaitEvent))

    def __post_init__(self) -> None:
        names = [step.name for step in self.leaves()]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.name} has two steps with the same name")


def by_version(definitions: Iterable[Definition[Any]]) -> dict[tuple[str, int], Definition[Any]]:
    """The definition that a process of a name and version goes on by."""
    found: dict[tuple[str, int], Definition[Any]] = {}
    for definition in definitions:
        for version in (definition.version, *definition.continues):
            if found.setdefault((definition.name, version), definition) is not definition:
                raise ValueError(f"{definition.name} version {version} is defined twice")
    return found
