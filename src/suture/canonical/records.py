"""Canonical records: what systems exchange, in the field's words (FHIR R4 terms and statuses).

Each is frozen and names others by our own reference, a string such as ``Patient/6f…`` that carries no patient data.
Demographics live in `Patient` alone, so that every other record may travel in the clear.
"""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from suture.core.money import Money


class AppointmentStatus(StrEnum):
    """FHIR R4 Appointment.status, as far as the platform acts on it."""

    BOOKED = "booked"
    ARRIVED = "arrived"
    FULFILLED = "fulfilled"
    CANCELLED = "cancelled"
    NO_SHOW = "noshow"


class Identifier(msgspec.Struct, frozen=True):
    """What a source calls a record (FHIR R4 Identifier: a namespace and a value unique in it)."""

    system: str
    value: str


class Patient(msgspec.Struct, frozen=True, kw_only=True):
    """A person who receives care. Only what billing needs; sealed wherever it is stored."""

    reference: str
    identifiers: tuple[Identifier, ...]
    family: str
    given: str = ""
    birth_date: date | None = None
    language: str | None = None
    address_line: str | None = None
    city: str | None = None
    postal_code: str | None = None
    country: str | None = None
    state: str | None = None


class RelatedPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Someone who answers for a patient's bill (FHIR R4 RelatedPerson). Sealed wherever it is stored."""

    reference: str
    identifiers: tuple[Identifier, ...]
    family: str
    given: str = ""
    address_line: str | None = None
    city: str | None = None
    postal_code: str | None = None
    country: str | None = None
    state: str | None = None


class Practitioner(msgspec.Struct, frozen=True, kw_only=True):
    """A person who provides care."""

    reference: str
    identifiers: tuple[Identifier, ...]
    name: str


class Payer(msgspec.Struct, frozen=True, kw_only=True):
    """Who owes for a covered service (FHIR R4 Coverage.payor)."""

    reference: str
    name: str


class ServiceLine(msgspec.Struct, frozen=True, kw_only=True):
    """One service as delivered. `service` is the organisation's own code, after the catalogue's tables.

    `unit_price` is set where the source agreed a price for this visit (FHIR R4 ChargeItem.priceOverride is that of the
    whole quantity); otherwise billing, which owns prices, decides, and the price counts `factor` times
    (ChargeItem.factorOverride).
    """

    service: str
    quantity: Decimal = Decimal(1)
    unit_price: Decimal | None = None
    factor: Decimal = Decimal(1)


class Visit(msgspec.Struct, frozen=True, kw_only=True):
    """A completed appointment with everything that billing and the ledger need to act on it.

    `day` is the day of service, the local date at the facility on which the visit ended. It follows from the other
    fields and the catalogue (`catalogue.days`); visits that were recorded before it was have none. Without a `payer`
    the bill goes to the `guarantor` (``RelatedPerson/…`` or another ``Patient/…``), else to the patient.
    """

    appointment: str
    patient: str
    practitioner: str
    facility: str
    payer: str | None
    started_at: datetime
    ended_at: datetime
    lines: tuple[ServiceLine, ...]
    day: date | None = None
    guarantor: str | None = None


class PricedLine(msgspec.Struct, frozen=True, kw_only=True):
    """One service with the price that billing set. Its amount is ``quantity * unit_price``, rounded."""

    service: str
    quantity: Decimal
    unit_price: Decimal


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """What billing captured for one visit. `number` is billing's own id."""

    number: str
    appointment: str
    total: Money
    lines: tuple[PricedLine, ...]


class EligibilityStatus(StrEnum):
    VERIFIED = "verified"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class Eligibility(msgspec.Struct, frozen=True, kw_only=True):
    """The payer's answer for one patient and day (FHIR R4 CoverageEligibilityResponse, X12 271)."""

    status: EligibilityStatus
    payer: str | None
    reason: str = ""


class Payment(msgspec.Struct, frozen=True, kw_only=True):
    """Money that billing posted against a charge (X12 835 CLP04 for a payer's)."""

    payment: str
    charge: str
    appointment: str
    amount: Money
    received_on: date
    payer: str | None = None


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """A product of a service's kit, in the product's own unit."""

    product: str
    quantity: Decimal


class JournalFact(msgspec.Struct, frozen=True, kw_only=True):
    """One document as an outside system holds it, read back for proof.

    `kind` is ``appointment``, ``charge``, ``claim``, ``invoice``, ``payment``, ``stock_move`` or ``accrual`` and what
    else a ledger of ours holds; `key` is the appointment (for payments the payment) it belongs to, `of` the appointment
    that a payment pays; `state` is the system's own word and `day` the document's own date. `party` is who owes or paid
    (``Payer/P1``; empty: the patient, or nobody that the system names), `open` what of `amount` is not settled,
    `quantity` how many units moved. `changed_at` is the system's time of its last change, where it keeps one; `detail`
    what else is to be seen of it, in a word, never anything personal.
    """

    kind: str
    key: str
    number: str
    state: str
    amount: Money | None = None
    day: date | None = None
    facility: str | None = None
    party: str = ""
    of: str = ""
    open: Money | None = None
    quantity: Decimal | None = None
    changed_at: datetime | None = None
    detail: str = ""
