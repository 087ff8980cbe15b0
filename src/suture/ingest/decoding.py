"""What a decoder makes of a delivery, and what it says when it can't."""

import re
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from suture.canonical.events import Event
from suture.catalogue.model import Catalogue
from suture.core.ids import fact_id
from suture.store.parties import Party

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding JSON raises: not of the expected shape, not UTF-8, nested too deeply."""

_QUOTED = re.compile(r"'[^']*'")
_EVER = datetime.min.replace(tzinfo=UTC)


class NotUnderstood(Exception):
    """A delivery does not say what its contract promises. The text names places and codes, never content."""

    subject: str | None = None
    """What it is about, where that much was understood, for example ``Appointment/4711``."""

    told: str | None = None
    """The status in which it would be, had this been understood, where that much was."""

    def __init__(self, code: str, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.remedy = remedy

    @classmethod
    def invalid(cls, error: Exception, remedy: str) -> "NotUnderstood":
        """From one of `UNREADABLE`, with any quoted content taken out."""
        return cls(
            "invalid_payload", f"the payload does not match the contract: {_QUOTED.sub('…', str(error))}", remedy
        )


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What a decoder may know besides the bytes. It has no clock and no socket; `receipt` is the delivery's."""

    catalogue: Catalogue
    system: str
    received_at: datetime
    facilities: frozenset[str]
    receipt: UUID | None = None


class Understood(msgspec.Struct, frozen=True, kw_only=True):
    """The canonical content of a delivery.

    `appointment_status` is what its event puts the appointment in, `changed_at` when its source changed it, or where it
    doesn't say, told of it. `beside` are facts that hold whether or not the events came too late. `presumed` are
    parties of whom only a reference was told: they count as long as nobody told more, and a payer without a name only
    where somebody told that. `trouble` is why a person must look at what was understood. A delivery that tells of
    several appointments has a part for each, whose events are its own, and a refusal for each that isn't understood.
    """

    events: tuple[Event, ...]
    beside: tuple[Event, ...] = ()
    trouble: NotUnderstood | None = None
    parties: tuple[Party, ...] = ()
    presumed: tuple[Party, ...] = ()
    appointment_status: str | None = None
    changed_at: datetime | None = None
    parts: tuple["Understood", ...] = ()
    refusals: tuple[NotUnderstood, ...] = ()

    def each(self) -> tuple["Understood", ...]:
        """Its parts; itself where it has none."""
        return self.parts if self.parts or self.refusals else (self,)

    def whole(self) -> "Understood":
        """Itself, where all that was told is understood. Raises `NotUnderstood`."""
        for refusal in self.refusals:
            raise refusal
        return self

    @property
    def told_at(self) -> datetime:
        """When the last of its events was so."""
        return max((event.occurred_at for event in self.events), default=_EVER)


def make_event(
    context: Context,
    event_type: str,
    data: msgspec.Struct,
    *,
    subject: str,
    correlation_id: str,
    occurred_at: datetime,
    facility: str | None = None,
    sequence: int | None = None,
    part: str = "",
) -> Event:
    """An event whose id follows from what it says happened, so that a fact told twice is one event. `part` tells facts
    of one subject apart that have no sequence at their source."""
    return Event(
        id=fact_id(context.system, event_type, subject, str(sequence), *([part] if part else [])),
        type=event_type,
        source=f"suture/{context.system}",
        subject=subject,
        organisation=context.catalogue.organisation.id,
        facility=facility,
        occurred_at=occurred_at,
        recorded_at=context.received_at,
        correlation_id=correlation_id,
        sequence=sequence,
        causation_id=context.receipt,
        data=msgspec.Raw(msgspec.json.encode(data)),
    )
