"""The grammar of a business process: named steps with do, undo, condition and policy; waits for events."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

import msgspec

from suture.catalogue.manifest import Role
from suture.processes.run import Outcome, Run

Input = TypeVar("Input", bound=msgspec.Struct)

Act = Callable[[Run[Any], Any], Awaitable[Outcome]]
Condition = Callable[[Run[Any], Any], bool]


@dataclass(frozen=True)
class Step:
    """One thing to do, in one outside system or none.

    `do` and `undo` get the run and the toolbox; both are idempotent by the business key, since a step that was begun
    may be begun again. `undo` also finds nothing to undo where `do` was refused. `may_undo` raises `Rejected` where it
    is known beforehand that `undo` will be refused: it is asked before anything of the process is undone. `when` says
    whether the step applies. `role` says in which role the system is that it works with (None: none): who answers for
    its failures, whose retry policy holds, and at whose gate it waits. A step without `undo` that `changes` something
    outside is undone by another's.
    """

    name: str
    do: Act
    undo: Act | None = None
    may_undo: Callable[[Run[Any], Any], Awaitable[None]] | None = None
    when: Condition | None = None
    role: Role | None = None
    changes: bool = False

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
class Definition(Generic[Input]):
    """A business process. Steps are found by name, so that a running process survives a new version: what may change of
    one, and what needs another name, is held by `tests/unit/test_definitions.py`."""

    name: str
    version: int
    input: type[Input]
    steps: tuple[Step | AwaitEvent, ...]

    @property
    def effects(self) -> frozenset[str]:
        """The steps that change something outside."""
        return frozenset(step.name for step in self.steps if isinstance(step, Step) and step.has_effect)

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.name} has two steps of one name")
