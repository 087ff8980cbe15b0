"""FHIR R4 resources, as far as a clinic's day needs them. Whatever else they carry is never read."""

from decimal import Decimal
from typing import Annotated

import msgspec

Currency = Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]


class _Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An element or resource: FHIR's names are ours in camel case, and what is not named here is passed over."""


class Coding(_Part, frozen=True):
    system: str = ""
    code: str = ""


class CodeableConcept(_Part, frozen=True):
    coding: tuple[Coding, ...] = ()

    @property
    def first(self) -> Coding:
        return self.coding[0] if self.coding else Coding()


class Reference(_Part, frozen=True):
    reference: str = ""
    display: str = ""


class Identifier(_Part, frozen=True):
    type: CodeableConcept = CodeableConcept()
    system: str = ""
    value: str = ""


class HumanName(_Part, frozen=True):
    use: str = ""
    family: str = ""
    given: tuple[str, ...] = ()


class Address(_Part, frozen=True):
    line: tuple[str, ...] = ()
    city: str = ""
    postal_code: str = ""
    country: str = ""


class Communication(_Part, frozen=True):
    language: CodeableConcept = CodeableConcept()


class Period(_Part, frozen=True):
    start: str = ""
    end: str = ""


class Money(_Part, frozen=True):
    value: Decimal
    currency: Currency = "USD"


class Patient(_Part, frozen=True):
    name: tuple[HumanName, ...] = ()
    identifier: tuple[Identifier, ...] = ()
    birth_date: str = ""
    address: tuple[Address, ...] = ()
    communication: tuple[Communication, ...] = ()


class Practitioner(_Part, frozen=True):
    name: tuple[HumanName, ...] = ()
    identifier: tuple[Identifier, ...] = ()


class Organization(_Part, frozen=True):
    name: str = ""
    identifier: tuple[Identifier, ...] = ()


class Participant(_Part, frozen=True):
    individual: Reference = Reference()


class Encounter(_Part, frozen=True):
    status: str
    subject: Reference
    period: Period
    service_provider: Reference = Reference()
    participant: tuple[Participant, ...] = ()


class ClaimItem(_Part, frozen=True):
    product_or_service: CodeableConcept
    net: Money | None = None
    encounter: tuple[Reference, ...] = ()


class Insurance(_Part, frozen=True):
    coverage: Reference = Reference()


class Claim(_Part, frozen=True):
    type: CodeableConcept
    total: Money
    item: tuple[ClaimItem, ...] = ()
    insurance: tuple[Insurance, ...] = ()


class BenefitPayment(_Part, frozen=True):
    amount: Money | None = None


class ExplanationOfBenefit(_Part, frozen=True):
    claim: Reference
    payment: BenefitPayment = BenefitPayment()


KINDS: dict[str, type[msgspec.Struct]] = {
    "Patient": Patient,
    "Practitioner": Practitioner,
    "Organization": Organization,
    "Encounter": Encounter,
    "Claim": Claim,
    "ExplanationOfBenefit": ExplanationOfBenefit,
}
