"""What the console tells of an event besides that it happened: chosen facts, by its type. References, no content."""

from collections.abc import Callable
from typing import Any

import msgspec

from suture.canonical.events import EVENT_TYPES
from suture.canonical.records import Visit
from suture.console.formats import quantity
from suture.store.events import RecordedEvent


class Fact(msgspec.Struct, frozen=True):
    """One thing that an event says. `value` is money, a number, a time or text."""

    label: str
    value: object


def payload(event: RecordedEvent) -> Any:
    """The event's data as its typed record; None where this version of the schema can't read it."""
    kind = EVENT_TYPES.get(event.type)
    try:
        return None if kind is None else msgspec.json.decode(event.data, type=kind)
    except msgspec.DecodeError:
        return None


def facts_of(event: RecordedEvent) -> list[Fact]:
    """The event's chosen facts; those that it leaves empty are left out."""
    data = payload(event)
    if data is None:
        return []
    facts = (Fact(label, read(data)) for label, read in _CHOSEN.get(event.type, ()))
    return [fact for fact in facts if fact.value not in (None, "")]


def _services(visit: Visit) -> str:
    return ", ".join(f"{line.service} × {quantity(line.quantity)}" for line in visit.lines)


_Readers = tuple[tuple[str, Callable[[Any], object]], ...]

_BOOKING: _Readers = (
    ("start", lambda data: data.start),
    ("with", lambda data: data.practitioner),
    ("patient", lambda data: data.patient),
    ("facility", lambda data: data.facility),
)
_ELIGIBILITY: _Readers = (("payer", lambda data: data.payer), ("reason", lambda data: data.reason))
_NUMBER: _Readers = (("number", lambda data: data.number),)

_CHOSEN: dict[str, _Readers] = {
    "suture.appointment.booked.v1": _BOOKING,
    "suture.appointment.rescheduled.v1": _BOOKING,
    "suture.appointment.completed.v1": (
        ("services", lambda data: _services(data.visit)),
        ("payer", lambda data: data.visit.payer or data.visit.guarantor or "self-pay"),
        ("with", lambda data: data.visit.practitioner),
    ),
    "suture.appointment.cancelled.v1": (("reason", lambda data: data.reason),),
    "suture.eligibility.verified.v1": _ELIGIBILITY,
    "suture.eligibility.refused.v1": _ELIGIBILITY,
    "suture.eligibility.unknown.v1": _ELIGIBILITY,
    "suture.charge.captured.v1": (
        ("number", lambda data: data.charge.number),
        ("total", lambda data: data.charge.total),
    ),
    "suture.charge.voided.v1": _NUMBER,
    "suture.invoice.drafted.v1": (("id there", lambda data: data.invoice), ("total", lambda data: data.total)),
    "suture.invoice.posted.v1": (("number", lambda data: data.number), ("total", lambda data: data.total)),
    "suture.invoice.cancelled.v1": (("credit note", lambda data: data.number),),
    "suture.invoice.paid.v1": (
        ("applied", lambda data: data.amount),
        ("still open", lambda data: data.residual),
        ("state", lambda data: data.payment_state),
    ),
    "suture.payment.posted.v1": (
        ("payment", lambda data: data.payment.payment),
        ("amount", lambda data: data.payment.amount),
        ("payer", lambda data: data.payment.payer or "patient"),
    ),
    "suture.stock.consumed.v1": (("number", lambda data: data.number), ("moves", lambda data: data.moves)),
    "suture.stock.returned.v1": _NUMBER,
    "suture.compensation.accrued.v1": (("number", lambda data: data.number), ("amount", lambda data: data.amount)),
    "suture.compensation.reversed.v1": _NUMBER,
    "suture.exception.raised.v1": (("code", lambda data: data.code), ("reason", lambda data: data.reason)),
}
"""Event type: label and reader of each fact shown. A type that isn't here is told by its name alone."""
