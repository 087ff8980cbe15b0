"""Business events: past-tense facts in a CloudEvents 1.0 envelope, versioned by type.

`EVENT_TYPES` is the whole vocabulary. Events name people by reference and carry no demographics, so they may go to
any subscriber; who may read a person's record is the store's business.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec

from suture.canonical.records import Charge, Payment, Visit
from suture.core.money import Money


class AppointmentBooked(msgspec.Struct, frozen=True, kw_only=True):
    appointment: str
    patient: str
    practitioner: str | None
    facility: str
    start: datetime


class AppointmentRescheduled(AppointmentBooked, frozen=True, kw_only=True):
    """The appointment moved to another time; it is still the same appointment."""


class AppointmentArrived(msgspec.Struct, frozen=True, kw_only=True):
    appointment: str


class AppointmentCompleted(msgspec.Struct, frozen=True, kw_only=True):
    visit: Visit


class AppointmentCancelled(msgspec.Struct, frozen=True, kw_only=True):
    appointment: str
    reason: str = ""


class AppointmentNoShow(msgspec.Struct, frozen=True, kw_only=True):
    appointment: str


class PartyRegistered(msgspec.Struct, frozen=True, kw_only=True):
    """A patient, practitioner or payer was first seen or changed. The record itself stays in the store."""

    reference: str


class PatientLinked(msgspec.Struct, frozen=True, kw_only=True):
    """A source told that two records are of one person (FHIR R4 Patient.link): `link` is ``replaced-by``, ``replaces``,
    ``refer`` or ``seealso``. Nothing is merged by it."""

    patient: str
    other: str
    link: str


class EligibilityAnswered(msgspec.Struct, frozen=True, kw_only=True):
    appointment: str
    payer: str | None
    reason: str = ""


class ChargeCaptured(msgspec.Struct, frozen=True, kw_only=True):
    charge: Charge


class ChargeVoided(msgspec.Struct, frozen=True, kw_only=True):
    appointment: str
    number: str


class InvoiceDrafted(msgspec.Struct, frozen=True, kw_only=True):
    appointment: str
    invoice: int
    total: Money


class InvoicePosted(msgspec.Struct, frozen=True, kw_only=True):
    """`facility` says in which company's books, for whoever adds to them; `patient` whose visit it was, who may pay."""

    appointment: str
    invoice: int
    number: str
    total: Money
    facility: str | None = None
    patient: str | None = None


class InvoiceCancelled(msgspec.Struct, frozen=True, kw_only=True):
    """A draft was cancelled, or a posted invoice reversed by the credit note `number`."""

    appointment: str
    invoice: int
    number: str = ""


class PaymentPosted(msgspec.Struct, frozen=True, kw_only=True):
    payment: Payment


class InvoicePaid(msgspec.Struct, frozen=True, kw_only=True):
    """A payment was applied to the invoice in the ledger. `residual` is what is still open on it."""

    appointment: str
    payment: str
    number: str
    amount: Money
    residual: Money
    payment_state: str


class StockConsumed(msgspec.Struct, frozen=True, kw_only=True):
    appointment: str
    number: str
    moves: int


class StockReturned(msgspec.Struct, frozen=True, kw_only=True):
    appointment: str
    number: str


class CompensationAccrued(msgspec.Struct, frozen=True, kw_only=True):
    appointment: str
    practitioner: str
    number: str
    amount: Money


class CompensationReversed(msgspec.Struct, frozen=True, kw_only=True):
    appointment: str
    number: str


class InvoiceChangedByPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody posted, changed, cancelled, reopened or deleted an invoice in the ledger (`what`). `appointment` is
    empty for one that Suture never wrote; `fields` names what was changed, in the ledger's words, never its content."""

    appointment: str
    invoice: int
    number: str
    what: str
    fields: tuple[str, ...] = ()
    total: Money | None = None


