"""People as records: the name and address that hold now, and what else billing asks of them.

FHIR R4 HumanName (use, period, text), Address (use, type, period, text, state, country).
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import Any, TypeVar

from suture.canonical.records import Identifier, Patient, Practitioner, RelatedPerson
from suture.codecs import fhir
from suture.core.places import country_code, state_code
from suture.ingest.fhir_appointment.bundle import ToldDelivery, check_id, covers

_NAMES = ("official", "usual", "", "temp", "nickname", "anonymous", "maiden", "old")
_ADDRESSES = ("billing", "home", "", "work", "temp", "old")
_POSTAL = ("postal", "both", "", "physical")
_LAST = 99

N = TypeVar("N", fhir.HumanName, fhir.Address)


def patient(told: ToldDelivery, read: fhir.Read[fhir.Patient]) -> Patient:
    return Patient(
        birth_date=_birth_date(told, read.resource.birth_date),
        language=_language(read.resource.communication),
        **_person(told, read),
    )


def related_person(told: ToldDelivery, read: fhir.Read[fhir.RelatedPerson]) -> RelatedPerson:
    """Someone who answers for a patient's bill."""
    return RelatedPerson(**_person(told, read))


def practitioner(told: ToldDelivery, read: fhir.Read[fhir.Practitioner]) -> Practitioner:
    name = _name_of(told, read.resource)
    whole = name.text or " ".join(filter(None, (*name.prefix, *name.given, name.family)))
    return Practitioner(
        reference=f"Practitioner/{read.id}",
        identifiers=_identifiers(read.resource.identifier),
        name=whole.strip() or read.id,
    )


def _person(told: ToldDelivery, read: fhir.Read[Any]) -> dict[str, Any]:
    kind = read.held.kind
    check_id(read.id, kind)
    family, given = _names(_name_of(told, read.resource))
    return {
        "reference": f"{kind}/{read.id}",
        "identifiers": _identifiers(read.resource.identifier),
        "family": family,
        "given": given,
        **_address(_address_of(told, read.resource)),
    }


def _names(name: fhir.HumanName) -> tuple[str, str]:
    """Family and given name; a name that is given as text, or whole only there, is all in the first."""
    given = " ".join(filter(None, name.given))
    if name.text and not (name.family and given):
        return name.text, ""
    return name.family, given


def _name_of(told: ToldDelivery, person: fhir.Person) -> fhir.HumanName:
    said = [one for one in person.name if one.text or one.family or any(one.given)]
    return _current(told, said, lambda one: (_place(_NAMES, one.use),)) or fhir.HumanName()


def _address_of(told: ToldDelivery, person: fhir.Person) -> fhir.Address:
    said = [one for one in person.address if one.text or any(one.line) or one.city or one.postal_code]
    order: Callable[[fhir.Address], tuple[int, ...]] = lambda one: (  # noqa: E731
        _place(_ADDRESSES, one.use),
        _place(_POSTAL, one.type),
    )
    return _current(told, said, order) or fhir.Address()


def _current(told: ToldDelivery, said: Sequence[N], order: Callable[[N], tuple[int, ...]]) -> N | None:
    """The one to use now: none that is over or yet to come, unless there is no other."""
    today = fhir.local_day(told.context.received_at, told.zone)
    holding = [one for one in said if one.use != "old" and _holds(told, one.period, today)]
    return min(holding or said, key=order, default=None)


def _holds(told: ToldDelivery, period: Any, today: date) -> bool:
    return all(covers(one, today, told.zone) for one in fhir.soft(fhir.Period, period)) if period else True


def _place(order: Sequence[str], use: str) -> int:
    return order.index(use) if use in order else _LAST


def _address(address: fhir.Address) -> dict[str, str | None]:
    line = ", ".join(filter(None, address.line))
    if not line and not address.city:
        line = ", ".join(part.strip() for part in address.text.splitlines() if part.strip())
    country = country_code(address.country)
    return {
        "address_line": line or None,
        "city": address.city or None,
        "postal_code": address.postal_code or None,
        "state": state_code(address.state, country) or None,
        "country": country or None,
    }


def _identifiers(told: Any) -> tuple[Identifier, ...]:
    """What sources call a person; an identifier whose value is missing or withheld is none."""
    return tuple(Identifier(one.system, one.value) for one in fhir.soft(fhir.Identifier, told) if one.value)


def _birth_date(told: ToldDelivery, text: Any) -> date | None:
    """A whole day; a year or a month is none."""
    span = fhir.days(text, told.zone) if isinstance(text, str) else None
    return span[0] if span is not None and span[0] == span[1] else None


def _language(told: Any) -> str | None:
    spoken = sorted(fhir.soft(fhir.Communication, told), key=lambda one: not one.preferred)
    return next(_codes(spoken), None)


def _codes(spoken: Sequence[fhir.Communication]) -> Iterator[str]:
    for one in spoken:
        yield from (coding.code for coding in one.language.coding if coding.code)
