"""What a person is asked to put right, before anybody has written it down."""

from datetime import timedelta
from uuid import UUID

import msgspec

from suture.core.ids import fact_id


class Trouble(msgspec.Struct, frozen=True, kw_only=True):
    """What went wrong, with whom it rests. `reason` and `remedy` are read by an operator and name no patient.

    `sla` is how long it may stay undecided. `told` is the status in which the appointment would be, had its delivery
    been understood.
    """

    code: str
    outcome: str
    reason: str
    remedy: str
    owner: str
    interface: str | None = None
    delivery: int | None = None
    process: str | None = None
    step: str | None = None
    subject: str | None = None
    sla: timedelta = timedelta(days=1)
    told: str | None = None

    @property
    def id(self) -> UUID:
        return fact_id("exception", self.process or "", self.step or "", str(self.delivery or ""))