class InvoiceSettled(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice of ours stands otherwise than Suture's own steps left it: somebody registered a payment or a credit in
    the ledger, or a remittance settled it. `payment_state` is the ledger's word."""

    appointment: str
    invoice: int
    number: str
    residual: Money
    payment_state: str


class DiscrepancyFound(msgspec.Struct, frozen=True, kw_only=True):
    """A record of ours is not as we left it in an outside `system`: somebody ``changed`` or ``deleted`` it. Or, with
    the `number` that people call it by, reconciliation found that sides differ, by which `rule`."""

    system: str
    entity: str
    reference: str
    what: str
    fields: tuple[str, ...] = ()
    rule: str = ""
    number: int | None = None


class DiscrepancyClosed(msgspec.Struct, frozen=True, kw_only=True):
    """Both sides agree again, or a person accepted that they don't."""

    number: int
    rule: str
    reference: str
    what: str


class ReconciliationFinished(msgspec.Struct, frozen=True, kw_only=True):
    """All sides were read and compared over these days: how many differences were found, and how many are no more."""

    run: int
    first: date
    last: date
    found: int
    cleared: int


class PeriodFrozen(msgspec.Struct, frozen=True, kw_only=True):
    """A month (``2026-11``) is being closed: what comes late is dated after it. `by` is who asked."""

    month: str
    round: int
    by: str


class PeriodSigned(msgspec.Struct, frozen=True, kw_only=True):
    """A person stands for a month's figures."""

    month: str
    round: int
    by: str


class PeriodClosed(msgspec.Struct, frozen=True, kw_only=True):
    """A month is closed; `accrued` is the work that was completed in it and not billed yet."""

    month: str
    round: int
    accrued: Money


class PeriodReopened(msgspec.Struct, frozen=True, kw_only=True):
    month: str
    round: int
    by: str


class ServiceUpdated(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody changed the product of a service, or of an article, in the ledger."""

    service: str
    product: int


class SupplierTold(msgspec.Struct, frozen=True, kw_only=True):
    """A supplier was registered or updated in the ledger, which owns them. `reference` is ours, or names the ledger's
    record."""

    reference: str
    partner: int


class ReceiptValidated(msgspec.Struct, frozen=True, kw_only=True):
    """Goods came in: quantities by product code."""

    number: str
    quantities: dict[str, Decimal]


class StockRunningLow(msgspec.Struct, frozen=True, kw_only=True):
    """An article fell below the minimum that the ledger's own rule sets for a place. `ordered` is on its way."""

    product: str
    facility: str
    on_hand: Decimal
    minimum: Decimal
    ordered: Decimal


class ExceptionRaised(msgspec.Struct, frozen=True, kw_only=True):
    """Something needs a person. `exception` is its id in the exception queue."""

    exception: str
    code: str
    reason: str


class ExceptionResolved(msgspec.Struct, frozen=True, kw_only=True):
    exception: str


EVENT_TYPES: dict[str, type[msgspec.Struct]] = {
    "suture.appointment.booked.v1": AppointmentBooked,
    "suture.appointment.rescheduled.v1": AppointmentRescheduled,
    "suture.appointment.arrived.v1": AppointmentArrived,
    "suture.appointment.completed.v1": AppointmentCompleted,
    "suture.appointment.cancelled.v1": AppointmentCancelled,
    "suture.appointment.no_show.v1": AppointmentNoShow,
    "suture.patient.registered.v1": PartyRegistered,
    "suture.patient.linked.v1": PatientLinked,
    "suture.practitioner.registered.v1": PartyRegistered,
    "suture.relatedperson.registered.v1": PartyRegistered,
    "suture.payer.registered.v1": PartyRegistered,
    "suture.eligibility.verified.v1": EligibilityAnswered,
    "suture.eligibility.refused.v1": EligibilityAnswered,
    "suture.eligibility.unknown.v1": EligibilityAnswered,
    "suture.charge.captured.v1": ChargeCaptured,
    "suture.charge.voided.v1": ChargeVoided,
    "suture.invoice.drafted.v1": InvoiceDrafted,
    "suture.invoice.posted.v1": InvoicePosted,
    "suture.invoice.cancelled.v1": InvoiceCancelled,
    "suture.invoice.paid.v1": InvoicePaid,
    "suture.payment.posted.v1": PaymentPosted,
    "suture.stock.consumed.v1": StockConsumed,
    "suture.stock.returned.v1": StockReturned,
    "suture.compensation.accrued.v1": CompensationAccrued,
    "suture.compensation.reversed.v1": CompensationReversed,
    "suture.invoice.changed_by_person.v1": InvoiceChangedByPerson,
    "suture.invoice.settled.v1": InvoiceSettled,
    "suture.discrepancy.found.v1": DiscrepancyFound,
    "suture.discrepancy.repaired.v1": DiscrepancyClosed,
    "suture.discrepancy.accepted.v1": DiscrepancyClosed,
    "suture.reconciliation.finished.v1": ReconciliationFinished,
    "suture.period.frozen.v1": PeriodFrozen,
    "suture.period.signed.v1": PeriodSigned,
    "suture.period.countersigned.v1": PeriodSigned,
    "suture.period.closed.v1": PeriodClosed,
    "suture.period.reopened.v1": PeriodReopened,
    "suture.service.updated.v1": ServiceUpdated,
    "suture.supplier.registered.v1": SupplierTold,
    "suture.supplier.updated.v1": SupplierTold,
    "suture.receipt.validated.v1": ReceiptValidated,
    "suture.stock.running_low.v1": StockRunningLow,
    "suture.exception.raised.v1": ExceptionRaised,
    "suture.exception.resolved.v1": ExceptionResolved,
}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope (CloudEvents 1.0 attributes, with ours as extensions).

    `subject` is the entity the event is about, for example ``Appointment/4711``, and the key by which order is kept;
    `sequence` is that entity's version at its source, where the source has one. `occurred_at` is the source's time,
    `recorded_at` ours. `data` is the JSON of ``EVENT_TYPES[type]``.
    """

    id: UUID
    type: str
    source: str
    subject: str
    organisation: str
    facility: str | None
    occurred_at: datetime
    recorded_at: datetime
    correlation_id: str
    data: msgspec.Raw
    sequence: int | None = None
    causation_id: UUID | None = None

    def payload(self) -> Any:
        """The event's data as its typed record. Raises `msgspec.ValidationError` where it doesn't fit its schema."""
        return msgspec.json.decode(self.data, type=EVENT_TYPES[self.type])


def as_told(data: Any) -> Any:
    """What a source said of an event's data (or a part of it), without what was found out here: two that are the same
    so told the same."""
    match data:
        case AppointmentCompleted():
            return AppointmentCompleted(visit=as_told(data.visit))
        case Visit():
            return msgspec.structs.replace(data, day=None)
        case _:
            return data


def schema(event_type: str) -> dict[str, Any]:
    """The JSON Schema of an event type's data."""
    return msgspec.json.schema(EVENT_TYPES[event_type])
