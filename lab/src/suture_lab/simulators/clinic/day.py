"""The clinic's day: one frozen document from which every simulated system plays its part.

Ids are FHIR R4 ids (no resource type in front). Amounts are Decimals in the day's currency.
"""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from suture.core.money import round_money

Step = Literal["booked", "rescheduled", "arrived", "completed", "cancelled", "noshow"]
EligibilityAnswer = Literal["active", "inactive", "unknown"]


class ClinicFacility(msgspec.Struct, frozen=True, kw_only=True):
    code: str
    name: str


class ClinicPractitioner(msgspec.Struct, frozen=True, kw_only=True):
    """`npi` is the US National Provider Identifier, or what the source has in its place."""

    id: str
    npi: str
    family: str
    given: str


class ClinicPayer(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """`country` is an ISO 3166-1 alpha-2 code."""

    line: str = ""
    city: str = ""
    postal_code: str = ""
    country: str = "US"


class ClinicPatient(msgspec.Struct, frozen=True, kw_only=True):
    """`mrn` is the medical record number, `language` a BCP 47 tag."""

    id: str
    mrn: str
    family: str
    given: str
    birth_date: date | None = None
    language: str | None = None
    address: Address | None = None


class ClinicProduct(msgspec.Struct, frozen=True, kw_only=True):
    """A stocked article that kits are made of."""

    code: str
    name: str


class KitPart(msgspec.Struct, frozen=True, kw_only=True):
    """How much of a product one unit of a service uses up."""

    product: str
    quantity: Decimal


class ClinicService(msgspec.Struct, frozen=True, kw_only=True):
    """What the clinic sells. `name` is what a bill says, so it tells nothing clinical.

    `share` is the part of the amount that goes to the practitioner, in percent; None where there is no such rule.
    """

    code_system: str
    code: str
    name: str
    price: Decimal
    kit: tuple[KitPart, ...] = ()
    share: Decimal | None = None


class PlannedLine(msgspec.Struct, frozen=True, kw_only=True):
    """One service to deliver. `unit_price` is set where it differs from the price list."""

    code: str
    quantity: Decimal = Decimal(1)
    unit_price: Decimal | None = None


class PlannedPayment(msgspec.Struct, frozen=True, kw_only=True):
    """Money that will come in for a visit; `payer` is None when the patient pays."""

    amount: Decimal
    payer: str | None = None


class AppointmentPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One appointment with its whole story, from booking to the last payment.

    `start` is when it takes place; `first_start` when it was first booked for, where it gets rescheduled.
    """

    id: str
    patient: str
    practitioner: str
    facility: str
    payer: str | None
    start: datetime
    minutes: int
    story: tuple[Step, ...]
    lines: tuple[PlannedLine, ...] = ()
    payments: tuple[PlannedPayment, ...] = ()
    eligible: EligibilityAnswer = "active"
    first_start: datetime | None = None


class ClinicDay(msgspec.Struct, frozen=True, kw_only=True):
    day: date
    seed: int
    currency: str
    facilities: tuple[ClinicFacility, ...]
    practitioners: tuple[ClinicPractitioner, ...]
    payers: tuple[ClinicPayer, ...]
    patients: tuple[ClinicPatient, ...]
    products: tuple[ClinicProduct, ...]
    services: tuple[ClinicService, ...]
    appointments: tuple[AppointmentPlan, ...]


def total_of(lines: tuple[PlannedLine, ...], prices: Mapping[str, Decimal], currency: str) -> Decimal:
    """What `lines` cost together; each line is rounded, as an invoice's lines are."""
    return sum((_amount(line, prices, currency) for line in lines), Decimal(0))


def read_day(path: Path) -> ClinicDay:
    """The day stored in `path`. Raises `msgspec.ValidationError` where it isn't one."""
    return msgspec.json.decode(path.read_bytes(), type=ClinicDay)


def write_day(day: ClinicDay, path: Path) -> None:
    path.write_bytes(msgspec.json.encode(day))


def _amount(line: PlannedLine, prices: Mapping[str, Decimal], currency: str) -> Decimal:
    price = prices[line.code] if line.unit_price is None else line.unit_price
    return round_money(line.quantity * price, currency)
