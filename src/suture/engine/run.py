"""What a step sees of the process it belongs to, and what it answers."""

from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from suture.engine.process import Journal, Process

Input = TypeVar("Input", bound=msgspec.Struct)
Result = TypeVar("Result", bound=msgspec.Struct)


class Run(Generic[Input]):
    """One process as its steps see it: its input, the results so far and the time."""

    def __init__(self, key: str, input: Input, journal: Journal, now: datetime) -> None:
        self.key = key
        self.input = input
        self.now = now
        self._journal = journal

    @classmethod
    def of(cls, process: Process, input_type: type[Input], now: datetime) -> "Run[Input]":
        """Raises `msgspec.ValidationError` where the input is not of its type."""
        return cls(process.key, msgspec.json.decode(process.input, type=input_type), process.journal, now)

    def result(self, step: str, of: type[Result]) -> Result:
        """The result of a step that was done and has one. Raises `KeyError` where it was not done."""
        return msgspec.json.decode(self._journal[step].result, type=of)

    def was_done(self, step: str) -> bool:
        """Whether a step has taken effect, so that it has a result (and was not undone since)."""
        record = self._journal.get(step)
        return record is not None and record.state == "done"


class Outcome(msgspec.Struct, frozen=True):
    """A step's answer: its result, and the facts (event type, data) that are now true."""

    result: msgspec.Struct | None = None
    facts: tuple[tuple[str, msgspec.Struct], ...] = ()
