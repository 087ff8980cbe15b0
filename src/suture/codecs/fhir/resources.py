"""FHIR R4 resources, typed as far as the platform reads them.

What R4 leaves optional is optional here, and what a bill can do without is read softly (`soft`): an ill-typed one is as
good as none. Other elements are passed over, as FHIR asks of a reader.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, TypeVar

import msgspec

S = TypeVar("S", bound=msgspec.Struct)


def soft(kind: type[S], elements: Any) -> list[S]:
    """Those of `elements` (a list, or one) that are of a kind."""
    found = []
    for element in elements if isinstance(elements, Sequence) and not isinstance(elements, str) else [elements]:
        try:
            found.append(msgspec.convert(element, kind, strict=False))
        except msgspec.ValidationError:
            continue
    return found


class Period(msgspec.Struct, frozen=True):
    """Times as they are written: each may be partial, or missing."""

    start: str = ""
    end: str = ""


class Identifier(msgspec.Struct, frozen=True):
    value: str = ""
    system: str = ""
    use: str = ""


class Coding(msgspec.Struct, frozen=True, rename="camel"):
    code: str = ""
    system: str = ""
    user_selected: bool = False


class CodeableConcept(msgspec.Struct, frozen=True):
    coding: tuple[Coding, ...] = ()

    def has(self, code: str) -> bool:
        return any(coding.code == code for coding in self.coding)


class Reference(msgspec.Struct, frozen=True):
    """`type` and `identifier` say whom it means where `reference` doesn't."""

    reference: str = ""
    type: str = ""
    display: str = ""
    identifier: Any = None


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    version_id: str = ""
    last_updated: str = ""


class HumanName(msgspec.Struct, frozen=True):
    use: str = ""
    family: str = ""
    given: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    text: str = ""
    period: Any = None


class Address(msgspec.Struct, frozen=True, rename="camel"):
    use: str = ""
    type: str = ""
    text: str = ""
    line: tuple[str, ...] = ()
    city: str = ""
    state: str = ""
    postal_code: str = ""
    country: str = ""
    period: Any = None


class Communication(msgspec.Struct, frozen=True):
    language: CodeableConcept = CodeableConcept()
    preferred: bool = False


class AppointmentParticipant(msgspec.Struct, frozen=True):
    actor: Reference = Reference()
    type: tuple[CodeableConcept, ...] = ()
    required: str = ""
    status: str = ""


class Quantity(msgspec.Struct, frozen=True):
    value: Decimal | None = None


class Amount(msgspec.Struct, frozen=True):
    """FHIR R4 Money."""

    value: Decimal | None = None
    currency: str = ""


class Resource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str = ""
    meta: Meta = Meta()


class Appointment(Resource, frozen=True, kw_only=True, rename="camel"):
    status: str = ""
    participant: tuple[AppointmentParticipant, ...] = ()
    start: str = ""
    end: str = ""


class Link(msgspec.Struct, frozen=True):
    """Another record of the same person: `type` is ``replaced-by``, ``replaces``, ``refer`` or ``seealso``."""

    other: Reference
    type: str = ""


class Person(Resource, frozen=True, kw_only=True, rename="camel"):
    """What patients, practitioners and related persons have in common."""

    identifier: Any = ()
    name: tuple[HumanName, ...] = ()
    address: tuple[Address, ...] = ()


class Patient(Person, frozen=True, kw_only=True, rename="camel"):
    birth_date: Any = ""
    communication: Any = ()
    link: Any = ()


class Practitioner(Person, frozen=True, kw_only=True, rename="camel"):
    pass


class RelatedPerson(Person, frozen=True, kw_only=True, rename="camel"):
    pass


class PractitionerRole(Resource, frozen=True, kw_only=True, rename="camel"):
    practitioner: Reference = Reference()


class Location(Resource, frozen=True, kw_only=True, rename="camel"):
    identifier: Any = ()
    part_of: Reference = Reference()


def place_codes(location: Location | None, identity: str) -> list[str]:
    """By what a place may be known, whoever asks: its identifiers, or where it has none, its id."""
    called = soft(Identifier, location.identifier) if location is not None else []
    return [one.value for one in called if one.value] or [identity]


class HealthcareService(Resource, frozen=True, kw_only=True, rename="camel"):
    location: tuple[Reference, ...] = ()


class Organization(Resource, frozen=True, kw_only=True, rename="camel"):
    identifier: Any = ()
    name: str = ""


class Coverage(Resource, frozen=True, kw_only=True, rename="camel"):
    status: str = ""
    order: int | None = None
    period: Period = Period()
    beneficiary: Reference = Reference()
    payor: tuple[Reference, ...] = ()


class AccountCoverage(msgspec.Struct, frozen=True):
    coverage: Reference
    priority: int | None = None


class Guarantor(msgspec.Struct, frozen=True, rename="camel"):
    party: Reference
    on_hold: bool = False
    period: Period = Period()


class Account(Resource, frozen=True, kw_only=True, rename="camel"):
    status: str = ""
    subject: tuple[Reference, ...] = ()
    coverage: tuple[AccountCoverage, ...] = ()
    guarantor: tuple[Guarantor, ...] = ()


class EncounterParticipant(msgspec.Struct, frozen=True):
    individual: Reference = Reference()
    type: tuple[CodeableConcept, ...] = ()


class EncounterLocation(msgspec.Struct, frozen=True):
    location: Reference
    status: str = ""


class Encounter(Resource, frozen=True, kw_only=True, rename="camel"):
    status: str = ""
    subject: Reference = Reference()
    participant: tuple[EncounterParticipant, ...] = ()
    appointment: tuple[Reference, ...] = ()
    period: Period = Period()
    account: tuple[Reference, ...] = ()
    location: tuple[EncounterLocation, ...] = ()
    part_of: Reference = Reference()


class Performer(msgspec.Struct, frozen=True):
    actor: Reference


class ChargeItem(Resource, frozen=True, kw_only=True, rename="camel"):
    status: str = ""
    code: CodeableConcept = CodeableConcept()
    subject: Reference = Reference()
    context: Reference = Reference()
    performer: tuple[Performer, ...] = ()
    account: tuple[Reference, ...] = ()
    quantity: Quantity | None = None
    factor_override: Decimal | None = None
    price_override: Amount | None = None
