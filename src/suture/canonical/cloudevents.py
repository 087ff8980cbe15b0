"""Events on the wire: CloudEvents 1.0, structured JSON. Our own attributes are extensions, in lower case as asked."""

from datetime import datetime
from uuid import UUID

import msgspec

from suture.canonical.events import Event


class _Wire(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    specversion: str
    id: UUID
    type: str
    source: str
    subject: str
    time: datetime
    datacontenttype: str
    organisation: str
    recordedat: datetime
    correlationid: str
    data: msgspec.Raw
    facility: str | None = None
    sequence: int | None = None
    causationid: UUID | None = None


def encode(event: Event) -> bytes:
    """The event as a CloudEvent (JSON)."""
    return msgspec.json.encode(
        _Wire(
            specversion="1.0",
            id=event.id,
            type=event.type,
            source=event.source,
            subject=event.subject,
            time=event.occurred_at,
            datacontenttype="application/json",
            organisation=event.organisation,
            recordedat=event.recorded_at,
            correlationid=event.correlation_id,
            data=event.data,
            facility=event.facility,
            sequence=event.sequence,
            causationid=event.causation_id,
        )
    )


def decode(message: bytes) -> Event:
    """The event in a CloudEvent. Raises `msgspec.DecodeError`."""
    wire = msgspec.json.decode(message, type=_Wire)
    return Event(
        id=wire.id,
        type=wire.type,
        source=wire.source,
        subject=wire.subject,
        organisation=wire.organisation,
        facility=wire.facility,
        occurred_at=wire.time,
        recorded_at=wire.recordedat,
        correlation_id=wire.correlationid,
        data=wire.data,
        sequence=wire.sequence,
        causation_id=wire.causationid,
    )
