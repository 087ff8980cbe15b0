"""What a step sees of the process it belongs to, and what it answers."""

from datetime import datetime
from typing import Generic, TypeVar

import msgspec

from suture.store.processes import ClaimedProcess, Journal

Input = TypeVar("Input", bound=msgspec.Struct)
Result = TypeVar("Result", bound=msgspec.Struct)


class Run(Generic[Input]):
    """One process as its steps see it: its input, the results so far and the time."""

    def __init__(self, claim: ClaimedProcess, input_type: type[Input], journal: Journal, now: datetime) -> None:
        self.key = claim.key
        self.input: Input = msgspec.json.decode(claim.input, type=input_type)
        self.now = now
        self._journal = journal

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
