"""The grammar of a business process: named steps with do, undo, condition and policy; waits for events."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Generic, TypeVar

import msgspec

from suture.processes.run import Outcome, Run

Input = TypeVar("Input", bound=msgspec.Struct)

Act = Callable[[Run[Any], Any], Awaitable[Outcome]]
Condition = Callable[[Run[Any], Any], bool]


@dataclass(frozen=True)
class Step:
    """One thing to do, in one outside system or none.

    `do` and `undo` get the run and the toolbox; both are idempotent by the business key, since a step that was begun
    may be begun again. `when` says whether the step applies. `system` (the catalogue's kind) names who answers for
    its failures and whose retry policy holds.
    """

    name: str
    do: Act
    undo: Act | None = None
    when: Condition | None = None
    system: str | None = None


@dataclass(frozen=True)
class AwaitEvent:
    """Goes on once an event of `type` is recorded in the same journey; its data becomes this step's result.

    A waiting process is woken by the event. One that was recorded in that very moment may miss it: it looks again
    after `recheck`, then at doubled intervals.
    """

    name: str
    type: str
    recheck: timedelta = timedelta(milliseconds=250)
    deadline: timedelta = timedelta(days=3)
    system: str | None = None


@dataclass(frozen=True)
class Definition(Generic[Input]):
    """A business process. Steps are found by name, so that a running process survives a new version."""

    name: str
    version: int
    input: type[Input]
    steps: tuple[Step | AwaitEvent, ...]

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        if len(set(names)) != len(names):
            raise ValueError(f"{self.name} has two steps of one name")
