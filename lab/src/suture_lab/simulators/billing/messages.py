"""What travels through the billing platform's API. Amounts and quantities are decimal strings."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

import msgspec

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class EligibilityRequest(msgspec.Struct, frozen=True):
    patient: Name
    payer: Name
    service_date: date


class EligibilityAnswer(msgspec.Struct, frozen=True):
    status: Literal["active", "inactive", "unknown"]
    reason: str = ""


class RequestedLine(msgspec.Struct, frozen=True):
    """`unit_price` is set where a price was agreed; otherwise the price list's holds."""

    code: Name
    quantity: Decimal
    unit_price: Decimal | None = None


class ChargeRequest(msgspec.Struct, frozen=True):
    """`external_id` is the caller's own key: one charge for each, however often it is asked for."""

    external_id: Name
    patient: Name
    practitioner: Name
    facility: Name
    service_date: date
    lines: tuple[RequestedLine, ...]
    payer: Name | None = None


class ChargeLine(msgspec.Struct, frozen=True):
    code: str
    quantity: Decimal
    unit_price: Decimal


class BilledCharge(msgspec.Struct, frozen=True):
    id: str
    external_id: str
    status: Literal["captured", "voided"]
    currency: str
    total: Decimal
    lines: tuple[ChargeLine, ...]


class ChargeAccount(BilledCharge, frozen=True):
    """A charge with what it is for, and what was paid on it so far."""

    paid: Decimal = Decimal(0)
    service_date: date | None = None
    facility: str | None = None
    payer: str | None = None


class Claim(msgspec.Struct, frozen=True):
    """What was asked of a payer for a charge, and whether it answered."""

    id: str
    charge_id: str
    charge_external_id: str
    payer: str
    amount: Decimal
    currency: str
    status: Literal["submitted", "paid", "denied", "cancelled"]
    submitted_on: date


class BilledPayment(msgspec.Struct, frozen=True):
    """`payer` is the charge's insurer; None is the patient."""

    id: str
    charge_id: str
    charge_external_id: str
    amount: Decimal
    currency: str
    received_on: date
    payer: str | None


class BillingRefusal(Exception):
    """The platform refuses a call: HTTP `status`, a stable `code` and words for a person."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
