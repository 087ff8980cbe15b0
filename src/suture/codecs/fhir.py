"""FHIR R4 JSON, typed as far as the platform reads it.

Only the elements that something here needs are declared; others are passed over, as FHIR asks of a reader. A missing
or ill-typed required element raises `msgspec.ValidationError`, whose text names the place and never the content.
"""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, TypeVar

import msgspec

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""A moment: FHIR asks for a time zone wherever there is a time of day."""


class Identifier(msgspec.Struct, frozen=True):
    value: str
    system: str = ""


class Coding(msgspec.Struct, frozen=True):
    code: str
    system: str = ""
    display: str = ""


class CodeableConcept(msgspec.Struct, frozen=True):
    coding: tuple[Coding, ...] = ()
    text: str = ""


class Reference(msgspec.Struct, frozen=True):
    reference: str = ""
    display: str = ""
    identifier: Identifier | None = None


class Period(msgspec.Struct, frozen=True):
    start: Instant
    end: Instant


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    version_id: str = ""
    last_updated: Instant | None = None


class HumanName(msgspec.Struct, frozen=True):
    family: str = ""
    given: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    text: str = ""


class Address(msgspec.Struct, frozen=True, rename="camel"):
    line: tuple[str, ...] = ()
    city: str | None = None
    postal_code: str | None = None
    country: str | None = None


class Communication(msgspec.Struct, frozen=True):
    language: CodeableConcept


class Participant(msgspec.Struct, frozen=True):
    actor: Reference


class Quantity(msgspec.Struct, frozen=True):
    value: Decimal


class Amount(msgspec.Struct, frozen=True):
    """FHIR R4 Money."""

    value: Decimal
    currency: str = ""


class Resource(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str


class Appointment(Resource, frozen=True, kw_only=True, rename="camel"):
    status: str
    meta: Meta
    participant: tuple[Participant, ...]
    start: Instant | None = None
    end: Instant | None = None


class Patient(Resource, frozen=True, kw_only=True, rename="camel"):
    identifier: tuple[Identifier, ...] = ()
    name: tuple[HumanName, ...] = ()
    birth_date: date | None = None
    address: tuple[Address, ...] = ()
    communication: tuple[Communication, ...] = ()


class Practitioner(Resource, frozen=True, kw_only=True, rename="camel"):
    identifier: tuple[Identifier, ...] = ()
    name: tuple[HumanName, ...] = ()


class Location(Resource, frozen=True, kw_only=True, rename="camel"):
    identifier: tuple[Identifier, ...] = ()


class Organization(Resource, frozen=True, kw_only=True, rename="camel"):
    name: str = ""


class Coverage(Resource, frozen=True, kw_only=True, rename="camel"):
    payor: tuple[Reference, ...]


class Encounter(Resource, frozen=True, kw_only=True, rename="camel"):
    status: str
    period: Period


class ChargeItem(Resource, frozen=True, kw_only=True, rename="camel"):
    status: str
    code: CodeableConcept
    quantity: Quantity = Quantity(Decimal(1))
    price_override: Amount | None = None


class _Entry(msgspec.Struct, frozen=True):
    resource: msgspec.Raw


class Bundle(msgspec.Struct, frozen=True, rename="camel"):
    """A Bundle whose resources are decoded on demand, by type."""

    resource_type: str
    entry: tuple[_Entry, ...] = ()


class _Typed(msgspec.Struct, frozen=True, rename="camel"):
    resource_type: str


R = TypeVar("R", bound=Resource)


class Contents:
    """The resources of a bundle by type."""

    def __init__(self, bundle: Bundle) -> None:
        self._raw: dict[str, list[msgspec.Raw]] = {}
        for entry in bundle.entry:
            kind = msgspec.json.decode(entry.resource, type=_Typed).resource_type
            self._raw.setdefault(kind, []).append(entry.resource)

    def each(self, kind: type[R]) -> Iterator[R]:
        """Every resource of a type, decoded. Raises `msgspec.ValidationError`."""
        for raw in self._raw.get(kind.__name__, ()):
            yield msgspec.json.decode(raw, type=kind, strict=False)

    def first(self, kind: type[R]) -> R | None:
        return next(self.each(kind), None)


def reference_id(reference: str) -> str:
    """The id in a literal reference: ``Patient/17`` and ``urn:uuid:17`` both name 17."""
    return reference.rpartition("/")[2].rpartition(":")[2]
