"""FHIR R4 resources of a clinic's day, as plain trees.

Elements that R4 requires (cardinality 1..) are always there; https://hl7.org/fhir/R4/resourcelist.html.
"""

from datetime import datetime, timedelta
from typing import Any

from suture_lab.simulators.clinic.day import (
    Address,
    AppointmentPlan,
    ClinicDay,
    ClinicFacility,
    ClinicPatient,
    ClinicPayer,
    ClinicPractitioner,
    ClinicService,
    PlannedLine,
)
from suture_lab.simulators.scheduling.story import Happening

Resource = dict[str, Any]

MRN_SYSTEM = "urn:suture:clinic:mrn"
FACILITY_SYSTEM = "urn:suture:clinic:facility"
PAYER_SYSTEM = "urn:suture:clinic:payer"
NPI_SYSTEM = "http://hl7.org/fhir/sid/us-npi"
_IDENTIFIER_TYPES = "http://terminology.hl7.org/CodeSystem/v2-0203"
_ACT_CODES = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_ORGANIZATION_TYPES = "http://terminology.hl7.org/CodeSystem/organization-type"

STATUS = {
    "booked": "booked",
    "rescheduled": "booked",
    "arrived": "arrived",
    "completed": "fulfilled",
    "cancelled": "cancelled",
    "noshow": "noshow",
}


def instant(moment: datetime) -> str:
    """A FHIR instant in UTC."""
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def reference(kind: str, record_id: str) -> dict[str, str]:
    return {"reference": f"{kind}/{record_id}"}


def appointment(happening: Happening) -> Resource:
    plan = happening.plan
    actors = (("Patient", plan.patient), ("Practitioner", plan.practitioner), ("Location", plan.facility))
    return {
        "resourceType": "Appointment",
        "id": plan.id,
        "meta": {"versionId": str(happening.version), "lastUpdated": instant(happening.at)},
        "status": STATUS[happening.step],
        "start": instant(happening.start),
        "end": instant(happening.start + timedelta(minutes=plan.minutes)),
        "minutesDuration": plan.minutes,
        "participant": [
            {"actor": reference(kind, record_id), "required": "required", "status": "accepted"}
            for kind, record_id in actors
        ],
    }


def patient(record: ClinicPatient) -> Resource:
    resource: Resource = {
        "resourceType": "Patient",
        "id": record.id,
        "identifier": [
            {"type": {"coding": [{"system": _IDENTIFIER_TYPES, "code": "MR"}]}}
            | {"system": MRN_SYSTEM, "value": record.mrn}
        ],
        "active": True,
        "name": [_name(record.family, record.given)],
    }
    if record.birth_date is not None:
        resource["birthDate"] = record.birth_date.isoformat()
    if record.address is not None:
        resource["address"] = [_address(record.address)]
    if record.language is not None:
        language = {"coding": [{"system": "urn:ietf:bcp:47", "code": record.language}]}
        resource["communication"] = [{"language": language, "preferred": True}]
    return resource


def practitioner(record: ClinicPractitioner) -> Resource:
    return {
        "resourceType": "Practitioner",
        "id": record.id,
        "identifier": [{"system": NPI_SYSTEM, "value": record.npi}],
        "active": True,
        "name": [_name(record.family, record.given)],
    }


def location(record: ClinicFacility) -> Resource:
    return {
        "resourceType": "Location",
        "id": record.code,
        "identifier": [{"system": FACILITY_SYSTEM, "value": record.code}],
        "status": "active",
        "name": record.name,
        "mode": "instance",
    }


def organization(record: ClinicPayer) -> Resource:
    return {
        "resourceType": "Organization",
        "id": record.id,
        "identifier": [{"system": PAYER_SYSTEM, "value": record.id}],
        "active": True,
        "type": [{"coding": [{"system": _ORGANIZATION_TYPES, "code": "ins"}]}],
        "name": record.name,
    }


def encounter(plan: AppointmentPlan) -> Resource:
    end = plan.start + timedelta(minutes=plan.minutes)
    account: Resource = {"account": [reference("Account", plan.id)]} if plan.payer is not None else {}
    return account | {
        "resourceType": "Encounter",
        "id": plan.id,
        "status": "finished",
        "class": {"system": _ACT_CODES, "code": "AMB", "display": "ambulatory"},
        "subject": reference("Patient", plan.patient),
        "participant": [{"individual": reference("Practitioner", plan.practitioner)}],
        "appointment": [reference("Appointment", plan.id)],
        "period": {"start": instant(plan.start), "end": instant(end)},
        "location": [{"location": reference("Location", plan.facility)}],
    }


def account(plan: AppointmentPlan) -> Resource:
    """What the visit is billed to: the one coverage that it falls under, of all that the patient may have."""
    return {
        "resourceType": "Account",
        "id": plan.id,
        "status": "active",
        "subject": [reference("Patient", plan.patient)],
        "coverage": [{"coverage": reference("Coverage", f"{plan.id}-cov"), "priority": 1}],
    }


def coverage(plan: AppointmentPlan) -> Resource:
    """The coverage that this visit falls under; only for visits with a payer."""
    if plan.payer is None:
        raise ValueError(f"Appointment/{plan.id} is self-pay")
    return {
        "resourceType": "Coverage",
        "id": f"{plan.id}-cov",
        "status": "active",
        "beneficiary": reference("Patient", plan.patient),
        "payor": [reference("Organization", plan.payer)],
    }


def charge_item(
    plan: AppointmentPlan, number: int, line: PlannedLine, service: ClinicService, currency: str
) -> Resource:
    resource: Resource = {
        "resourceType": "ChargeItem",
        "id": f"{plan.id}-{number}",
        "status": "billable",
        "code": {"coding": [{"system": service.code_system, "code": service.code, "display": service.name}]},
        "subject": reference("Patient", plan.patient),
        "context": reference("Encounter", plan.id),
        "occurrenceDateTime": instant(plan.start),
        "quantity": {"value": line.quantity},
    }
    if line.unit_price is not None:
        resource["priceOverride"] = {"value": line.quantity * line.unit_price, "currency": currency}
        resource["overrideReason"] = "Agreed for this visit"
    return resource


def charge_items(plan: AppointmentPlan, services: dict[str, ClinicService], day: ClinicDay) -> list[Resource]:
    return [
        charge_item(plan, number, line, services[line.code], day.currency)
        for number, line in enumerate(plan.lines, start=1)
    ]


def _name(family: str, given: str) -> Resource:
    return {"use": "official", "family": family} | ({"given": [given]} if given else {})


def _address(address: Address) -> Resource:
    parts = {"city": address.city, "postalCode": address.postal_code, "country": address.country}
    lines: Resource = {"line": [address.line]} if address.line else {}
    return lines | {name: value for name, value in parts.items() if value}
