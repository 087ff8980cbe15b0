"""The state of one process: a value. What becomes of it is decided in `decide` and `steer`; stores only keep it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal
from uuid import UUID

import msgspec

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""The due time of what waits for a person alone (`datetime.max` would be Postgres's infinity, and come back naive)."""

_NOTHING = msgspec.Raw(b"null")

State = Literal["running", "waiting", "parked", "stuck", "compensating", "done", "compensated", "cancelled"]
ENDED: frozenset[str] = frozenset({"done", "compensated", "cancelled"})


class StepRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the journal says of one step: when, after how many tries, with what result (JSON).

    `state` is ``done``, ``skipped``, ``undone``; ``begun``: its outcome is unknown; ``refused``: it was refused, and
    may have left a part behind (a draft, say); or ``waiting``: a timer or an approval that was reached at `at`.
    """

    state: str
    at: datetime
    attempts: int = 1
    result: msgspec.Raw = _NOTHING
    seconds: float = 0.0


Journal = dict[str, StepRecord]


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A process as it stands.

    `step` is the one that was done last, or that failed for the `attempt`-th time since `failing_since`. `due_at` is
    when a worker is to take it up, and while one has it the end of that worker's lease; `released`: none has. `fence`
    counts claims: what was decided under an older one is void. `awaits` names the signal that it waits for, `held_by`
    the gate. `undoing`: it is on its way back, also where it is stuck on that way. `round` counts how often steps that
    had been done were to be done again, or all of them by another input: what they tell then are new facts.
    """

    key: str
    definition: str
    version: int
    subject: str
    correlation_id: str
    input: str
    due_at: datetime
    started_at: datetime
    causation_id: UUID | None = None
    facility: str | None = None
    state: str = "running"
    journal: Journal = {}
    step: str = ""
    attempt: int = 0
    failing_since: datetime | None = None
    awaits: str | None = None
    held_by: str | None = None
    finished_at: datetime | None = None
    cancel_requested: bool = False
    undoing: bool = False
    in_doubt: bool = False
    released: bool = True
    round: int = 0
    fence: int = 0
    worker: str | None = None

    def noting(self, records: Mapping[str, StepRecord]) -> "Process":
        """With these records in the journal."""
        return msgspec.structs.replace(self, journal={**self.journal, **records}) if records else self

    def state_of(self, step: str) -> str | None:
        """What the journal says of a step; None where it says nothing."""
        record = self.journal.get(step)
        return record.state if record is not None else None

    def kept(self) -> Journal:
        """The part of the journal that another round begins with: a step that was refused may have left something
        outside all the same (a charge that is not as it was asked for), which is to be found and undone."""
        return {step: record for step, record in self.journal.items() if record.state == "refused"}
