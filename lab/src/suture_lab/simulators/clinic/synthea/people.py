"""Patients, practitioners and facilities of a clinic's day from their FHIR R4 resources. Pure."""

from collections.abc import Sequence
from datetime import date

from suture_lab.simulators.clinic.day import Address, ClinicFacility, ClinicPatient, ClinicPractitioner
from suture_lab.simulators.clinic.synthea import resources as fhir
from suture_lab.simulators.clinic.synthea.shelf import Unusable

NPI_SYSTEM = "http://hl7.org/fhir/sid/us-npi"


def patient(record_id: str, resource: fhir.Patient) -> ClinicPatient:
    name = _official(resource.name)
    numbers = (known.value for known in resource.identifier if known.type.first.code == "MR")
    language = resource.communication[0].language.first.code if resource.communication else ""
    return ClinicPatient(
        id=record_id,
        mrn=next(numbers, "") or record_id,
        family=name.family,
        given=" ".join(name.given),
        birth_date=_date(resource.birth_date),
        language=language or None,
        address=_address(resource.address[0]) if resource.address else None,
    )


def practitioner(record_id: str, resource: fhir.Practitioner) -> ClinicPractitioner:
    name = _official(resource.name)
    numbers = (known.value for known in resource.identifier if known.system == NPI_SYSTEM)
    return ClinicPractitioner(
        id=record_id, npi=next(numbers, "") or record_id, family=name.family, given=" ".join(name.given)
    )


def facility(record_id: str, resource: fhir.Organization) -> ClinicFacility:
    if not resource.name:
        raise Unusable("has no name")
    return ClinicFacility(code=record_id, name=resource.name)


def _official(names: Sequence[fhir.HumanName]) -> fhir.HumanName:
    usable = [name for name in names if name.family]
    if not usable:
        raise Unusable("has no family name")
    return next((name for name in usable if name.use == "official"), usable[0])


def _date(text: str) -> date | None:
    """A FHIR date; a partial one (``1984-07``) is allowed there and says too little here."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _address(address: fhir.Address) -> Address:
    country = address.country if len(address.country) == 2 else "US"
    return Address(line=", ".join(address.line), city=address.city, postal_code=address.postal_code, country=country)
