"""What travels through the API. Amounts and quantities are decimal strings, times RFC 3339 with a zone."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from fastapi import Path
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9.\-]{0,63}$"
_AMOUNT = r"^[0-9]{1,12}(\.[0-9]{1,4})?$"
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})", re.ASCII | re.IGNORECASE)


def _is_moment(told: str) -> str:
    if not _MOMENT.fullmatch(told):
        raise ValueError("it is not an RFC 3339 date-time with a time zone")
    datetime.fromisoformat(told.upper())
    return told.upper()


Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
"""A source's id (FHIR R4 id)."""
PathId = Annotated[str, Path(pattern=ID_PATTERN, description="The source's id (FHIR R4 id).")]
Code = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}$")]
Quantity = Annotated[str, StringConstraints(pattern=_AMOUNT), Field(examples=["1"])]
Moment = Annotated[
    str,
    AfterValidator(_is_moment),
    Field(json_schema_extra={"format": "date-time"}, examples=["2026-03-02T09:30:00-05:00"]),
]


class ApiModel(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class ApiAnswer(BaseModel):
    model_config = ConfigDict(extra="forbid", from_attributes=True)


class Amount(ApiAnswer):
    amount: Decimal
    currency: Annotated[str, Field(examples=["USD"])]


class IdentifierQuery(ApiModel):
    """What a source calls a patient (FHIR R4 Identifier)."""

    system: Annotated[str, StringConstraints(min_length=1, max_length=200), Field(examples=["urn:harbour:mrn"])]
    value: Annotated[str, StringConstraints(min_length=1, max_length=200), Field(examples=["M-4711"])]


class PatientSearch(ApiModel):
    identifier: IdentifierQuery


class IdentifierAnswer(ApiAnswer):
    system: str
    value: str


class PatientAnswer(ApiAnswer):
    """As the system of record told last. Reading it is written to the audit trail."""

    id: str
    identifiers: list[IdentifierAnswer]
    family: str
    given: str
    birth_date: str | None
    language: str | None
    address_line: str | None
    city: str | None
    postal_code: str | None
    country: str | None


class PatientList(ApiAnswer):
    patients: list[PatientAnswer]


class TroubleAnswer(ApiAnswer):
    """What holds an appointment up, and who decides about it."""

    number: int
    code: str
    reason: str
    owner: str
    opened_at: datetime


class InvoiceAnswer(ApiAnswer):
    appointment: str
    number: str
    total: Amount | None
    open: Amount | None
    payment_state: str | None
    posted_at: datetime | None


class AppointmentAnswer(ApiAnswer):
    """`milestones` says when each was reached."""

    id: str
    status: str
    facility: str | None
    start_at: datetime | None
    milestones: dict[str, datetime]
    charged: Amount | None
    invoice: InvoiceAnswer | None
    updated_at: datetime


class AppointmentDetail(AppointmentAnswer):
    open_exceptions: list[TroubleAnswer]


class AppointmentPage(ApiAnswer):
    appointments: list[AppointmentAnswer]
    next: str | None


class LineRequest(ApiModel):
    """One service as delivered. `unit_price` is for a price that was agreed for this visit; billing's holds else."""

    service: Code
    quantity: Quantity = "1"
    unit_price: Quantity | None = None


class InvoiceRequest(ApiModel):
    """A completed visit that is to be billed. Whom it names must be known (`POST /v1/validations`)."""

    appointment: Id
    patient: Id
    practitioner: Id
    payer: Id | None = None
    facility: Code
    started_at: Moment
    ended_at: Moment
    lines: Annotated[list[LineRequest], Field(min_length=1, max_length=100)]


class InvoiceAccepted(ApiAnswer):
    """It goes its way: eligibility, charge, invoice. `status` is where to see how far it is."""

    appointment: str
    status: str


class PaymentAnswer(ApiAnswer):
    payment: str
    appointment: str
    amount: Amount
    received_on: str
    state: Literal["posted", "applied"]
    invoice_number: str | None
    residual: Amount | None
    applied_at: datetime | None


class ValidationItem(ApiModel):
    kind: Literal["patient", "practitioner", "payer", "facility", "service"]
    id: Code


class ValidationRequest(ApiModel):
    items: Annotated[list[ValidationItem], Field(min_length=1, max_length=200)]


class VerdictAnswer(ApiAnswer):
    kind: Literal["patient", "practitioner", "payer", "facility", "service"]
    id: str
    usable: bool
    reason: str


class ValidationAnswer(ApiAnswer):
    items: list[VerdictAnswer]


class CloudEvent(BaseModel):
    """CloudEvents 1.0, structured. The AsyncAPI document has the data of every type."""

    model_config = ConfigDict(extra="allow")
    specversion: str
    id: str
    type: str
    source: str
    subject: str
    time: datetime
    data: dict[str, object]


class EventPage(ApiAnswer):
    """`next` is where to go on: also where there is no more yet."""

    events: list[CloudEvent]
    next: str


EventType = Annotated[str, StringConstraints(pattern=r"^suture\.[a-z_.0-9]{1,80}$")]


class SubscriptionRequest(ApiModel):
    """Where events go, as Standard Webhooks. Without `types`, all of them."""

    url: Annotated[
        str, StringConstraints(pattern=r"^https?://[!-~]{1,1980}$"), Field(examples=["https://erp.example/hooks"])
    ]
    types: Annotated[list[EventType], Field(max_length=60)] = []


class SubscriptionSwitch(ApiModel):
    state: Literal["enabled", "disabled"]


class SubscriptionAnswer(ApiAnswer):
    id: str
    url: str
    types: list[str]
    state: Literal["enabled", "disabled"]
    reason: str
    failing_since: datetime | None
    created_at: datetime


class SubscriptionMade(SubscriptionAnswer):
    """`secret` verifies the webhooks. It is shown this once."""

    secret: str


class SubscriptionList(ApiAnswer):
    subscriptions: list[SubscriptionAnswer]


class SecretAnswer(ApiAnswer):
    """The new secret, shown this once; the one before signs beside it for a day."""

    secret: str


class DeliveryAnswer(ApiAnswer):
    event: str
    type: str
    state: Literal["waiting", "delivered", "given_up"]
    created_at: datetime
    attempts: int
    answered_at: datetime | None
    answer: str


class DeliveryList(ApiAnswer):
    deliveries: list[DeliveryAnswer]
